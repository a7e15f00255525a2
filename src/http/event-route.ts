// The one path of the events, in each of its forms: a JSON page, NDJSON, or a WebSocket by upgrade.
//
// Invariant: `format` beats `Accept`; what asks for no form that there is gets the page.

import { DecodeError } from "../base/decode.ts";
import { decodeNothing } from "../service/inputs.ts";
import { eventPageText } from "./event-page.ts";
import { HTTP_EVENT_SHAPE, type EventFormat, type HttpEventQuery } from "./event-query.ts";
import { listsMediaType, type HeaderFields } from "./headers.ts";
import { route, type Route } from "./route.ts";
import { streamNdjson } from "./stream-ndjson.ts";
import { acceptWebSocket } from "./stream-websocket.ts";

export function eventRoute(path: string): Route {
  return route({
    method: "GET",
    path,
    summary: "Events: a JSON page, NDJSON (Accept: application/x-ndjson), or a WebSocket",
    query: HTTP_EVENT_SHAPE,
    body: (body) => decodeNothing(body, ""),
    handle: async ({ edge, pass, query }) => {
      if (formatOf(query, pass.headers) === "json") {
        return { status: 200, text: await eventPageText(edge.services.events, query) };
      }
      if (query.limit !== null) throw new DecodeError("limit", "is for a page; a stream has none");
      return { stream: (response) => streamNdjson(response, { edge, query, byToken: pass.byToken }) };
    },
    upgrade: acceptWebSocket,
  });
}

function formatOf({ format }: HttpEventQuery, headers: HeaderFields): EventFormat {
  return format ?? (listsMediaType(headers.get("accept"), "application/x-ndjson") ? "ndjson" : "json");
}
