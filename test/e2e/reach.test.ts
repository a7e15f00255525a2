// Full reach on the real Codex: any method with its result as it came, threads by their own names, and the turns that
// compact and review begin in a session.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import type { Daemon, Refusal } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import { prepareExternalCodex, type ExternalCodex } from "../support/external-codex.ts";
import {
  childPidOf, createSession, endOfTurn, prepareRealCodex, runTurn, type RealCodex,
} from "../support/real-codex.ts";

interface Thread {
  readonly id: string;
  readonly name: string | null;
  readonly sessionId: string | null;
}

const FINDINGS = { findings: [], overall_correctness: "ok", overall_explanation: "fine", overall_confidence_score: 1 };
const REVIEW = { target: { type: "custom", instructions: `TEXT=${JSON.stringify(FINDINGS)}; ` } };
const BYTES = 6_000_000;
/** Older ones have no such method. */
const SETTINGS = { skip: CODEX_VERSION === "0.116.0" };

/** The whole body of an answer, as it stands. */
async function rawRpc(daemon: Daemon, method: string, params: object): Promise<{ status: number; text: string }> {
  const { service } = await daemon.started;
  const reply = await fetch(new URL("/v1/codexd/rpc", service.resolvedBaseUrl), {
    method: "POST",
    headers: { authorization: `Bearer ${await daemon.token()}`, "content-type": "application/json" },
    body: JSON.stringify({ method, params }),
  });
  return { status: reply.status, text: await reply.text() };
}

/** A file of some megabytes comes back whole, in the very form in which Codex writes it. */
async function readLargeFile(daemon: Daemon, dir: string): Promise<void> {
  const file = path.join(dir, "large.bin");
  const bytes = randomBytes(BYTES);
  writeFileSync(file, bytes);
  const { status, text } = await rawRpc(daemon, "fs/readFile", { path: file });
  assert.equal(status, 200);
  const wanted = `"result": {"dataBase64":"${bytes.toString("base64")}"}`;
  assert.ok(text.includes(wanted), text.slice(0, 100));
}

async function threadsOf(daemon: Daemon, query = ""): Promise<readonly Thread[]> {
  const { status, data } = await daemon.get<{ threads: Thread[] }>(`/v1/codexd/threads${query}`);
  assert.equal(status, 200, JSON.stringify(data));
  return data.threads;
}

