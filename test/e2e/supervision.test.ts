// A restart that was asked for, a command line that Codex refuses, who holds a thread, and how a life ends whose stdout
// nobody reads: with the real Codex.
//
// The cases of time and count are in test/child, where a test has the clock in its hand.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { startChildLife } from "../../src/child/child-life.ts";
import { createChildOutput } from "../../src/child/child-output.ts";
import type { Life, LifeEnd } from "../../src/child/life.ts";
import { processSpawner, type ChildHandle } from "../../src/child/spawner.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { ChildState } from "../../src/core/records.ts";
import { spawnAppServer } from "../support/app-server-probe.ts";
import { CODEX_VERSION, codexBinary, codexHomeEnv, makeWorkDir, writeCodexHome } from "../support/codex-install.ts";
import type { Daemon } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { createMemoryLog } from "../support/memory-log.ts";
import { startMockModel, type MockModel } from "../support/mock-model.ts";
import {
  childPidOf, createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

const RESTART = "/v1/codexd/child/restart";
const DELTA = "app-server.turn.message.delta";

interface Refused {
  readonly error: string;
  readonly message: string;
  readonly detail: { readonly threadId: string; readonly holder: { pid: number; command: string; startedAt: string } };
}

describe("supervision of the real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("supervision");
    daemon = await real.start();
  });
  after(() => real.remove());

  const restart = async (): Promise<ChildState> => {
    const { status, data } = await daemon.post<{ child: ChildState }>(RESTART, {});
    assert.equal(status, 200);
    return data.child;
  };

  test("a restart interrupts the turn that runs, with the reason, and the session goes on", async () => {
    const { sessionId } = await createSession(daemon);
    assert.equal((await runTurn(daemon, sessionId, "DELTAS=1")).status, "completed");
    const stream = await openEventStream(daemon);
    const { submissionId, turnId } = await startTurn(daemon, sessionId, "DELTAS=2000 RATE=1000");
    await stream.waitFor(({ type, detail }) => type === DELTA && detail.turnId === turnId);
    const pid = await childPidOf(daemon);
    const child = await restart();
    assert.deepEqual([child.status, child.restarts, child.exitCode], ["running", 1, 0]);
    assert.notEqual(child.pid, pid);
    assert.throws(() => process.kill(pid, 0));
    const turn = await endOfTurn(daemon, submissionId);
    assert.deepEqual([turn.status, turn.error?.reason], ["interrupted", "child_restarted"]);
    assert.equal(turn.error?.message, "the app-server exited with code 0 (restarted: asked for)");
    const restarting = await stream.waitFor(({ type }) => type === "child.restarting");
    assert.equal(restarting.detail["reason"], "asked for");
    assert.equal((await runTurn(daemon, sessionId, "TEXT=still here;")).finalMessage, "still here");
    stream.close();
  });

  test("what Codex costs stands in status", { skip: process.platform !== "linux" }, async () => {
    interface Limits {
      readonly limits: Readonly<Record<string, { readonly value: number | null }>>;
    }
    const { data } = await daemon.get<Limits>("/v1/codexd/status");
    assert.ok((data.limits["childRssBytes"]?.value ?? 0) > 1024 * 1024);
    assert.equal(data.limits["childDescendants"]?.value, 0);
    assert.ok((data.limits["codexHomeBytes"]?.value ?? 0) > 1024);
  });

  // Codex 0.116 lets two processes write one thread.
  const hasLocks = process.platform === "linux" && CODEX_VERSION !== "0.116.0";

  test("who holds a thread is named: another app-server [trap 2.12]", { skip: !hasLocks }, async (t) => {
    const { sessionId, threadId } = await createSession(daemon);
    assert.equal((await runTurn(daemon, sessionId, "DELTAS=1")).status, "completed");
    // The next child has the thread only when a turn needs it.
    await restart();
    const env = codexHomeEnv(path.join(path.dirname(real.stateDir), "home"));
    const other = spawnAppServer(codexBinary(), ["app-server"], env);
    t.after(() => other.end());
    await other.call("initialize", { clientInfo: { name: "other", version: "1" } });
    assert.ok((await other.call("thread/resume", { threadId })).result !== undefined);
    const body = { sessionId, input: "hello" };
    const { status, data } = await daemon.post<Refused>("/v1/codexd/turn", body);
    assert.deepEqual([status, data.error, data.detail.threadId], [409, "thread_locked", threadId]);
    const { holder } = data.detail;
    assert.match(holder.command, /codex app-server$/);
    assert.match(data.message, new RegExp(`another Codex process \\(${holder.pid}: .*codex app-server, since 20`));
    assert.ok(Math.abs(Date.now() - Date.parse(holder.startedAt)) < 60_000, holder.startedAt);
    assert.notEqual(holder.pid, await childPidOf(daemon));
    await other.end();
    assert.equal((await runTurn(daemon, sessionId, "TEXT=mine again;")).finalMessage, "mine again");
  });

  test("a wrong argument is failed at once and says so everywhere; a restart tries it again [trap 0.6]", async () => {
    await daemon.kill("SIGTERM");
    daemon = await real.start(["--server-arg=app-server", "--server-arg=--nope"]);
    const words = /exited with code 2; it said: .*--nope.*; it does not take its arguments, so it is not started again/;
    const child = await restart();
    assert.deepEqual([child.status, child.pid], ["failed", null]);
    assert.match(child.lastError ?? "", words);
    const refused = await daemon.post<Refused>("/v1/codexd/sessions", {});
    assert.deepEqual([refused.status, refused.data.error], [503, "child_failed"]);
    assert.match(refused.data.message, words);
    const ready = await daemon.get<Refused & { readonly detail: { readonly reasons: string[] } }>("/readyz");
    assert.equal(ready.status, 503);
    assert.match(ready.data.detail.reasons.join(), words);
  });
});

