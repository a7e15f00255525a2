// Idempotency-Key on the wire: which routes look at it, what it may be, what it is bound to, and what says a replay.
//
// With fake services, so that what is seen is the edge's; that a key does what it promises is the service's matter.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { readHeaders } from "../../src/http/headers.ts";
import { readKey } from "../../src/http/once.ts";
import { createRoutes } from "../../src/http/routes.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import type { RawReply } from "../support/raw-http.ts";

const RUNS = "/v1/codexd/runs";
const KEY = "Idempotency-Key";
const JSON_TYPE: readonly [string, string] = ["Content-Type", "application/json"];

function post(edge: EdgeUnderTest, path: string, keys: readonly string[], body = '{"prompt":"x"}'): Promise<RawReply> {
  const headers = [JSON_TYPE, ...keys.map((key): [string, string] => [KEY, key])];
  return edge.ask({ method: "POST", path, headers, body });
}

const errorOf = ({ body }: RawReply): { error: string; message: string } => JSON.parse(body);

test("every route that creates something looks at it, and no other", () => {
  const routes = createRoutes({ eventStreamPath: "/v1/codexd/events" }).filter(({ creates }) => creates);
  assert.deepEqual(routes.map(({ method, path }) => `${method} ${path}`).sort(), [
    "POST /v1/codexd/runs",
    "POST /v1/codexd/sessions",
    "POST /v1/codexd/sessions/:id/turns",
    "POST /v1/codexd/threads/:id/compact",
    "POST /v1/codexd/threads/:id/fork",
    "POST /v1/codexd/threads/:id/review",
    "POST /v1/codexd/turn",
    "POST /v1/codexd/uploads",
  ]);
});

test("a key is 1 to 255 visible ASCII characters, once", async (t) => {
  const edge = await startEdge(t);
  const most = LIMITS.idempotencyKeyCharsMax;
  for (const key of ["k", "!~\"key\"", "k".repeat(most)]) {
    assert.equal((await post(edge, RUNS, [key])).status, 202, key);
  }
  for (const key of ["", "a b", "k".repeat(most + 1), "k\u00e9", "a\tb"]) {
    const reply = await post(edge, RUNS, [key]);
    assert.deepEqual([reply.status, errorOf(reply).error], [400, "bad_request"], key);
    assert.match(errorOf(reply).message, /^Idempotency-Key: must be 1 to 255 visible ASCII characters$/);
  }
  const twice = await post(edge, RUNS, ["a", "a"]);
  assert.deepEqual([twice.status, errorOf(twice).error], [400, "duplicate_header"]);
  assert.match(errorOf(twice).message, /^Idempotency-Key: /);
  assert.equal(edge.services.callsOf("runs.start").length, 3);
  assert.equal((await post(edge, `${RUNS}/run_1/cancel`, ["a b"], "")).status, 200, "nobody looks at it there");
});

test("without a key nothing is asked for one; a replay says so, over TCP and on the socket", async (t) => {
  const edge = await startEdge(t);
  assert.equal((await post(edge, RUNS, [])).headers["idempotency-replayed"], undefined);
  assert.deepEqual(edge.services.idempotency.asked, []);
  assert.equal((await post(edge, RUNS, ["k"])).headers["idempotency-replayed"], undefined);
  edge.services.idempotency.replayed = true;
  const first = await post(edge, RUNS, ["k"]);
  assert.deepEqual([first.status, first.headers["idempotency-replayed"]], [202, "true"]);
  const headers: Array<[string, string]> = [[...JSON_TYPE], [KEY, "k"], ["Host", "codexd"]];
  const onSocket = await edge.askPlain({ method: "POST", path: RUNS, headers, body: '{"prompt":"x"}' }, edge.unix);
  assert.deepEqual([onSocket.status, onSocket.headers["idempotency-replayed"]], [202, "true"]);
  const asked = edge.services.idempotency.asked.map((request) => JSON.stringify(request));
  assert.deepEqual([asked.length, new Set(asked).size], [3, 1]);
});

test("a key belongs to the path with its ids, and to the query", async (t) => {
  const edge = await startEdge(t);
  await post(edge, "/v1/codexd/sessions/ses_1/turns/", ["k"]);
  await post(edge, "/v1/codexd/threads/a%2Fb/fork", ["k"], "");
  const image = { method: "POST", headers: [["Content-Type", "image/png"], [KEY, "k"]] as const, body: "png" };
  await edge.ask({ ...image, headers: [...image.headers], path: "/v1/codexd/uploads?session=ses_1" });
  assert.deepEqual(edge.services.idempotency.asked.map(({ request }) => request), [
    "POST /v1/codexd/sessions/ses_1/turns", "POST /v1/codexd/threads/a%2Fb/fork",
    "POST /v1/codexd/uploads?session=ses_1",
  ]);
});

test("the same JSON has the same hash however it is laid out; another value, list or type has another", () => {
  const headers = readHeaders([KEY, "k"]);
  const hashOf = (json: Record<string, unknown>): string | undefined =>
    readKey(headers, () => "POST /x", { json, raw: null })?.bodyHash;
  const raw = (mediaType: string, text: string): string | undefined =>
    readKey(headers, () => "POST /x", { json: {}, raw: { mediaType, bytes: Buffer.from(text) } })?.bodyHash;
  const one = hashOf({ a: 1, b: { c: [1, { d: null, e: "x" }], f: true } });
  assert.match(one ?? "", /^[0-9a-f]{64}$/);
  assert.equal(hashOf({ b: { f: true, c: [1, { e: "x", d: null }] }, a: 1 }), one);
  const others = [
    hashOf({ a: 1, b: { c: [{ d: null, e: "x" }, 1], f: true } }), hashOf({ a: "1" }), hashOf({ a: 1 }), hashOf({}),
    raw("image/png", "{}"), raw("image/gif", "{}"), raw("image/png", ""),
  ];
  assert.equal(new Set([one, ...others]).size, others.length + 1);
});
