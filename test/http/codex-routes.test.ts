// The rows that reach Codex itself: what each passes on, and what it answers.
//
// The services are doubles. How a large result is written is tested in raw-answer.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import type { RawReply } from "../support/raw-http.ts";

const RPC = "/v1/codexd/rpc";
const THREADS = "/v1/codexd/threads";
const JSON_TYPE = [["Content-Type", "application/json"]] as const;

function post(edge: EdgeUnderTest, path: string, body?: unknown): Promise<RawReply> {
  return edge.ask({ method: "POST", path, headers: JSON_TYPE, body: body === undefined ? "" : JSON.stringify(body) });
}

async function answered(reply: Promise<RawReply>, status: number): Promise<Record<string, unknown>> {
  const { status: got, body } = await reply;
  const { ok, data } = JSON.parse(body);
  assert.deepEqual([got, ok], [status, true]);
  return data;
}

test("a call's result goes out as it came, in codexd's envelope, with the token or on the socket", async (t) => {
  const edge = await startEdge(t);
  // What parsing and writing anew would change: a float, more digits than a double has, order, spaces, escapes.
  edge.services.rpcResult = '{"b":1.0,"a":12345678901234567890,"c" :  "\\u00e9é","b":2}';
  const reply = await post(edge, RPC, { method: "model/list", params: { limit: 2 }, timeoutMs: 5 });
  assert.equal(reply.body, `{"ok": true, "data": {"result": ${edge.services.rpcResult}}}\n`);
  assert.deepEqual([reply.status, reply.headers["content-type"]], [200, "application/json; charset=utf-8"]);
  assert.equal(reply.headers["cache-control"], "no-store");
  const plain = { method: "POST", path: RPC, headers: JSON_TYPE, body: '{"method":"account/read"}' };
  assert.equal((await edge.askPlain(plain)).status, 401);
  assert.equal((await edge.askPlain(plain, edge.unix)).status, 200);
  assert.deepEqual(edge.services.callsOf("codex.rpc"), [
    [{ method: "model/list", params: { limit: 2 }, timeoutMs: 5 }], [{ method: "account/read" }],
  ]);
});

test("a restart of the child takes nothing and gives the child", async (t) => {
  const edge = await startEdge(t);
  const { child } = await answered(post(edge, "/v1/codexd/child/restart"), 200);
  assert.deepEqual(child, edge.services.status.snapshot().daemon.child);
  assert.equal((await post(edge, "/v1/codexd/child/restart", { force: true })).status, 400);
  edge.services.failures.set("child.restart", new CodexdError("wrong_mode", "exec mode"));
  assert.equal((await post(edge, "/v1/codexd/child/restart")).status, 409);
  assert.equal(edge.services.callsOf("child.restart").length, 2);
});

test("what a call may not be is refused by name, and Codex's own error is passed on", async (t) => {
  const edge = await startEdge(t);
  const big = { method: "x", params: { data: "x".repeat(2 * LIMITS.bodyBytesMax) } };
  await answered(post(edge, RPC, big), 200);
  for (const [body, field] of [
    [{}, "method"], [{ method: 1 }, "method"], [{ method: "x", params: "y" }, "params"],
    [{ method: "x", timeoutMs: 600_001 }, "timeoutMs"], [{ method: "x", id: 1 }, "id"],
  ] as const) {
    const reply = await post(edge, RPC, body);
    assert.deepEqual([reply.status, JSON.parse(reply.body).detail.field], [400, field]);
  }
  const detail = { code: -32600, message: "unknown thread" };
  for (const [thrown, status, code] of [
    [new CodexdError("app_server_error", "unknown thread", detail), 502, "app_server_error"],
    [new CodexdError("timeout", "no answer"), 504, "timeout"],
    [new CodexdError("session_exists", "use …/close"), 409, "session_exists"],
    [new DecodeError("method", "turn/start is codexd's own: use POST /v1/codexd/turn"), 400, "bad_request"],
  ] as const) {
    edge.services.failures.set("codex.rpc", thrown);
    const reply = await post(edge, RPC, { method: "thread/read" });
    const refused = JSON.parse(reply.body);
    assert.deepEqual([reply.status, refused.error], [status, code]);
    if (code === "app_server_error") assert.deepEqual(refused.detail, detail);
  }
});

