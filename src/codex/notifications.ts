// What the app-server tells, as a table: one row a method, notification in, event out.
//
// Pure and lossless: `detail` is Codex's `params` with ids lifted to where filters look for them, and a method
// without a row passes whole as `app-server.notification`. State is changed in service/events/ingest.ts, never here.

import { isObject } from "../base/decode.ts";
import { messageLine, type EventDetail, type EventDraft, type EventLevel, type EventType } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";

export interface Notification {
  readonly method: string;
  /** Owned by the caller of `toEvent`, which adds members to it. */
  readonly params: Record<string, unknown>;
  /** Codex's own time stamp, epoch milliseconds; null before 0.169, which had none. */
  readonly emittedAtMs: number | null;
}

interface Row {
  readonly type: EventType;
  /** One line for people; a constant where the event comes thousands of times a second. */
  readonly message: string | ((params: Record<string, unknown>) => string);
  readonly level?: (params: Record<string, unknown>) => EventLevel;
}

/** Methods that have an event type of their own. */
export const NOTIFICATIONS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ["thread/started", { type: "app-server.thread.started", message: "thread started" }],
  ["thread/status/changed", {
    type: "app-server.thread.status.changed",
    message: (params) => `thread is ${wordOf(params["status"], "type")}`,
  }],
  ["thread/tokenUsage/updated", { type: "app-server.turn.usage.updated", message: "token usage updated" }],
  ["turn/started", { type: "app-server.turn.started", message: "turn started" }],
  ["turn/completed", {
    type: "app-server.turn.completed",
    message: (params) => `turn ${wordOf(params["turn"], "status")}`,
    level: (params) => (wordOf(params["turn"], "status") === "failed" ? "error" : "info"),
  }],
  ["turn/diff/updated", { type: "app-server.turn.diff.updated", message: "diff updated" }],
  ["turn/plan/updated", { type: "app-server.turn.plan.updated", message: "plan updated" }],
  ["error", {
    type: "app-server.turn.error",
    message: (params) => wordOf(params["error"], "message"),
    level: (params) => (params["willRetry"] === true ? "warn" : "error"),
  }],
  ["item/started", {
    type: "app-server.item.started",
    message: (params) => `${wordOf(params["item"], "type")} started`,
  }],
  ["item/completed", {
    type: "app-server.item.completed",
    message: (params) => `${wordOf(params["item"], "type")} completed`,
  }],
  ["item/agentMessage/delta", { type: "app-server.turn.message.delta", message: "message delta" }],
  ["item/plan/delta", { type: "app-server.turn.plan.delta", message: "plan delta" }],
  ["item/reasoning/summaryTextDelta", { type: "app-server.turn.reasoning.delta", message: "reasoning delta" }],
  ["item/reasoning/textDelta", { type: "app-server.turn.reasoning.delta", message: "reasoning delta" }],
  ["item/commandExecution/outputDelta", { type: "app-server.item.output.delta", message: "output delta" }],
  ["item/fileChange/outputDelta", { type: "app-server.item.output.delta", message: "output delta" }],
  ["command/exec/outputDelta", { type: "app-server.command.output.delta", message: "output delta" }],
]);

/** Members that `toEvent` adds: a notification that has one of its own passes whole, so that nothing is covered. */
const ADDED = ["sessionId", "notificationMethod", "emittedAtMs"] as const;

/**
 * The event of a notification. `sessionId` is codexd's session on the thread, null where there is none. Takes
 * `notification.params` over and adds to it: copying would cost more than all the rest on the path of deltas.
 */
export function toEvent(notification: Notification, sessionId: string | null): EventDraft {
  const { method, params, emittedAtMs } = notification;
  const row = NOTIFICATIONS.get(method);
  if (row === undefined || ADDED.some((name) => name in params)) return wholeNotification(notification, sessionId);
  const delta = row.type.endsWith(".delta");
  if (!delta) liftIds(params);
  params["sessionId"] = sessionId;
  if (!delta) params["notificationMethod"] = method;
  if (emittedAtMs !== null) params["emittedAtMs"] = emittedAtMs;
  return {
    level: row.level === undefined ? "info" : row.level(params),
    type: row.type,
    message: typeof row.message === "string" ? row.message : row.message(params),
    detail: params as EventDetail,
  };
}

/** The thread that a notification is about, wherever it says so. */
export function threadIdOf(params: Record<string, unknown>): string | null {
  const direct = params["threadId"];
  if (typeof direct === "string") return idOf(direct);
  const thread = params["thread"];
  return isObject(thread) ? idOf(thread["id"]) : null;
}

/** The turn that a notification is about, wherever it says so. */
export function turnIdOf(params: Record<string, unknown>): string | null {
  const direct = params["turnId"];
  if (typeof direct === "string") return idOf(direct);
  const turn = params["turn"];
  return isObject(turn) ? idOf(turn["id"]) : null;
}

/** The turn inside of which a turn runs: a review's, a sub-agent's. Null where `turn` does not name one. */
export function rootTurnIdOf(turn: unknown): string | null {
  return isObject(turn) ? idOf(turn["rootTurnId"]) : null;
}

/** An id of Codex's; null for what is none, which a text that is much too long is not either. */
export function idOf(value: unknown): string | null {
  return typeof value === "string" && value.length <= LIMITS.codexIdCharsMax ? value : null;
}

function wholeNotification({ method, params, emittedAtMs }: Notification, sessionId: string | null): EventDraft {
  return {
    level: method === "warning" || method === "configWarning" ? "warn" : "info",
    type: "app-server.notification",
    message: typeof params["message"] === "string" ? messageLine(params["message"]) : method,
    detail: {
      sessionId,
      threadId: threadIdOf(params),
      turnId: turnIdOf(params),
      notificationMethod: method,
      emittedAtMs,
      params,
    },
  };
}

/** Ids stand at the top of `detail` whatever object Codex put them in; what it put there itself is never replaced. */
function liftIds(params: Record<string, unknown>): void {
  const { thread, turn, item } = params;
  if (isObject(thread)) params["threadId"] ??= thread["id"];
  if (isObject(turn)) {
    params["turnId"] ??= turn["id"];
    params["status"] ??= turn["status"];
    params["error"] ??= turn["error"];
  }
  if (isObject(item)) params["itemId"] ??= item["id"];
}

function wordOf(value: unknown, member: string): string {
  const word = isObject(value) ? value[member] : undefined;
  return typeof word === "string" ? messageLine(word) : "unknown";
}
