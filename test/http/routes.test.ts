// Each row of the table: what it passes on, and what it answers.
//
// The services are doubles: what they do with it is not tested here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { createRoutes } from "../../src/http/routes.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { makeApproval, makeSession, makeTurn } from "../support/fake-services.ts";
import type { RawReply } from "../support/raw-http.ts";

const JSON_TYPE = [["Content-Type", "application/json"]] as const;
const PAGE = { limit: 100, cursor: null };

function post(edge: EdgeUnderTest, path: string, body: unknown = ""): Promise<RawReply> {
  const text = body === "" ? "" : JSON.stringify(body);
  return edge.ask({ method: "POST", path, headers: JSON_TYPE, body: text });
}

function dataOf(reply: RawReply, status = 200): Record<string, unknown> {
  assert.equal(reply.status, status, reply.body);
  assert.equal(reply.headers["content-type"], "application/json; charset=utf-8");
  const { ok, data } = JSON.parse(reply.body);
  assert.equal(ok, true);
  assert.equal(reply.body, `${JSON.stringify({ ok, data }, null, 2)}\n`);
  return data;
}

function assertRefused(reply: RawReply, status: number, code: string): Record<string, unknown> {
  const parsed = JSON.parse(reply.body);
  assert.deepEqual([reply.status, parsed.error, parsed.ok], [status, code, false]);
  return parsed;
}

test("every route has a summary, and says what its query takes", () => {
  for (const route of createRoutes({ eventStreamPath: "/e" })) {
    assert.notEqual(route.summary, "");
    for (const field of Object.values(route.query) as Array<{ takes: string }>) assert.notEqual(field.takes, "");
  }
});

test("healthz says more to whom it can trust", async (t) => {
  const edge = await startEdge(t);
  assert.deepEqual(JSON.parse((await edge.askPlain({ path: "/healthz" })).body), { ok: true, status: "ok" });
  for (const reply of [await edge.ask({ path: "/healthz" }), await edge.askPlain({ path: "/healthz" }, edge.unix)]) {
    const { ok, status, service } = JSON.parse(reply.body);
    assert.deepEqual([reply.status, ok, status], [200, true, "ok"]);
    assert.equal(service.resolvedBaseUrl, edge.edge.baseUrl);
  }
});

test("readyz gives its reasons to whom it can trust only", async (t) => {
  const edge = await startEdge(t);
  assert.equal((await edge.askPlain({ path: "/readyz" })).status, 200);
  edge.services.ready = { ready: false, reasons: ["the child has failed"] };
  assert.equal(assertRefused(await edge.askPlain({ path: "/readyz" }), 503, "not_ready")["detail"], undefined);
  const reply = assertRefused(await edge.ask({ path: "/readyz" }), 503, "not_ready");
  assert.deepEqual(reply["detail"], { reasons: ["the child has failed"] });
});

test("status is what the service says", async (t) => {
  const edge = await startEdge(t);
  assert.equal(dataOf(await edge.ask({ path: "/v1/codexd/status" }))["compat"], "ok");
});

test("sessions are listed with their filters", async (t) => {
  const edge = await startEdge(t);
  edge.services.nextCursor = "next";
  const { sessions, nextCursor } = dataOf(await edge.ask({ path: "/v1/codexd/sessions" }));
  assert.deepEqual([sessions, nextCursor], [[edge.services.session], "next"]);
  await edge.ask({ path: "/v1/codexd/sessions/?limit=1000&cursor=c&status=closed&purpose=smoke" });
  assert.deepEqual(edge.services.callsOf("sessions.list"), [
    [{ ...PAGE, status: null, purpose: null }],
    [{ limit: 1000, cursor: "c", status: "closed", purpose: "smoke" }],
  ]);
  for (const query of ["limit=0", "limit=1001", "status=open", "purpose=x", "token=x", "limit=1&limit=2", "cursor="]) {
    assertRefused(await edge.ask({ path: `/v1/codexd/sessions?${query}` }), 400, "bad_request");
  }
});

