// Runs that are quiet for too long: one event a quiet period, and no end.
//
// The process and the clock are the test's; when the watch looks at all is stall-watch.test.ts's matter.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createQuietRuns } from "../../../src/service/runs/quiet-runs.ts";
import { createStallWatch } from "../../../src/service/stall-watch.ts";
import { createRunRig } from "../../support/run-rig.ts";

const WARN_MS = 120_000;

test("a run is told of at the limit and not before, once until it gets on, and is never ended for it", async (t) => {
  const rig = await createRunRig({ max: 1, stallWarnMs: WARN_MS });
  const limits = { stallWarnMs: WARN_MS, stallInterruptMs: WARN_MS };
  const stalls = createStallWatch({ ...limits, clock: rig.clock, look: createQuietRuns(rig.store, rig.runs) });
  stalls.begin();
  t.after(() => stalls.stop());
  const told = () => rig.store.events.filter(({ type }) => type === "run.stalled");
  const { runId } = await rig.start();
  await rig.start();
  assert.deepEqual(rig.runs.running().map(({ run }) => run.runId), [runId], "one that waits is not quiet");
  await rig.clock.advance(WARN_MS - 1);
  assert.deepEqual(told(), []);
  await rig.clock.advance(1);
  const [event] = told();
  assert.deepEqual([event?.level, event?.message], ["warn", "the run has been quiet for 120 s: Codex has not begun"]);
  assert.deepEqual(event?.detail, { runId, sessionId: null, state: "starting", quietMs: WARN_MS });
  await rig.clock.advance(5 * WARN_MS);
  assert.equal(told().length, 1);
  rig.processes[0]?.print({ type: "turn.started" });
  await rig.clock.advance(WARN_MS);
  assert.deepEqual(told().map(({ detail }) => detail["state"]), ["starting", "model"]);
  assert.equal(rig.processes[0]?.isAborted, false);
});
