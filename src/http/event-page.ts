// The event stream as a JSON page, for those who ask again and again.
//
// Invariant: events go out as they stand in the journal; their text is never parsed and written anew.

import { LIMITS } from "../core/limits.ts";
import type { EventPage, EventService } from "../service/services.ts";
import { filterOf, type HttpEventQuery } from "./event-query.ts";

/** @throws {CodexdError} `cursor_expired`, `cursor_ahead`. */
export async function eventPageText(events: EventService, query: HttpEventQuery): Promise<string> {
  const page = await events.page({
    // From 0 is from the oldest, which never expires.
    after: query.after === 0 ? null : query.after,
    limit: query.limit ?? LIMITS.pageDefault,
    filter: filterOf(query),
  });
  return pageText(page);
}

/** The envelope as `prettyJson` would write it, with one event a line. */
function pageText({ events, gaps, nextAfter, oldestSeq, headSeq }: EventPage): string {
  const list = events.length === 0 ? "[]" : `[\n      ${events.join(",\n      ")}\n    ]`;
  // A page of a whole journal is as it always was.
  const gapList = gaps.length === 0 ? "" : `\n    "gaps": ${JSON.stringify(gaps)},`;
  return `{
  "ok": true,
  "data": {
    "events": ${list},${gapList}
    "nextAfter": ${nextAfter},
    "oldestSeq": ${oldestSeq},
    "headSeq": ${headSeq}
  }
}
`;
}
