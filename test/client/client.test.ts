// The API as typed functions, against the real edge with fake services behind it, and against answers made up here.
//
// Routes that the edge may not have yet are answered by hand.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { createCodexdClient, type CodexdClientOptions } from "../../src/client/client.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { startEdge, TOKEN } from "../support/edge-under-test.ts";
import { answerJson, startFakeDaemon, type Answer } from "../support/cli-daemon.ts";
import { makeTurn } from "../support/fake-services.ts";

type More = Partial<Pick<CodexdClientOptions, "timeoutMs" | "signal" | "clock" | "eventStreamPath">>;

async function onEdge(t: TestContext, more: More = {}) {
  const edge = await startEdge(t);
  const client = createCodexdClient({ baseUrl: `http://127.0.0.1:${edge.port}`, token: TOKEN, ...more });
  t.after(() => client.close());
  return { client, services: edge.services, edge };
}

async function onAnswer(t: TestContext, answer: Answer, more: More = {}) {
  const daemon = await startFakeDaemon(t, null, answer);
  const client = createCodexdClient({ baseUrl: daemon.baseUrl, ...more });
  t.after(() => client.close());
  return { client, daemon };
}

const data = (value: unknown): Answer => (_, response) => answerJson(response, 200, { ok: true, data: value });

describe("the daemon itself", () => {
  test("is alive, ready and tells its status", async (t) => {
    const { client, services } = await onEdge(t);
    const { ok, status, service } = await client.health();
    assert.deepEqual([ok, status, service?.listening], [true, "ok", true]);
    assert.deepEqual(await client.ready(), { ready: true, reasons: [] });
    services.ready = { ready: false, reasons: ["the child starts"] };
    assert.deepEqual(await client.ready(), { ready: false, reasons: ["the child starts"] });
    assert.equal((await client.status()).snapshot.daemon.child.status, "running");
  });

  test("not being ready is an answer, anything else is an error", async (t) => {
    const { client } = await onAnswer(t, (_, response) => answerJson(response, 503, {}));
    assert.deepEqual(await client.ready(), { ready: false, reasons: [] });
    const { client: odd } = await onAnswer(t, (_, response) => answerJson(response, 401, {}));
    await assert.rejects(odd.ready(), { code: "bad_reply", status: 401 });
  });

  test("describes itself and its numbers", async (t) => {
    const { client, daemon } = await onAnswer(t, ({ url }, response) => {
      if (url === "/metrics") response.end("codexd_up 1\n");
      else answerJson(response, 200, { openapi: "3.1.0" });
    });
    assert.deepEqual(await client.openapi(), { openapi: "3.1.0" });
    assert.equal(await client.metrics(), "codexd_up 1\n");
    assert.deepEqual(daemon.seen.map(({ url }) => url), ["/openapi.json", "/metrics"]);
    const { client: none } = await onAnswer(t, (_, response) => answerJson(response, 404, {}));
    await assert.rejects(none.metrics(), { code: "bad_reply", status: 404 });
  });
});

