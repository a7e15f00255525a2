// Events as Server-Sent Events, for `EventSource` and its like: they keep their place by themselves.
//
// Only how they look: how they flow is stream-response.ts's matter. Invariant: from the first bytes on the reader has
// a cursor, so that one whose connection breaks before the first event comes back to where it was, and misses nothing.

import { DecodeError } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { SSE_END, sseCursor, sseHead, sseOpening } from "../protocol/sse.ts";
import { eventMessages, gapText } from "./event-frames.ts";
import { HTTP_EVENT_SHAPE, type HttpEventQuery } from "./event-query.ts";
import type { HeaderFields } from "./headers.ts";
import type { Framing } from "./stream-response.ts";

export const SSE: Framing = {
  kind: "sse",
  contentType: "text/event-stream; charset=utf-8",
  opening: (seq) => sseOpening(LIMITS.sseRetryMs, seq),
  encode: eventMessages,
  gap: (gap) => `${sseHead(gap.toSeq, "gap")}${gapText(gap)}${SSE_END}`,
  heartbeat: sseCursor,
};

const LAST_EVENT_ID = "Last-Event-ID";

/**
 * `Last-Event-ID` beats `after`: a reader that comes back asks its first URL again.
 *
 * @throws {DecodeError} for one that is no seq, or for two of them.
 */
export function resumeAfter(query: HttpEventQuery, headers: HeaderFields): HttpEventQuery {
  const name = LAST_EVENT_ID.toLowerCase();
  if (headers.times(name) > 1) throw new DecodeError(LAST_EVENT_ID, "must not come more than once");
  const sent = headers.get(name);
  return sent === null ? query : { ...query, after: HTTP_EVENT_SHAPE.after.decode(sent, LAST_EVENT_ID) };
}