describe("a life of the real Codex whose stdout nobody reads", () => {
  let mock: MockModel;
  let dir: string;

  before(async () => {
    mock = await startMockModel();
    dir = makeWorkDir("lives");
    writeCodexHome(path.join(dir, "home"), mock.port);
  });
  after(async () => {
    await mock.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  });

  test("it is read again for its end, which Codex would wait 45 s for [trap 6.5]", async () => {
    // This clock stands still: no signal helps it to its end.
    const { life, spoken, ended } = start(dir, createManualClock());
    await startTurnOf(life, dir, "DELTAS=5000 SIZE=1000");
    await spoken;
    life.client.pause();
    await life.stop();
    assert.deepEqual(await ended, {
      exitCode: 0, signal: null, reason: null, spawnFailed: false, canRetry: true,
    });
  });

  test("a closed one does not end Codex: it works on, and is killed after its grace [trap 6.7]", async () => {
    const clock = createManualClock();
    const { life, child, deaf, ended } = start(dir, clock);
    const threadId = await startTurnOf(life, dir, "DELTAS=1");
    child.stdout.destroy?.();
    await deaf;
    const input = [{ type: "text", text: "DELTAS=2" }];
    child.stdin.write(`${JSON.stringify({ id: 99, method: "turn/start", params: { threadId, input } })}\n`);
    const asked = (): boolean => JSON.stringify(mock.requests.at(-1)).includes("DELTAS=2");
    while (!asked()) await new Promise((done) => setTimeout(done, 10));
    clock.advance(LIMITS.childStopGraceMs);
    const { signal, reason } = await ended;
    assert.deepEqual([signal, reason], ["SIGKILL", "it closed its stdout and lived on"]);
  });
});

interface Started {
  readonly life: Life;
  readonly child: ChildHandle;
  /** Its model has begun to answer. */
  readonly spoken: Promise<void>;
  readonly deaf: Promise<void>;
  readonly ended: Promise<LifeEnd>;
}

function start(dir: string, clock: ManualClock): Started {
  const [spoken, deaf, ended] = [createDeferred<void>(), createDeferred<void>(), createDeferred<LifeEnd>()];
  const env = { ...process.env, ...codexHomeEnv(path.join(dir, "home")) };
  const child = processSpawner.spawn(codexBinary(), ["app-server"], { cwd: dir, env });
  const life = startChildLife({
    spawner: { spawn: () => child }, command: codexBinary(), args: [], spawnOptions: { cwd: dir, env },
    version: "1", clock,
    output: createChildOutput({
      clock, stdoutLog: createMemoryLog(), stderrLog: createMemoryLog(), report: () => undefined, secrets: () => [],
    }),
    handlers: {
      onNotification: (method) => void (method === "item/agentMessage/delta" && spoken.resolve()),
      onRequest: () => undefined,
    },
    onSpawn: () => undefined,
    onDeaf: deaf.resolve,
    onEnd: ended.resolve,
  });
  return { life, child, spoken: spoken.promise, deaf: deaf.promise, ended: ended.promise };
}

/** On a new thread; gives its id. */
async function startTurnOf({ client }: Life, cwd: string, text: string): Promise<string> {
  await client.initialize();
  const { thread } = await client.call("thread/start", { cwd, approvalPolicy: "never" }) as { thread: { id: string } };
  await client.call("turn/start", { threadId: thread.id, input: [{ type: "text", text }] });
  return thread.id;
}
