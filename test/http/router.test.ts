// Paths and their params.
//
// The table is the real one, so that a row that hides another is found.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRouter } from "../../src/http/router.ts";
import { createRoutes } from "../../src/http/routes.ts";

const routes = createRoutes({ eventStreamPath: "/my/events" });
const router = createRouter(routes);

test("every route is found by its own path, with its method", () => {
  for (const route of routes) {
    const match = router.match(route.path.replace(":id", "x"));
    assert.equal(match?.routes.get(route.method), route);
  }
  assert.deepEqual([...(router.match("/v1/codexd/sessions")?.routes.keys() ?? [])], ["GET", "POST"]);
});

test("one trailing slash is accepted, and params are decoded", () => {
  assert.deepEqual(router.match("/v1/codexd/sessions/a%2Fb%20c/")?.params, { id: "a/b c" });
  assert.notEqual(router.match("/my/events/"), null);
});

test("nothing is normalised", () => {
  const strangers = [
    "/", "/v1", "/healthz//", "/v1/codexd//sessions", "/v1/codexd/sessions//turns", "/v1/../healthz", "/HEALTHZ",
    "/v1/codexd/events", "/healthz/x", "/v1/codexd/sessions/a/b/turns", "/%68ealthz",
  ];
  for (const path of strangers) assert.equal(router.match(path), null, path);
});