describe("sessions and turns", () => {
  test("are created, listed, read and ended", async (t) => {
    const { client, services } = await onEdge(t);
    assert.equal((await client.createSession({ cwd: "/", metadata: { a: "b" } })).sessionId, "ses_1");
    assert.deepEqual(services.callsOf("sessions.create"), [[{ cwd: "/", metadata: { a: "b" } }]]);
    assert.equal((await client.createSession()).sessionId, "ses_1");
    services.nextCursor = "ses_1";
    const page = await client.listSessions({ limit: 3, cursor: "x", status: "active", purpose: "worker" });
    assert.deepEqual([page.records.length, page.nextCursor], [1, "ses_1"]);
    assert.deepEqual(services.callsOf("sessions.list"),
      [[{ limit: 3, cursor: "x", status: "active", purpose: "worker" }]]);
    assert.equal((await client.getSession("ses_1")).recentEvents.length, 1);
    assert.equal((await client.interruptSession("ses_1")).stopped[0]?.command, "sleep");
    assert.equal((await client.closeSession("ses_1")).session.sessionId, "ses_1");
  });

  test("a turn is interrupted by its id", async (t) => {
    const { client, services } = await onEdge(t);
    const { turn, stopped } = await client.interruptTurn("sub_1");
    assert.deepEqual([turn.submissionId, stopped, services.callsOf("turns.interrupt")], ["sub_1", [], [["sub_1"]]]);
  });

  test("a turn is accepted, or has ended within waitMs", async (t) => {
    const { client, services } = await onEdge(t);
    const accepted = await client.startTurn({ sessionId: "ses_1", prompt: "hi" });
    assert.deepEqual([accepted.submissionId, accepted.turnId, accepted.turn], ["sub_1", "turn-1", null]);
    assert.equal(accepted.session?.sessionId, "ses_1");
    services.endedTurn = makeTurn({ status: "completed", lastSeq: 9 });
    const ended = await client.startTurn({ sessionId: "ses_1", prompt: "hi", waitMs: 5 });
    assert.deepEqual([ended.turn?.status, ended.submissionId, ended.session], ["completed", "sub_1", null]);
    assert.equal((await client.getTurn("turn-1", { waitMs: 7 })).turnId, "turn-1");
    assert.deepEqual(services.callsOf("turns.get"), [["turn-1", 7]]);
    await client.listTurns({ sessionId: "ses_1", limit: 2 });
    await client.listTurns();
    assert.deepEqual(services.callsOf("turns.list").map(([query]) => (query as { sessionId: unknown }).sessionId),
      ["ses_1", null]);
  });

  test("all of a list come page after page", async (t) => {
    const { client, daemon } = await onAnswer(t, ({ url }, response) => {
      const last = url.includes("cursor=b");
      const list = { sessions: [{ sessionId: last ? "c" : "b" }], turns: [], runs: [], nextCursor: last ? null : "b" };
      answerJson(response, 200, { ok: true, data: list });
    });
    const ids: string[] = [];
    for await (const { sessionId } of client.allSessions({ limit: 1 })) ids.push(sessionId);
    assert.deepEqual(ids, ["b", "c"]);
    for await (const turn of client.allTurns()) assert.fail(turn.turnId ?? "");
    for await (const run of client.allRuns({ status: "queued" })) assert.fail(run.runId);
    assert.deepEqual(daemon.seen.map(({ url }) => url.slice("/v1/codexd".length)), [
      "/sessions?limit=1", "/sessions?limit=1&cursor=b", "/turns", "/turns?cursor=b", "/runs?status=queued",
      "/runs?status=queued&cursor=b",
    ]);
  });

  test("an id is one segment of the path, and never none", async (t) => {
    const { client, daemon } = await onAnswer(t, data({ run: {}, turn: {} }));
    await client.getTurn("a/../b?c#d");
    assert.equal(daemon.seen[0]?.url, "/v1/codexd/turns/a%2F..%2Fb%3Fc%23d");
    await assert.rejects(client.getRun(""), { code: "bad_path" });
  });
});

describe("runs", () => {
  test("are started, listed, read and cancelled", async (t) => {
    const run = { runId: "run_1" };
    const { client, daemon } = await onAnswer(t, data({ run, runs: [], stopped: [], survived: [] }));
    assert.equal((await client.startRun({ prompt: "x", waitMs: 1 }, { idempotencyKey: "k" })).runId, "run_1");
    assert.equal(daemon.seen[0]?.headers["idempotency-key"], "k");
    assert.equal(daemon.seen[0]?.body, '{"prompt":"x","waitMs":1}');
    assert.deepEqual(await client.listRuns({ status: "failed" }), { records: [], nextCursor: null });
    assert.equal((await client.getRun("run_1")).runId, "run_1");
    assert.deepEqual((await client.cancelRun("run_1")).stopped, []);
    assert.deepEqual(daemon.seen.map(({ method, url }) => `${method} ${url.slice("/v1/codexd".length)}`),
      ["POST /runs", "GET /runs?status=failed", "GET /runs/run_1", "POST /runs/run_1/cancel"]);
  });

  test("their output is read from a byte on", async (t) => {
    const { client, daemon } = await onAnswer(t, ({ url }, response) => {
      if (url.includes("stdout")) response.setHeader("Codexd-Next-Offset", "12");
      response.end("héllo");
    });
    assert.deepEqual(await client.runOutput("r", { stream: "stdout", after: 6 }), { text: "héllo", nextOffset: 12 });
    assert.equal(daemon.seen[0]?.url, "/v1/codexd/runs/r/output?stream=stdout&after=6");
    await assert.rejects(client.runOutput("r"), { code: "bad_reply" });
    const { client: refused } = await onAnswer(t, (_, response) => answerJson(response, 404, {}));
    await assert.rejects(refused.runOutput("r"), { status: 404 });
  });
});

