// The one path of the events, in each of its forms: a JSON page, NDJSON, Server-Sent Events, or a WebSocket by upgrade;
// and below it the whole detail of one event.
//
// Invariant: `format` beats `Accept`; what asks for no form that there is gets the page.

import { DecodeError } from "../base/decode.ts";
import { eventPageText } from "./event-page.ts";
import { HTTP_EVENT_SHAPE, type EventFormat, type HttpEventQuery } from "./event-query.ts";
import { listsMediaType, type HeaderFields } from "./headers.ts";
import { rawAnswer } from "./raw-answer.ts";
import { NO_BODY, route, type Route } from "./route.ts";
import { NDJSON } from "./stream-ndjson.ts";
import { streamResponse } from "./stream-response.ts";
import { resumeAfter, SSE } from "./stream-sse.ts";
import { acceptWebSocket } from "./stream-websocket.ts";

export function eventRoute(path: string): Route {
  return route({
    method: "GET",
    path,
    summary: "Events: a JSON page, NDJSON, Server-Sent Events, or a WebSocket",
    query: HTTP_EVENT_SHAPE,
    body: NO_BODY,
    handle: async ({ edge, pass, query: asked }) => {
      const format = formatOf(asked, pass.headers);
      if (format === "json") return { status: 200, text: await eventPageText(edge.services.events, asked) };
      if (asked.limit !== null) throw new DecodeError("limit", "is for a page; a stream has none");
      const query = format === "sse" ? resumeAfter(asked, pass.headers) : asked;
      const framing = format === "sse" ? SSE : NDJSON;
      return { stream: (response) => streamResponse(response, framing, { edge, query, byToken: pass.byToken }) };
    },
    upgrade: acceptWebSocket,
  });
}

/** What is too large for an event lies beside it; of any other this is what the event holds. */
export function eventDetailRoute(eventStreamPath: string): Route {
  return route({
    method: "GET",
    path: `${eventStreamPath}/:seq/detail`,
    summary: "The whole detail of one event, also where the event itself holds it cut",
    query: {},
    body: NO_BODY,
    handle: async ({ edge, services, params }) => {
      return rawAnswer(edge, await services.events.detail(decodeSeq(params["seq"] ?? "")), "detail");
    },
  });
}

/** @throws {DecodeError} */
function decodeSeq(text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new DecodeError("seq", "must be that of an event, a whole number from 1");
}

/** Who lists both gets lines: that is what programs ask for by name. */
const ACCEPTED: ReadonlyArray<readonly [mediaType: string, format: EventFormat]> = [
  ["application/x-ndjson", "ndjson"],
  ["text/event-stream", "sse"],
];

function formatOf({ format }: HttpEventQuery, headers: HeaderFields): EventFormat {
  const accept = headers.get("accept");
  return format ?? ACCEPTED.find(([mediaType]) => listsMediaType(accept, mediaType))?.[1] ?? "json";
}