test("a session is created with 201, an active one given back with 200", async (t) => {
  const edge = await startEdge(t);
  const input = { purpose: "worker", cwd: "/tmp", metadata: { a: "b" } };
  assert.deepEqual(dataOf(await post(edge, "/v1/codexd/sessions", input), 201), { session: edge.services.session });
  assert.deepEqual(edge.services.callsOf("sessions.create"), [[input]]);
  edge.services.created = false;
  dataOf(await post(edge, "/v1/codexd/sessions", { threadId: "t", model: null }), 200);
  assertRefused(await post(edge, "/v1/codexd/sessions?x=1"), 400, "bad_request");
});

test("a session is read, closed and interrupted by its id", async (t) => {
  const edge = await startEdge(t);
  const found = dataOf(await edge.ask({ path: "/v1/codexd/sessions/ses_1" }));
  assert.deepEqual(Object.keys(found), ["session", "recentEvents"]);
  assertRefused(await edge.ask({ path: "/v1/codexd/sessions/other" }), 404, "not_found");
  for (const act of ["close", "interrupt"]) {
    const data = dataOf(await post(edge, `/v1/codexd/sessions/ses_1/${act}`));
    assert.deepEqual(Object.keys(data), ["session", "turn", "queuedTurns", "stopped", "survived"]);
    assert.deepEqual(edge.services.callsOf(`sessions.${act}`), [["ses_1"]]);
    assertRefused(await post(edge, `/v1/codexd/sessions/ses_1/${act}`, { force: true }), 400, "bad_request");
  }
});

test("a turn is interrupted by its id", async (t) => {
  const edge = await startEdge(t);
  const data = dataOf(await post(edge, "/v1/codexd/turns/turn-1/interrupt"));
  assert.deepEqual(Object.keys(data), ["turn", "stopped", "survived"]);
  assert.deepEqual(edge.services.callsOf("turns.interrupt"), [["turn-1"]]);
});

test("a turn is accepted with 202, and 200 with its receipt once it has ended", async (t) => {
  const edge = await startEdge(t);
  const input = { sessionId: "ses_1", prompt: "hi" };
  const { accepted, submissionId, turnId } = dataOf(await post(edge, "/v1/codexd/turn", input), 202);
  assert.deepEqual([accepted, submissionId, turnId], [true, "sub_1", "turn-1"]);
  assert.deepEqual(edge.services.callsOf("turns.start"), [[input]]);
  edge.services.endedTurn = makeTurn({ status: "completed" });
  assert.deepEqual(dataOf(await post(edge, "/v1/codexd/turn", { ...input, waitMs: 1 })), {
    turn: edge.services.endedTurn,
  });
  const missing = assertRefused(await post(edge, "/v1/codexd/turn", { prompt: "hi" }), 400, "bad_request");
  assert.deepEqual(missing["detail"], { field: "sessionId" });
  assertRefused(await post(edge, "/v1/codexd/turn", { ...input, waitMs: 240_001 }), 400, "bad_request");
});

test("a turn that waits for approvals is answered with them, and with no such member otherwise", async (t) => {
  const edge = await startEdge(t);
  const input = { sessionId: "ses_1", prompt: "hi", waitMs: 5 };
  const { session, turn: { submissionId, turnId } } = edge.services;
  const accepted = { accepted: true, session, submissionId, turnId };
  const paths = ["/v1/codexd/turn", "/v1/codexd/sessions/ses_1/turns"];
  for (const path of paths) assert.deepEqual(dataOf(await post(edge, path, input), 202), accepted);
  const approvals = [makeApproval(), makeApproval({ approvalId: "apr_2" })];
  edge.services.waitsFor = approvals;
  for (const path of paths) assert.deepEqual(dataOf(await post(edge, path, input), 202), { ...accepted, approvals });
});

