// The calls about approvals and to Codex itself, against the real edge with fake services behind it.
//
// What the edge cannot answer is answered by hand.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { createCodexdClient } from "../../src/client/client.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { answerJson, startFakeDaemon } from "../support/cli-daemon.ts";
import { startEdge, TOKEN } from "../support/edge-under-test.ts";
import { makeApproval, makeTurn } from "../support/fake-services.ts";

async function onEdge(t: TestContext) {
  const { port, services } = await startEdge(t);
  const client = createCodexdClient({ baseUrl: `http://127.0.0.1:${port}`, token: TOKEN });
  t.after(() => client.close());
  return { client, services };
}

async function onData(t: TestContext, data: unknown) {
  const daemon = await startFakeDaemon(t, null, (_, response) => answerJson(response, 200, { ok: true, data }));
  const limits: number[] = [];
  const clock = { ...systemClock, after: (ms: number) => (limits.push(ms), { cancel: () => undefined }) };
  const client = createCodexdClient({ baseUrl: daemon.baseUrl, clock });
  t.after(() => client.close());
  return { client, daemon, limits };
}

describe("approvals", () => {
  test("are listed, read and decided", async (t) => {
    const { client, services } = await onEdge(t);
    services.nextCursor = "apr_1";
    const query = { status: "all", sessionId: "ses_1", waitMs: 5, limit: 2, cursor: "c" } as const;
    const page = await client.listApprovals(query);
    assert.deepEqual([page.records, page.nextCursor], [[services.approval], "apr_1"]);
    await client.listApprovals();
    assert.deepEqual(services.callsOf("approvals.list"),
      [[query], [{ status: "pending", sessionId: null, waitMs: 0, limit: 100, cursor: null }]]);
    assert.deepEqual(await client.getApproval("apr_1"), services.approval);
    assert.deepEqual(await client.decideApproval("apr_1", { decision: "decline" }), services.approval);
    await client.decideApproval("apr_1", { result: { answers: {} } });
    assert.deepEqual(services.callsOf("approvals.decide"),
      [["apr_1", { decision: "decline" }], ["apr_1", { result: { answers: {} } }]]);
    services.failures.set("approvals.decide", new CodexdError("approval_resolved", "Taken.", { decision: "accept" }));
    await assert.rejects(client.decideApproval("apr_1", { decision: "accept" }),
      { code: "approval_resolved", status: 409, detail: { decision: "accept" } });
  });

  test("all of them come page after page", async (t) => {
    const { client, services } = await onEdge(t);
    services.nextCursor = "next";
    const found: string[] = [];
    for await (const { approvalId } of client.allApprovals({ status: "orphaned" })) {
      found.push(approvalId);
      services.nextCursor = null;
      if (found.length === 3) break;
    }
    assert.equal(found.length, 2);
    assert.deepEqual(services.callsOf("approvals.list").map(([query]) => (query as { cursor: unknown }).cursor),
      [null, "next"]);
  });

  test("end the wait for a turn, which says what it waits for", async (t) => {
    const { client, services } = await onEdge(t);
    assert.deepEqual((await client.startTurn({ sessionId: "ses_1", prompt: "x" })).approvals, []);
    services.waitsFor = [makeApproval()];
    const { turn, turnId, approvals } = await client.startTurn({ sessionId: "ses_1", prompt: "x", waitMs: 5 });
    assert.deepEqual([turn, turnId, approvals], [null, "turn-1", [makeApproval()]]);
    services.waitsFor = [];
    services.endedTurn = makeTurn({ lastSeq: 3 });
    assert.deepEqual((await client.startTurn({ sessionId: "ses_1", prompt: "x", waitMs: 5 })).approvals, []);
    await client.getTurn("turn-1", { waitMs: 7, waitFor: "approval" });
    assert.deepEqual(services.callsOf("turns.get"), [["turn-1", 7, "approval"]]);
  });
});

