// Interrupt, close and stop against what the real Codex leaves running: commands that outlive their turn, and children
// of theirs with a session of their own.
//
// Who lives is read from /proc, by the mark that Codex puts on each command of a thread.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { systemProcesses } from "../../src/child/process-tree.ts";
import type { StopReport } from "../../src/core/processes.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { Daemon } from "../support/daemon.ts";
import { readJournal } from "../support/journal-reader.ts";
import {
  childPidOf, createSession, endOfTurn, prepareRealCodex, runTurn, startTurn, type RealCodex,
} from "../support/real-codex.ts";

/** A command that goes on behind its turn, and one below it that no group of Codex's has. */
const LEAVES_TWO = "YIELD=200:setsid sleep 301 & sleep 300\\;;";

interface Stopped extends StopReport {
  readonly turn: TurnRecord | null;
}

describe("what the real Codex leaves running", { skip: existsSync("/proc/self/stat") ? false : "no /proc" }, () => {
  let real: RealCodex;
  let daemon: Daemon;

  before(async () => {
    real = await prepareRealCodex("stop");
    daemon = await real.start();
  });
  after(() => real.remove());

  test("an interrupt ends the turn's commands and theirs, tells which, and no other's [trap 3.8.3]", async () => {
    const [session, other] = [await createSession(daemon), await createSession(daemon)];
    await runTurn(daemon, other.sessionId, "YIELD=200:sleep 302\\;; DELTAS=1");
    await sleepsOf(other, [302]);
    const { submissionId } = await startTurn(daemon, session.sessionId, `${LEAVES_TWO} HANG=1`);
    await sleepsOf(session, [300, 301]);
    const { turn, stopped, survived } = await stop(session, "interrupt");
    assert.deepEqual([turn?.submissionId, turn?.status], [submissionId, "interrupted"]);
    assert.deepEqual(sleepsIn(stopped), [300, 301]);
    assert.deepEqual([survived, await livingOf(session)], [[], []]);
    assert.deepEqual(sleepsIn(await livingOf(other)), [302], "another session's command lives on");
    assert.equal((await runTurn(daemon, session.sessionId, "RUNCMD=echo again; DELTAS=1")).status, "completed");
    const told = readJournal(real.logsDir).events.find(({ type }) => type === "processes.ended");
    assert.deepEqual([told?.detail.sessionId, told?.detail["reason"]], [session.sessionId, "interrupted"]);
    assert.deepEqual(sleepsIn((await stop(other, "close")).stopped), [302]);
  });

  test("an idle session's interrupt and its close end what an earlier turn has left", async () => {
    for (const how of ["interrupt", "close"] as const) {
      const session = await createSession(daemon);
      assert.equal((await runTurn(daemon, session.sessionId, `${LEAVES_TWO} DELTAS=1`)).status, "completed");
      await sleepsOf(session, [300, 301]);
      const { turn, stopped, survived } = await stop(session, how);
      assert.deepEqual([turn, sleepsIn(stopped), survived], [null, [300, 301], []]);
      assert.deepEqual(await livingOf(session), []);
    }
  });

  // To its whole group: even that reaches no command of Codex's. 0.116 leaves its own behind on a SIGTERM too.
  for (const signal of ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const) {
    test(`what a child's ${signal} leaves is ended before the session goes on [trap 6.2, 6.3, 6.4, 6.6]`, async () => {
      const session = await createSession(daemon);
      const { turnId } = await startTurn(daemon, session.sessionId, `${LEAVES_TWO} HANG=1`);
      await sleepsOf(session, [300, 301]);
      process.kill(-(await childPidOf(daemon)), signal);
      assert.equal((await endOfTurn(daemon, turnId)).status, "interrupted");
      await sleepsOf(session, []);
      assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
      // One that has been asked for is none of the deaths after which a child is given up.
      assert.equal((await daemon.post("/v1/codexd/child/restart")).status, 200);
    });
  }

  test("what a killed daemon has left is ended by the next one", async () => {
    const session = await createSession(daemon);
    await startTurn(daemon, session.sessionId, `${LEAVES_TWO} HANG=1`);
    await sleepsOf(session, [300, 301]);
    await daemon.kill("SIGKILL");
    daemon = await real.start();
    await sleepsOf(session, []);
    const told = readJournal(real.logsDir).events.findLast(({ type }) => type === "processes.ended");
    assert.equal(told?.detail["reason"], "daemon_started");
    assert.equal((await runTurn(daemon, session.sessionId, "DELTAS=1")).status, "completed");
  });

  test("a stop leaves nothing behind [trap 6.1]", async () => {
    const session = await createSession(daemon);
    await startTurn(daemon, session.sessionId, `${LEAVES_TWO} HANG=1`);
    await sleepsOf(session, [300, 301]);
    const { code } = await daemon.kill("SIGTERM");
    assert.equal(code, 0, daemon.stderr());
    assert.deepEqual(await livingOf(session), []);
    const { events } = readJournal(real.logsDir);
    const exited = events.findLast(({ type }) => type === "child.exited")?.detail;
    assert.deepEqual([exited?.["exitCode"], exited?.["signal"]], [0, null], "the end of its stdin was enough");
    const ends = events.slice(-2);
    assert.deepEqual(ends.map(({ type }) => type), ["processes.ended", "daemon.stopped"]);
  });

  async function stop(session: SessionRecord, how: "interrupt" | "close"): Promise<Stopped> {
    const { status, data } = await daemon.post<Stopped>(`/v1/codexd/sessions/${session.sessionId}/${how}`);
    assert.equal(status, 200, JSON.stringify(data));
    return data;
  }
});

async function livingOf({ threadId }: SessionRecord): Promise<Array<{ command: string }>> {
  const found = await systemProcesses.find({ marks: [`CODEX_THREAD_ID=${threadId ?? ""}`] });
  return found.map((entry) => ({ command: systemProcesses.describe(entry) }));
}

/** Waits until just these run of the thread's commands. */
async function sleepsOf(session: SessionRecord, seconds: readonly number[]): Promise<void> {
  while (sleepsIn(await livingOf(session)).join() !== seconds.join()) await new Promise((done) => setTimeout(done, 20));
}

/** How long those sleep that are a plain `sleep`. */
function sleepsIn(processes: ReadonlyArray<{ readonly command: string }>): number[] {
  return processes.flatMap(({ command }) => /^sleep (\d+)$/.exec(command)?.slice(1).map(Number) ?? []).sort();
}