test("under a session the path says which, and a body that says another is refused", async (t) => {
  const edge = await startEdge(t);
  const path = "/v1/codexd/sessions/ses%201/turns";
  for (const body of [{ prompt: "hi" }, { prompt: "hi", sessionId: "ses 1" }, { prompt: "hi", sessionId: null }]) {
    dataOf(await post(edge, path, body), 202);
    assert.deepEqual(edge.services.callsOf("turns.start").at(-1), [{ sessionId: "ses 1", prompt: "hi" }]);
  }
  const differs = assertRefused(await post(edge, path, { prompt: "hi", sessionId: "ses_2" }), 400, "bad_request");
  assert.deepEqual(differs["detail"], { field: "sessionId" });
});

test("turns are listed without what can be large", async (t) => {
  const edge = await startEdge(t);
  for (const path of ["/v1/codexd/turns?status=failed", "/v1/codexd/sessions/ses_1/turns?limit=5&cursor=c"]) {
    const { turns } = dataOf(await edge.ask({ path })) as { turns: object[] };
    assert.equal("input" in (turns[0] ?? {}), false);
  }
  assert.deepEqual(edge.services.callsOf("turns.list"), [
    [{ ...PAGE, status: "failed", sessionId: null }],
    [{ limit: 5, cursor: "c", status: null, sessionId: "ses_1" }],
  ]);
});

test("a receipt is read at once, or waited for", async (t) => {
  const edge = await startEdge(t);
  assert.deepEqual(dataOf(await edge.ask({ path: "/v1/codexd/turns/turn-1" })), { turn: edge.services.turn });
  await edge.ask({ path: "/v1/codexd/turns/sub_1?waitMs=240000" });
  await edge.ask({ path: "/v1/codexd/turns/sub_1?waitMs=5&waitFor=approval" });
  await edge.ask({ path: "/v1/codexd/turns/sub_1?waitMs=5&waitFor=end" });
  assert.deepEqual(edge.services.callsOf("turns.get"), [
    ["turn-1", 0], ["sub_1", 240_000], ["sub_1", 5, "approval"], ["sub_1", 5],
  ]);
  assertRefused(await edge.ask({ path: "/v1/codexd/turns/sub_1?waitFor=me" }), 400, "bad_request");
  assertRefused(await edge.ask({ path: "/v1/codexd/turns/sub_1?waitMs=240001" }), 400, "bad_request");
});

test("a client that hangs up ends the wait, and nothing is said of it", async (t) => {
  const edge = await startEdge(t);
  edge.services.hold = createDeferred<void>();
  const waits = [
    edge.open({ path: "/v1/codexd/turns/x?waitMs=1000" }),
    edge.open({
      method: "POST", path: "/v1/codexd/turn", headers: JSON_TYPE,
      body: JSON.stringify({ sessionId: "ses_1", prompt: "x", waitMs: 1000 }),
    }),
  ];
  for (const waiting of waits) {
    while (edge.services.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    waiting.socket.destroy();
    await edge.services.aborted.promise;
  }
  assert.deepEqual(edge.log, []);
});

test("what the service refuses has its status, what it throws besides is internal_error", async (t) => {
  const edge = await startEdge(t);
  const input = { sessionId: "ses_1", prompt: "hi" };
  const busy = new CodexdError("turn_in_progress", "busy", { submissionId: "sub_1", turnId: null });
  edge.services.failures.set("turns.start", busy);
  const refused = assertRefused(await post(edge, "/v1/codexd/turn", input), 409, "turn_in_progress");
  assert.deepEqual(refused["detail"], { submissionId: "sub_1", turnId: null });
  edge.services.failures.set("turns.start", new TypeError("at /secret/path"));
  const bug = await post(edge, "/v1/codexd/turn", input);
  assertRefused(bug, 500, "internal_error");
  assert.ok(!bug.body.includes("secret"));
  assert.match(edge.log.join(), /secret\/path/);
  edge.services.session = makeSession();
});