describe("full reach", () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("reach");
    daemon = await real.start();
  });
  after(() => real.remove());

  const post = async <T>(route: string, body: object, status: number): Promise<T> => {
    const reply = await daemon.post<T>(route, body);
    assert.equal(reply.status, status, JSON.stringify(reply.data));
    return reply.data;
  };

  const turnsOf = async ({ sessionId }: SessionRecord): Promise<readonly TurnRecord[]> =>
    (await daemon.get<{ turns: TurnRecord[] }>(`/v1/codexd/sessions/${sessionId}/turns`)).data.turns;

  test("results of megabytes come as Codex writes them, while a turn streams [trap 1.12]", async () => {
    const session = await createSession(daemon);
    const [turn] = await Promise.all([
      runTurn(daemon, session.sessionId, "DELTAS=300 RATE=600"), readLargeFile(daemon, real.workDir),
    ]);
    assert.equal(turn.status, "completed");
  });

  test("a result longer than codexd takes fails its call alone: the turn that streams goes on", async () => {
    const session = await createSession(daemon);
    const file = path.join(real.workDir, "too-large.bin");
    writeFileSync(file, Buffer.alloc(LIMITS.childLineBytesMax * 0.76));
    const childPid = await childPidOf(daemon);
    const call = { method: "fs/readFile", params: { path: file } };
    const [turn, refusal] = await Promise.all([
      runTurn(daemon, session.sessionId, "DELTAS=300 RATE=300"), post<Refusal>("/v1/codexd/rpc", call, 502),
    ]);
    assert.equal(turn.status, "completed");
    assert.deepEqual([refusal.error, refusal.detail?.["limit"]], ["app_server_error", LIMITS.childLineBytesMax]);
    assert.equal(await childPidOf(daemon), childPid);
  });

  test("settings that rpc changes are the session's, also for a child that starts anew", SETTINGS, async () => {
    const session = await createSession(daemon);
    await runTurn(daemon, session.sessionId, "TEXT=before;");
    const stream = await openEventStream(daemon, "?type=app-server.notification,app-server.connected");
    const params = { threadId: session.threadId, sandboxPolicy: { type: "readOnly" } };
    await post("/v1/codexd/rpc", { method: "thread/settings/update", params }, 200);
    await stream.waitFor(({ detail }) => detail["notificationMethod"] === "thread/settings/updated");
    const sandbox = async (): Promise<unknown> =>
      (await daemon.get<{ session: SessionRecord }>(`/v1/codexd/sessions/${session.sessionId}`)).data.session.sandbox;
    assert.equal(await sandbox(), "read-only");
    process.kill(await childPidOf(daemon), "SIGKILL");
    await stream.waitFor(({ type }) => type === "app-server.connected");
    stream.close();
    await runTurn(daemon, session.sessionId, "TEXT=after;");
    const read = { method: "thread/resume", params: { threadId: session.threadId, excludeTurns: true } };
    const { result } = await post<{ result: { sandbox: { type: string } } }>("/v1/codexd/rpc", read, 200);
    assert.deepEqual([result.sandbox.type, await sandbox()], ["readOnly", "read-only"]);
  });

  test("a refusal of Codex's is 502 with its own words, one of codexd's names the way [trap 1.3]", async () => {
    const refusal = await post<Refusal>("/v1/codexd/rpc", { method: "nope" }, 502);
    assert.deepEqual([refusal.error, refusal.detail?.["code"]], ["app_server_error", -32_600]);
    assert.match(String(refusal.detail?.["message"]), /unknown variant `nope`/);
    const refused = await post<Refusal>("/v1/codexd/rpc", { method: "turn/start", params: {} }, 400);
    assert.match(refused.message, /use POST \/v1\/codexd\/turn/);
  });

  test("about: version, models, and why the rest is not known", async () => {
    const { status, data } = await daemon.get<Record<string, unknown>>("/v1/codexd/codex");
    assert.equal(status, 200);
    assert.deepEqual([data["version"], data["embeddedAgent"], data["rateLimits"]], [CODEX_VERSION, false, null]);
    assert.match(String(data["userAgent"]), new RegExp(`/${CODEX_VERSION} `));
    assert.ok((data["models"] as unknown[]).length > 2, "all pages of them");
    assert.match((data["errors"] as Record<string, string>)["rateLimits"] ?? "", /authentication required/);
    assert.equal((data["account"] as Record<string, unknown>)["account"], null);
  });

  test("a thread is listed, named, read, forked, archived and taken out again", async () => {
    const session = await createSession(daemon);
    const threadId = session.threadId ?? "";
    await runTurn(daemon, session.sessionId, "TEXT=kept;");
    await post(`/v1/codexd/threads/${threadId}/name`, { name: "a name" }, 200);
    const [listed] = (await threadsOf(daemon, "?limit=50")).filter(({ id }) => id === threadId);
    assert.deepEqual([listed?.sessionId, listed?.name], [session.sessionId, "a name"]);
    const read = await daemon.get<{ thread: { turns: unknown[] } }>(`/v1/codexd/threads/${threadId}?turns=1`);
    assert.equal(read.data.thread.turns.length, 1);

    const { thread } = await post<{ thread: Thread }>(`/v1/codexd/threads/${threadId}/fork`, {}, 201);
    assert.notEqual(thread.id, threadId);
    assert.equal(thread.sessionId, null);
    const made = await post<{ session: SessionRecord }>("/v1/codexd/sessions", { threadId: thread.id }, 201);
    assert.equal((await runTurn(daemon, made.session.sessionId, "TEXT=forked;")).finalMessage, "forked");

    const refused = await post<Refusal>(`/v1/codexd/threads/${threadId.toUpperCase()}/archive`, {}, 409);
    assert.deepEqual([refused.error, refused.detail], ["session_exists", { sessionId: session.sessionId }]);
    await post(`/v1/codexd/sessions/${session.sessionId}/close`, {}, 200);
    await post(`/v1/codexd/threads/${threadId}/archive`, {}, 200);
    assert.ok((await threadsOf(daemon, "?archived=1")).some(({ id }) => id === threadId));
    await post(`/v1/codexd/threads/${threadId}/unarchive`, {}, 200);
    assert.ok((await threadsOf(daemon)).some(({ id }) => id === threadId));
  });

  test("a thread that rpc has started takes a session, with and without a turn [trap 1.6]", async () => {
    const params = { cwd: real.workDir, sandbox: "read-only" };
    const start = { method: "thread/start", params };
    const { result: { thread: { id } } } = await post<{ result: { thread: Thread } }>("/v1/codexd/rpc", start, 200);
    const { session } = await post<{ session: SessionRecord }>("/v1/codexd/sessions", { threadId: id }, 201);
    assert.deepEqual([session.threadId, session.sandbox, session.cwd], [id, "read-only", real.workDir]);
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=first;")).finalMessage, "first");
  });

  test("compact is a turn of the session, which is free again at its end [trap 3.5.3]", async () => {
    const session = await createSession(daemon);
    await runTurn(daemon, session.sessionId, "TEXT=before;");
    await post(`/v1/codexd/threads/${session.threadId}/compact`, {}, 202);
    const [compaction] = await turnsOf(session);
    assert.equal(compaction?.submissionId, null);
    assert.equal((await endOfTurn(daemon, compaction?.turnId ?? "")).status, "completed");
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=after;")).finalMessage, "after");
  });

  test("a review is a turn of the session, of one name from its answer to its receipt [trap 3.5.4]", async () => {
    const session = await createSession(daemon);
    await runTurn(daemon, session.sessionId, "TEXT=before;");
    const begun = await post<{ turnId: string }>(`/v1/codexd/threads/${session.threadId}/review`, REVIEW, 202);
    const turn = await endOfTurn(daemon, begun.turnId);
    assert.deepEqual([turn.turnId, turn.submissionId, turn.status], [begun.turnId, null, "completed"]);
    assert.match(turn.finalMessage ?? "", /fine/);
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=after;")).finalMessage, "after");
  });

  test("a review that rpc begins is adopted, and one that runs is ended by an interrupt", async () => {
    const session = await createSession(daemon);
    await runTurn(daemon, session.sessionId, "TEXT=before;");
    const stream = await openEventStream(daemon, `?session=${session.sessionId}`);
    const target = { type: "custom", instructions: "DELTAS=2000 RATE=100" };
    await post("/v1/codexd/rpc", { method: "review/start", params: { threadId: session.threadId, target } }, 200);
    await stream.waitFor(({ type }) => type === "app-server.turn.started");
    const stopped = await post<{ turn: TurnRecord | null }>(
      `/v1/codexd/sessions/${session.sessionId}/interrupt`, {}, 200,
    );
    assert.deepEqual([stopped.turn?.status, stopped.turn?.error], ["interrupted", null]);
    assert.equal((await runTurn(daemon, session.sessionId, "TEXT=after;")).finalMessage, "after");
    stream.close();
  });

  test("threads that a new child has not loaded: compacted for their session, reviewed without one", async () => {
    const session = await createSession(daemon);
    await runTurn(daemon, session.sessionId, "TEXT=before;");
    const alone = await createSession(daemon);
    await runTurn(daemon, alone.sessionId, "TEXT=before;");
    await post(`/v1/codexd/sessions/${alone.sessionId}/close`, {}, 200);
    const stream = await openEventStream(daemon, "?type=app-server.connected");
    process.kill(await childPidOf(daemon), "SIGKILL");
    await stream.waitFor(() => true);
    stream.close();
    await post(`/v1/codexd/threads/${session.threadId}/compact`, {}, 202);
    const [compaction] = await turnsOf(session);
    assert.equal((await endOfTurn(daemon, compaction?.turnId ?? "")).status, "completed");
    const review = await post<{ threadId: string }>(`/v1/codexd/threads/${alone.threadId}/review`, REVIEW, 202);
    assert.equal(review.threadId, alone.threadId);
  });
});

describe("full reach over a WebSocket", () => {
  let codex: ExternalCodex;

  before(async () => {
    codex = await prepareExternalCodex("reach-external");
  });
  after(() => codex.remove());

  test("results of megabytes come as Codex writes them", async () => {
    const server = await codex.serve("ws://127.0.0.1:0");
    const daemon = await codex.start(server.url);
    await readLargeFile(daemon, codex.root);
    const { data } = await daemon.get<{ version: string }>("/v1/codexd/codex");
    assert.equal(data.version, CODEX_VERSION);
  });
});
