// What a client asks of the events: from where, and which; the same words in a query and in a `subscribe` message.
//
// Invariant: an absent `after` stays null here. Streams take it as live, a page as the oldest; that is theirs to say.

import {
  array, DecodeError, described, integer, nonEmptyString, object, oneOf, optional, string, type Decoder,
} from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import type { EventFilter } from "../service/services.ts";
import { numberField, textField, type QueryField, type QueryShape } from "./query.ts";

/** The words of `format`: a page, lines, Server-Sent Events. */
const EVENT_FORMATS = ["json", "ndjson", "sse"] as const;
export type EventFormat = (typeof EVENT_FORMATS)[number];

export interface FilterQuery {
  readonly after: number | null;
  readonly session: string | null;
  readonly thread: string | null;
  readonly run: string | null;
  readonly type: readonly string[] | null;
}

export interface HttpEventQuery extends FilterQuery {
  readonly format: EventFormat | null;
  /** Null where it did not come; only a page has one. */
  readonly limit: number | null;
}

export interface SocketEventQuery extends FilterQuery {
  /** False leaves `snapshot` and `recentEvents` out of `hello`. */
  readonly snapshot: boolean;
}

/** `{"type": "subscribe", …}`; its list of event types is `types`, since `type` is taken. */
export interface Subscription {
  readonly type: "subscribe";
  readonly after?: number | undefined;
  readonly session?: string | undefined;
  readonly thread?: string | undefined;
  readonly run?: string | undefined;
  readonly types?: readonly string[] | undefined;
}

const seq = integer(0, Number.MAX_SAFE_INTEGER);

const EVENT_TYPE = "([A-Za-z0-9._-]+\\*?|\\*)";
const ONE_TYPE = new RegExp(`^${EVENT_TYPE}$`);

const eventType: Decoder<string> = described((value: unknown, path: string) => {
  if (typeof value === "string" && ONE_TYPE.test(value)) return value;
  throw new DecodeError(path, "must be event types such as turn.finished, or beginnings such as app-server.*");
}, { type: "string", pattern: ONE_TYPE.source });

/** A comma list. */
const eventTypes: Decoder<string[]> = described((value: unknown, path: string) => {
  const types = string(value, path).split(",", LIMITS.eventTypesMax + 1);
  checkCount(types, path);
  return types.map((type) => eventType(type.trim(), path));
}, { type: "string", pattern: `^\\s*${EVENT_TYPE}\\s*(,\\s*${EVENT_TYPE}\\s*)*$` });

const listedTypes = array(eventType, 1);

/** A list, or a comma list. */
const subscribedTypes: Decoder<string[]> = described((value: unknown, path: string) => {
  if (typeof value === "string") return eventTypes(value, path);
  if (Array.isArray(value)) checkCount(value, path);
  return listedTypes(value, path);
}, { anyOf: [listedTypes.schema ?? {}, eventTypes.schema ?? {}] });

const snapshotField: QueryField<boolean> = {
  takes: "0 to leave the snapshot out of hello",
  schema: { type: "string", enum: ["0", "1"], default: "1" },
  decode: (text, name) => text === null || oneOf("0", "1")(text, name) === "1",
};

const FILTER_SHAPE: QueryShape<FilterQuery> = {
  after: numberField(seq, null, "the seq after which events are wanted; 0 is from the oldest"),
  session: textField(nonEmptyString, "a sessionId"),
  thread: textField(nonEmptyString, "a threadId"),
  run: textField(nonEmptyString, "a runId"),
  type: textField(eventTypes, "event types with commas between them; * at the end of one is a wildcard"),
};

export const HTTP_EVENT_SHAPE: QueryShape<HttpEventQuery> = {
  ...FILTER_SHAPE,
  format: textField(oneOf(...EVENT_FORMATS), `one of ${EVENT_FORMATS.join(", ")}; beats Accept`),
  limit: numberField(integer(1, LIMITS.pageMax), null, `events on a page: 1 to ${LIMITS.pageMax}`),
};

export const SOCKET_EVENT_SHAPE: QueryShape<SocketEventQuery> = { ...FILTER_SHAPE, snapshot: snapshotField };

export const decodeSubscription: Decoder<Subscription> = object<Subscription>({
  type: { decode: oneOf("subscribe"), optional: false },
  after: optional(seq),
  session: optional(nonEmptyString),
  thread: optional(nonEmptyString),
  run: optional(nonEmptyString),
  types: optional(subscribedTypes),
});

export function filterOf(query: FilterQuery): EventFilter {
  return { session: query.session, thread: query.thread, run: query.run, types: query.type };
}

export function filterOfSubscription(message: Subscription): EventFilter {
  return {
    session: message.session ?? null,
    thread: message.thread ?? null,
    run: message.run ?? null,
    types: message.types ?? null,
  };
}

function checkCount(types: readonly unknown[], path: string): void {
  if (types.length <= LIMITS.eventTypesMax) return;
  throw new DecodeError(path, `must be at most ${LIMITS.eventTypesMax} event types`);
}
