// What a session is after its daemon or its child has died: the real Codex, real signals.
//
// The large counts of this are in scripts/soaks/kill.ts; here each way of dying is tried once.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { SessionRecord } from "../../src/core/records.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import type { Daemon } from "../support/daemon.ts";
import { openEventStream } from "../support/event-stream.ts";
import { readJournal } from "../support/journal-reader.ts";
import {
  childPidOf, createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

const DELTA = "app-server.turn.message.delta";

describe("restarts on the real Codex", () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("restarts");
    daemon = await real.start();
  });
  after(() => real.remove());

  test("a session goes on after an orderly restart, on the same thread [trap 2.5]", async () => {
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=2")).status, "completed");
    const { code } = await daemon.kill("SIGTERM");
    assert.equal(code, 0, daemon.stderr());
    daemon = await real.start();
    await assertGoesOn(session);
  });

  test("a turn that ran at kill -9 is interrupted, and the session goes on", async () => {
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
    const stream = await openEventStream(daemon);
    const { submissionId, turnId } = await startTurn(daemon, session.sessionId, "DELTAS=2000 RATE=1000");
    await stream.waitFor(({ type }) => type === DELTA);
    await daemon.kill("SIGKILL");
    await stream.closed;
    daemon = await real.start();
    const turn = await endOfTurn(daemon, submissionId);
    assert.deepEqual([turn.turnId, turn.status, turn.error?.reason], [turnId, "interrupted", "daemon_restarted"]);
    await assertGoesOn(session);
    const journal = readJournal(real.logsDir);
    assert.deepEqual(journal.problems, []);
    for (const { event, text } of stream.seen) assert.equal(journal.textOf(event.seq), text);
    const ends = journal.events.filter(({ type, detail }) => type === "turn.finished" && detail.turnId === turnId);
    assert.equal(ends.length, 1);
  });

  test("a run that ran at kill -9 fails once, with what it had done in its receipt", async () => {
    const stream = await openEventStream(daemon);
    const { data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", {
      prompt: "RUNCMD=sleep 300; TEXT=never;", sandbox: "danger-full-access", skipGitRepoCheck: true,
    });
    const { runId } = data.run;
    const isCommand = (item: unknown): boolean => (item as { type?: unknown })?.type === "command_execution";
    await stream.waitFor(({ type, detail }) => type === "run.item" && isCommand(detail["item"]));
    await daemon.kill("SIGKILL");
    await stream.closed;
    daemon = await real.start();
    const { run } = (await daemon.get<{ run: RunRecord }>(`/v1/codexd/runs/${runId}`)).data;
    assert.deepEqual([run.status, run.error?.reason, run.commands.length], ["failed", "interrupted", 1]);
    assert.match(run.commands[0]?.command ?? "", /sleep 300/);
    assert.equal(run.commands[0]?.exitCode, null);
    const ends = readJournal(real.logsDir).events.filter(({ type, detail }) => {
      return type.startsWith("run.") && detail.runId === runId && detail["status"] === "failed";
    });
    assert.equal(ends.length, 1);
    assert.ok((ends[0]?.detail["stopped"] as unknown[]).length > 0, "its processes are ended first");
  });

  test("a turn whose child is killed is interrupted, and the session goes on with the next child", async () => {
    const session = await createSession(daemon);
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
    const stream = await openEventStream(daemon);
    const { turnId } = await startTurn(daemon, session.sessionId, "DELTAS=2000 RATE=1000");
    await stream.waitFor(({ type, detail }) => type === DELTA && detail.turnId === turnId);
    const pid = await childPidOf(daemon);
    process.kill(pid, "SIGKILL");
    const turn = await endOfTurn(daemon, turnId);
    assert.deepEqual([turn.status, turn.error?.reason], ["interrupted", "child_exited"]);
    await stream.waitFor(({ type }) => type === "child.exited");
    await assertGoesOn(session);
    assert.notEqual(await childPidOf(daemon), pid);
    stream.close();
  });

  test("a session that never had a turn gets a new thread under its own id [trap 2.4]", async () => {
    const session = await createSession(daemon);
    await daemon.kill("SIGTERM");
    daemon = await real.start();
    const turn = await runTurn(daemon, session.sessionId, "TEXT=still here;");
    assert.deepEqual([turn.status, turn.finalMessage], ["completed", "still here"]);
    assert.notEqual(turn.threadId, session.threadId);
  });

  async function assertGoesOn(session: SessionRecord): Promise<void> {
    const turn = await runTurn(daemon, session.sessionId, "TEXT=here again;");
    assert.deepEqual([turn.status, turn.finalMessage], ["completed", "here again"]);
    assert.equal(turn.threadId, session.threadId);
  }
});
