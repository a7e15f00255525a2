// What an adapter of an app-server tells, as typed objects: notification -> event and back, by the table of methods.
//
// Pure and lossless: the members of an event are those of Codex's `params`, and what has no type of its own passes
// whole as `notification`. Its types are codexd's event types without `app-server.`.

import { isObject } from "../base/decode.ts";
import { NOTIFICATIONS } from "./notifications.ts";

/** Members that every event of an adapter may have, beside Codex's own. */
interface Told {
  /** Codex's method; left out, it is the one that belongs to the type. */
  readonly notificationMethod?: string | undefined;
  /** Codex's own time stamp, epoch milliseconds. */
  readonly emittedAtMs?: number | undefined;
  readonly [member: string]: unknown;
}

interface OnTurn extends Told {
  readonly threadId: string;
  readonly turnId: string;
}

/** A turn as `turn.started` and `turn.completed` have it; `error` is null unless it has failed. */
export interface AdapterTurn {
  readonly id: string;
  readonly status?: string | undefined;
  readonly error?: { readonly message: string; readonly [member: string]: unknown } | null | undefined;
  readonly [member: string]: unknown;
}

export type AppServerAdapterEvent =
  | (Told & { readonly type: "thread.started"; readonly thread: { readonly id: string } })
  | (Told & { readonly type: "thread.status.changed"; readonly threadId: string; readonly status: unknown })
  | (Told & {
    readonly type: "turn.started" | "turn.completed"; readonly threadId: string; readonly turn: AdapterTurn;
  })
  | (OnTurn & { readonly type: "turn.diff.updated"; readonly diff: string })
  | (OnTurn & { readonly type: "turn.plan.updated" | "turn.usage.updated" })
  | (OnTurn & {
    readonly type: "turn.message.delta" | "turn.plan.delta" | "turn.reasoning.delta" | "item.output.delta";
    readonly itemId: string;
    readonly delta: string;
  })
  | (OnTurn & { readonly type: "turn.error"; readonly error: unknown; readonly willRetry?: boolean | undefined })
  | (OnTurn & { readonly type: "item.started" | "item.completed"; readonly item: object })
  | (Told & { readonly type: "command.output.delta" })
  | (Told & {
    readonly type: "notification"; readonly notificationMethod: string; readonly params?: object | undefined;
  });

const PREFIX = "app-server.";

/** Type without its prefix -> the methods that have it; the first one stands for an event that names none. */
const METHODS_OF: ReadonlyMap<string, readonly string[]> = methodsByType();

export interface ToldNotification {
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly emittedAtMs: number | null;
}

/** Undefined for what is no event. `params` is a new object; its members are the event's own. */
export function notificationOfEvent(event: unknown): ToldNotification | undefined {
  if (!isObject(event) || typeof event["type"] !== "string") return undefined;
  const { type, notificationMethod, emittedAtMs: stamp, ...members } = event;
  const named = typeof notificationMethod === "string" && notificationMethod !== "" ? notificationMethod : undefined;
  const emittedAtMs = typeof stamp === "number" ? stamp : null;
  const methods = METHODS_OF.get(type);
  if (methods !== undefined) {
    const method = named !== undefined && methods.includes(named) ? named : (methods[0] ?? type);
    return { method, params: members, emittedAtMs };
  }
  const { params } = members;
  const whole = type === "notification" && isObject(params) ? { ...params } : members;
  return { method: named ?? type, params: whole, emittedAtMs };
}

/** The event that an adapter made of codexd's own client gives for a notification. */
export function eventOfNotification({ method, params, emittedAtMs }: ToldNotification): AppServerAdapterEvent {
  const type = NOTIFICATIONS.get(method)?.type.slice(PREFIX.length);
  const stamp = emittedAtMs === null ? {} : { emittedAtMs };
  const told = { notificationMethod: method, ...stamp };
  if (type === undefined) return { type: "notification", params, ...told };
  // The table pairs the type with the members that Codex gives that method.
  return { ...params, ...told, type } as AppServerAdapterEvent;
}

function methodsByType(): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const [method, { type }] of NOTIFICATIONS) {
    const name = type.slice(PREFIX.length);
    methods.set(name, [...(methods.get(name) ?? []), method]);
  }
  return methods;
}