describe("refusals", () => {
  test("come with code, status, message and detail", async (t) => {
    const { client, services } = await onEdge(t);
    services.failures.set("turns.start", new CodexdError("turn_in_progress", "It runs.", { turnId: "t" }));
    await assert.rejects(client.startTurn({ sessionId: "s", prompt: "x" }), {
      name: "CodexdClientError", code: "turn_in_progress", status: 409, message: "It runs.", detail: { turnId: "t" },
    });
    await assert.rejects(client.getSession("nobody"), { code: "not_found", status: 404, detail: undefined });
    await assert.rejects(client.listSessions({ limit: 0 }), { code: "bad_request", message: /limit/ });
  });

  test("of a daemon that is newer keep its code; what is not codexd's is a bad reply", async (t) => {
    const { client } = await onAnswer(t, ({ url }, response) => {
      const odd = { ok: false, error: "brand_new", message: "New.", detail: [1] };
      if (url === "/new") answerJson(response, 499, odd);
      else if (url === "/html") response.end("<html>");
      else answerJson(response, 200, { ok: true });
    });
    await assert.rejects(client.request("GET", "/new"), { code: "brand_new", status: 499, detail: undefined });
    await assert.rejects(client.request("GET", "/html"), { code: "bad_reply", status: 200 });
    await assert.rejects(client.request("GET", "/else"), { code: "bad_reply", message: /without data/ });
    const { client: empty } = await onAnswer(t, data({}));
    await assert.rejects(empty.getRun("r"), { code: "bad_reply", message: "the answer has no run" });
  });

  test("a wrong token is 401", async (t) => {
    const edge = await startEdge(t);
    const client = createCodexdClient({ baseUrl: `http://127.0.0.1:${edge.port}`, token: "wrong" });
    t.after(() => client.close());
    await assert.rejects(client.status(), { code: "unauthorized", status: 401 });
    await assert.rejects(client.events().next(), { code: "unauthorized", status: 401 });
  });
});

describe("any route", () => {
  test("can be asked, with headers and a key", async (t) => {
    const { client, daemon } = await onAnswer(t, data({ a: 1 }));
    const given = { idempotencyKey: "k", headers: { "X-Y": "z" } };
    assert.deepEqual(await client.request("PUT", "/x?y=1", { b: null }, given), { a: 1 });
    const [seen] = daemon.seen;
    assert.deepEqual([seen?.method, seen?.url, seen?.body], ["PUT", "/x?y=1", '{"b":null}']);
    assert.deepEqual([seen?.headers["idempotency-key"], seen?.headers["x-y"]], ["k", "z"]);
    const reply = await client.open("POST", "/raw", "text", { headers: { "X-Y": "z" } });
    assert.deepEqual([reply.status, reply.headers["content-type"]], [200, "application/json"]);
    reply.close(new Error("enough"));
    for (const path of ["x", "http://evil.test/"]) {
      await assert.rejects(client.request("GET", path), { code: "bad_path" });
    }
  });
});

describe("time", () => {
  /** Notes the limits that are set, and lets none of them pass. */
  function noting(limits: number[]): Clock {
    return { ...systemClock, after: (ms) => (limits.push(ms), { cancel: () => undefined }) };
  }

  test("what goes to Codex has longer than what does not, and a wait comes on top", async (t) => {
    const limits: number[] = [];
    const all = data({ turn: {}, session: {}, sessions: [], run: {} });
    const { client } = await onAnswer(t, all, { clock: noting(limits) });
    await client.listSessions();
    await client.getTurn("t", { waitMs: 1000 });
    await client.createSession();
    await client.startTurn({ sessionId: "s", waitMs: 240_000 });
    await client.startRun({ prompt: "x", waitMs: 5 });
    await client.getRun("r", { timeoutMs: 77 });
    await client.request("POST", "/x");
    assert.deepEqual(limits, [10_000, 11_000, 150_000, 390_000, 10_005, 77, 150_000]);
  });

  test("can be given for all calls of a client", async (t) => {
    const limits: number[] = [];
    const { client } = await onAnswer(t, data({ turn: {}, session: {} }), { clock: noting(limits), timeoutMs: 5 });
    await client.createSession();
    await client.getTurn("t", { waitMs: 3, timeoutMs: 4 });
    await client.getTurn("t", { timeoutMs: Infinity });
    assert.deepEqual(limits, [5, 7, 2_147_483_647]);
  });

  test("a client's signal ends its calls, and so does close", async (t) => {
    const stop = new AbortController();
    const asked = createDeferred<void>();
    const { client } = await onAnswer(t, () => asked.resolve(), { signal: stop.signal });
    const call = client.status();
    await asked.promise;
    const reason = new Error("over");
    stop.abort(reason);
    await assert.rejects(call, reason);
    await assert.rejects(client.events().next(), reason);
    const { client: other } = await onAnswer(t, () => undefined);
    other.close();
    await assert.rejects(other.health(), { code: "client_closed" });
    await assert.rejects(other.events().next(), { code: "client_closed" });
  });
});
