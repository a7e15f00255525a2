// Signals as a service manager sends them, to codexd, the real Codex, its commands and a run in the same instant.
//
// What the fake Codex shows of it stands in test/whole-shutdown.test.ts; here it is that the real one takes it so too.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { runMark } from "../../src/child/exec-process.ts";
import { systemProcesses } from "../../src/child/process-tree.ts";
import { threadMarks } from "../../src/child/thread-marks.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import { CODEX_VERSION } from "../support/codex-install.ts";
import type { Daemon } from "../support/daemon.ts";
import { isAlive } from "../support/daemon-calls.ts";
import { createSession, prepareRealCodex, runTurn, startTurn, type RealCodex } from "../support/real-codex.ts";
import { endsOf, processesBelow } from "../support/stop-rig.ts";

describe(`signals to all of it at once, Codex ${CODEX_VERSION}`, () => {
  let real: RealCodex;
  before(async () => {
    real = await prepareRealCodex("signals");
  });
  after(() => real.remove());

  for (const first of ["codexd", "the others"] as const) {
    test(`${first} first: one end each, no restart of the child, and the session goes on`, async () => {
      const before = endsOf(real).starts;
      const daemon = await real.start();
      const { sessionId, threadId } = await createSession(daemon);
      assert.equal((await runTurn(daemon, sessionId, "DELTAS=1")).status, "completed");
      const { turnId } = await startTurn(daemon, sessionId, "RUNCMD=sleep 300; TEXT=never;");
      const run = await startRun(daemon, "RUNCMD=sleep 301; TEXT=never;");
      await marked(threadMarks(threadId));
      await marked([runMark(run.runId)], "sleep 301");
      const pids = processesBelow(daemon.pid);
      const all = first === "codexd" ? [daemon.pid, ...pids] : [...pids, daemon.pid];
      for (const pid of all) process.kill(pid, "SIGTERM");
      assert.deepEqual(await daemon.exited, { code: 0, signal: null }, daemon.stderr());
      assert.deepEqual(pids.filter(isAlive), []);
      const { ended, starts, problems } = endsOf(real);
      assert.deepEqual([problems, starts - before], [[], 1]);
      assert.deepEqual([ended[turnId], ended[run.runId]], [["interrupted"], ["failed daemon_stopped"]]);

      const next = await real.start();
      assert.equal((await runTurn(next, sessionId, "TEXT=again;")).finalMessage, "again");
      await next.kill("SIGTERM");
    });
  }
});

async function startRun(daemon: Daemon, prompt: string): Promise<RunRecord> {
  const body = { prompt, skipGitRepoCheck: true, sandbox: "danger-full-access" };
  const { status, data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", body);
  assert.equal(status, 202, JSON.stringify(data));
  return data.run;
}

/** Resolves when a process that bears one of the marks runs, such a command where one is named. */
async function marked(marks: readonly string[], command = ""): Promise<void> {
  for (;;) {
    const found = await systemProcesses.find({ marks });
    if (found.some((entry) => systemProcesses.describe(entry).includes(command))) return;
    await setTimeout(10);
  }
}
