// The rows about approvals: what each passes on, and what it answers.
//
// The services are doubles. What an approval is, and who may decide it when, is tested in test/service.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import type { RawReply } from "../support/raw-http.ts";

const APPROVALS = "/v1/codexd/approvals";
const JSON_TYPE = [["Content-Type", "application/json"]] as const;

function decide(edge: EdgeUnderTest, body: unknown): Promise<RawReply> {
  return edge.ask({ method: "POST", path: `${APPROVALS}/apr_1`, headers: JSON_TYPE, body: JSON.stringify(body) });
}

const dataOf = (reply: RawReply): Record<string, unknown> => JSON.parse(reply.body).data;

test("approvals are listed, the pending ones unless others are asked for", async (t) => {
  const edge = await startEdge(t);
  edge.services.nextCursor = "apr_0";
  assert.deepEqual(dataOf(await edge.ask({ path: APPROVALS })), {
    approvals: [edge.services.approval], nextCursor: "apr_0",
  });
  for (const status of ["pending", "resolved", "orphaned", "all"]) {
    await edge.ask({ path: `${APPROVALS}/?status=${status}&session=ses_1&limit=5&cursor=c&waitMs=240000` });
  }
  const asked = { limit: 5, cursor: "c", sessionId: "ses_1", waitMs: 240_000 };
  assert.deepEqual(edge.services.callsOf("approvals.list"), [
    [{ limit: 100, cursor: null, status: "pending", sessionId: null, waitMs: 0 }],
    ...["pending", "resolved", "orphaned", "all"].map((status) => [{ ...asked, status }]),
  ]);
  for (const query of ["status=open", "session=", "waitMs=240001", "waitMs=-1", "kind=command", "limit=0"]) {
    const reply = await edge.ask({ path: `${APPROVALS}?${query}` });
    const { error, detail } = JSON.parse(reply.body);
    assert.deepEqual([reply.status, error, detail.field], [400, "bad_request", query.split("=")[0]]);
  }
});

test("a client that goes ends its wait for an approval", async (t) => {
  const edge = await startEdge(t);
  edge.services.hold = createDeferred();
  const waiting = edge.open({ path: `${APPROVALS}?waitMs=60000` });
  while (edge.services.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  waiting.socket.destroy();
  await edge.services.aborted.promise;
  assert.deepEqual(edge.log, []);
});

test("an approval is read, and decided by a word or by a whole answer, with the token or on the socket", async (t) => {
  const edge = await startEdge(t);
  const { services } = edge;
  assert.deepEqual(dataOf(await edge.ask({ path: `${APPROVALS}/apr_1` })), { approval: services.approval });
  assert.deepEqual(services.callsOf("approvals.get"), [["apr_1"]]);
  const result = { decision: { acceptWithExecpolicyAmendment: {} } };
  for (const body of [{ decision: "accept" }, { decision: "cancel", result: null }, { result }]) {
    const reply = await decide(edge, body);
    assert.deepEqual([reply.status, dataOf(reply)], [200, { approval: services.approval }]);
  }
  const plain = { method: "POST", path: `${APPROVALS}/apr_1`, headers: JSON_TYPE, body: '{"decision":"decline"}' };
  assert.equal((await edge.askPlain(plain)).status, 401);
  assert.equal((await edge.askPlain(plain, edge.unix)).status, 200);
  assert.deepEqual(services.callsOf("approvals.decide"), [
    ["apr_1", { decision: "accept" }], ["apr_1", { decision: "cancel" }], ["apr_1", { result }],
    ["apr_1", { decision: "decline" }],
  ]);
});

test("a decision of another form is refused by its field, and nothing is decided", async (t) => {
  const edge = await startEdge(t);
  for (const [body, field] of [
    [{}, "decision"], [{ decision: "yes" }, "decision"], [{ decision: "accept", result: {} }, "result"],
    [{ result: [] }, "result"], [{ decision: "accept", note: "x" }, "note"],
  ] as const) {
    const reply = await decide(edge, body);
    const { error, detail } = JSON.parse(reply.body);
    assert.deepEqual([reply.status, error, detail.field], [400, "bad_request", field]);
  }
  assert.deepEqual(edge.services.calls, []);
});

test("who comes second hears what stands, who comes too late why; a field of the answer is named", async (t) => {
  const edge = await startEdge(t);
  const stands = { approvalId: "apr_1", decision: "decline", decidedBy: "client" };
  const gone = { approvalId: "apr_1", turnId: "turn-1", orphanedBy: "child_exited" };
  for (const [thrown, status, code, detail] of [
    [new CodexdError("approval_resolved", "was declined", stands), 409, "approval_resolved", stands],
    [new CodexdError("approval_orphaned", "its turn has ended", gone), 409, "approval_orphaned", gone],
    [new CodexdError("not_found", "no approval apr_1"), 404, "not_found", undefined],
    [new CodexdError("not_ready", "cannot be told"), 503, "not_ready", undefined],
    [new DecodeError("result.answers", "is required"), 400, "bad_request", { field: "result.answers" }],
  ] as const) {
    edge.services.failures.set("approvals.decide", thrown);
    const reply = await decide(edge, { decision: "accept" });
    const refused = JSON.parse(reply.body);
    assert.deepEqual([reply.status, refused.error, refused.detail], [status, code, detail]);
  }
});
