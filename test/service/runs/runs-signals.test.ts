// A run that somebody else's signal has ended: was it meant for codexd too? It waits a moment to know, and no longer.
//
// That a real service manager's signals come within that moment is test/whole-shutdown.test.ts's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import { createRunRig, makeResult, type RunRig } from "../../support/run-rig.ts";

/** One run under way that SIGTERM ends, and one that waits for its place. */
async function signalled(signal: string | null): Promise<RunRig> {
  const rig = await createRunRig({ max: 1 });
  await rig.start();
  await rig.start();
  const result = makeResult({ exitCode: signal === null ? 1 : null, signal });
  rig.processes[0]?.end({ ok: false, error: { message: "it was ended", reason: null }, result });
  await rig.settle();
  return rig;
}

function reasons(rig: RunRig): unknown[] {
  return [...rig.store.tables.run.newestFirst()].map(({ error }) => error?.reason).reverse();
}

test("codexd's own signal comes within the moment: the run was stopped with it, and none is started", async () => {
  const rig = await signalled("SIGTERM");
  await rig.clock.advance(LIMITS.runSameSignalMs - 1);
  await rig.settle();
  assert.deepEqual(rig.statuses(), ["running", "queued"]);
  await rig.runs.stop();
  assert.deepEqual([rig.statuses(), reasons(rig)], [["failed", "queued"], ["daemon_stopped", undefined]]);
  assert.equal(rig.processes.length, 1);
});

test("none comes: the run has failed by itself, and the next one has its place", async () => {
  const rig = await signalled("SIGTERM");
  await rig.clock.advance(LIMITS.runSameSignalMs);
  await rig.settle();
  assert.deepEqual([rig.statuses(), reasons(rig)], [["failed", "running"], [null, undefined]]);
});

test("a cancel within the moment counts", async () => {
  const rig = await signalled("SIGKILL");
  const [run] = [...rig.store.tables.run.newestFirst()].slice(-1);
  await rig.runs.cancel(run?.runId ?? "");
  assert.deepEqual(rig.statuses()[0], "cancelled");
});

test("what has exited by itself does not wait", async () => {
  const rig = await signalled(null);
  assert.deepEqual([rig.statuses(), reasons(rig)], [["failed", "running"], [null, undefined]]);
});
