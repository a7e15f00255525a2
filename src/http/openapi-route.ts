// `GET /openapi.json`: the description of the API, which is one of the routes that it describes.
//
// Made when it is first asked for, and then kept: the table of an edge never changes.

import { readVersion } from "../version.ts";
import { describeApi } from "./openapi.ts";
import { prettyJson } from "./reply.ts";
import { NO_BODY, route, type Route } from "./route.ts";

/** @param routes of the whole table, this one included; asked at the first request. */
export function openApiRoute(routes: () => readonly Route[], eventStreamPath: string): Route {
  let text: string | null = null;
  return route({
    method: "GET", path: "/openapi.json", query: {}, body: NO_BODY, summary: "OpenAPI 3.1 of all routes",
    handle: () => {
      text ??= prettyJson(describeApi({ routes: routes(), eventStreamPath, version: readVersion() }));
      return { status: 200, text };
    },
  });
}