describe("rpc", () => {
  test("gives the result, whatever it is", async (t) => {
    const { client, services } = await onEdge(t);
    assert.deepEqual(await client.rpc("model/list", { limit: 1 }, { timeoutMs: 5000 }), { data: [] });
    services.rpcResult = "null";
    assert.equal(await client.rpc("account/read"), null);
    assert.deepEqual(services.callsOf("codex.rpc"),
      [[{ method: "model/list", params: { limit: 1 }, timeoutMs: 5000 }], [{ method: "account/read" }]]);
    assert.deepEqual(await client.codex(), { version: "0.169.0" });
    assert.equal((await client.restartChild()).status, "running");
    assert.equal(services.callsOf("child.restart").length, 1);
  });

  test("waits as long as it lets Codex take, and needs a result", async (t) => {
    const { client, limits } = await onData(t, {});
    await assert.rejects(client.rpc("x", {}, { timeoutMs: 600_000 }), { code: "bad_reply", message: /no result/ });
    await assert.rejects(client.rpc("x", {}, { signal: AbortSignal.abort(new Error("over")) }), { message: "over" });
    assert.deepEqual(limits, [750_000, 150_000]);
  });
});

describe("threads", () => {
  test("are listed and read", async (t) => {
    const { client, services } = await onEdge(t);
    const page = await client.listThreads({
      limit: 2, cursor: "c", archived: true, cwd: "/w", sources: ["cli", "exec"], search: "two words",
    });
    assert.deepEqual(page, { records: [services.thread], nextCursor: null });
    await client.listThreads();
    assert.deepEqual(services.callsOf("threads.list"), [
      [{ limit: 2, cursor: "c", archived: true, cwd: "/w", sources: ["cli", "exec"], search: "two words" }],
      [{ limit: 100, cursor: null, archived: false, cwd: null, sources: null, search: null }],
    ]);
    assert.deepEqual(await client.readThread("thread-1", { turns: true }), services.thread);
    await client.readThread("thread-1");
    assert.deepEqual(services.callsOf("threads.read"), [["thread-1", { turns: true }], ["thread-1", { turns: false }]]);
  });

  test("are forked, archived, named, compacted and reviewed", async (t) => {
    const { client, services } = await onEdge(t);
    assert.deepEqual(await client.forkThread("a", { ephemeral: true }), services.thread);
    assert.deepEqual(await client.forkThread("a"), services.thread);
    await client.archiveThread("a");
    assert.deepEqual(await client.unarchiveThread("a"), services.thread);
    await client.nameThread("a", "n");
    await client.compactThread("a");
    assert.deepEqual(await client.reviewThread("a"), { turnId: "turn-9", threadId: "a" });
    const target = { type: "uncommittedChanges" };
    await client.reviewThread("a", { target });
    const asked = services.calls.filter(({ name }) => name.startsWith("threads."));
    assert.deepEqual(asked.map(({ name, args }) => [name.slice("threads.".length), ...args]), [
      ["fork", "a", { ephemeral: true }], ["fork", "a", {}], ["archive", "a"], ["unarchive", "a"], ["name", "a", "n"],
      ["compact", "a"], ["review", "a", {}], ["review", "a", { target }],
    ]);
  });
});

describe("an upload", () => {
  const bytes = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47]), Buffer.alloc(200_000, 0xff)]);

  test("goes as its bytes, or as JSON where its type is left to the daemon", async (t) => {
    const { client, services } = await onEdge(t);
    const upload = await client.upload("ses_1", bytes, "image/png");
    assert.deepEqual([upload.bytes, upload.mediaType], [bytes.length, "image/png"]);
    await client.upload("ses_1", new Uint8Array(bytes).subarray(4));
    assert.deepEqual(services.callsOf("uploads.create"), [
      [{ sessionId: "ses_1", mediaType: "image/png", bytes: bytes.length }],
      [{ sessionId: "ses_1", mediaType: null, bytes: 200_000 }],
    ]);
  });

  test("has one type, one key and no token on a port that has none", async (t) => {
    const { client, daemon } = await onData(t, { upload: {} });
    await client.upload("a&b", Buffer.from("x"), "image/gif", { idempotencyKey: "k" });
    const [seen] = daemon.seen;
    assert.deepEqual([seen?.url, seen?.body], ["/v1/codexd/uploads?session=a%26b", "x"]);
    const { "content-type": type, "idempotency-key": key, authorization } = seen?.headers ?? {};
    assert.deepEqual([type, key, authorization], ["image/gif", "k", undefined]);
  });
});