test("what Codex says of itself is one answer", async (t) => {
  const edge = await startEdge(t);
  assert.deepEqual(await answered(edge.ask({ path: "/v1/codexd/codex" }), 200), { version: "0.169.0" });
});

test("threads are listed by what Codex can filter", async (t) => {
  const edge = await startEdge(t);
  edge.services.nextCursor = "next";
  assert.deepEqual(await answered(edge.ask({ path: THREADS }), 200), {
    threads: [edge.services.thread], nextCursor: "next",
  });
  const query = "limit=5&cursor=c&archived=1&cwd=%2Fa%20b&source=cli,%20exec&search=x+y";
  await answered(edge.ask({ path: `${THREADS}?${query}` }), 200);
  assert.deepEqual(edge.services.callsOf("threads.list"), [
    [{ limit: 100, cursor: null, archived: false, cwd: null, sources: null, search: null }],
    [{ limit: 5, cursor: "c", archived: true, cwd: "/a b", sources: ["cli", "exec"], search: "x y" }],
  ]);
  for (const wrong of ["archived=yes", "source=", "source=cli,,exec", "cwd=", "search=", "x=1"]) {
    assert.equal((await edge.ask({ path: `${THREADS}?${wrong}` })).status, 400, wrong);
  }
});

test("a thread is read as the text that Codex wrote, with its turns where they are asked for", async (t) => {
  const edge = await startEdge(t);
  const reply = await edge.ask({ path: `${THREADS}/thread%2F1` });
  assert.equal(reply.body, '{"ok": true, "data": {"thread":{"id":"thread-1","name":null}}}\n');
  await answered(edge.ask({ path: `${THREADS}/t?turns=1` }), 200);
  assert.deepEqual(edge.services.callsOf("threads.read"), [["thread/1", { turns: false }], ["t", { turns: true }]]);
  assert.equal((await edge.ask({ path: `${THREADS}/t?turns=2` })).status, 400);
});

test("threads are forked, archived, named, compacted and reviewed", async (t) => {
  const edge = await startEdge(t);
  const { services } = edge;
  const { thread } = services;
  const fork = { lastTurnId: "turn-1", ephemeral: true };
  const review = { target: { type: "baseBranch", branch: "main" } };
  const cases = [
    ["fork", fork, 201, { thread }, ["t", fork]],
    ["archive", undefined, 200, { threadId: "t" }, ["t"]],
    ["unarchive", undefined, 200, { thread }, ["t"]],
    ["name", { name: "n" }, 200, { threadId: "t" }, ["t", "n"]],
    ["compact", undefined, 202, { threadId: "t" }, ["t"]],
    ["review", review, 202, { turnId: "turn-9", threadId: "t" }, ["t", review]],
  ] as const;
  for (const [act, body, status, data, passed] of cases) {
    assert.deepEqual(await answered(post(edge, `${THREADS}/t/${act}`, body), status), data, act);
    assert.deepEqual(services.callsOf(`threads.${act}`), [passed]);
    const wrong = await post(edge, `${THREADS}/t/${act}`, { ...body, force: true });
    assert.deepEqual([wrong.status, JSON.parse(wrong.body).detail.field], [400, "force"], act);
    services.failures.set(`threads.${act}`, new CodexdError("session_exists", "in use", { sessionId: "ses_1" }));
    const refused = await post(edge, `${THREADS}/t/${act}`, body);
    assert.deepEqual([refused.status, JSON.parse(refused.body).detail], [409, { sessionId: "ses_1" }], act);
  }
});
