// When the journal flushes: alone after a pause, in company within a stream, and never later than it says.
// The clock is a fake one: what a flush takes is the test's to say.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { FlushPace } from "../../src/store/flush-pace.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";

interface Rig {
  readonly clock: FakeClock;
  readonly pace: FlushPace;
  /** A write that takes so many milliseconds, and during which more comes where nothing else is said. */
  flush(ms: number, isStream?: boolean): Promise<void>;
  late: number;
}

function createRig(): Rig {
  const clock = createFakeClock();
  const rig: Rig = {
    clock, late: 0,
    pace: new FlushPace(clock, () => (rig.late += 1)),
    async flush(ms, isStream = true) {
      rig.pace.begun();
      await clock.advance(ms);
      rig.pace.ended(isStream);
    },
  };
  return rig;
}

test("the first line and one after a pause go at once; the pause is three times the flush", async () => {
  const { pace, clock, flush } = createRig();
  assert.equal(pace.isDue(100, false), true);
  await flush(0.1);
  assert.equal(pace.isDue(100, false), false);
  await clock.advance(0.29);
  assert.equal(pace.isDue(100, false), false);
  await clock.advance(0.02);
  assert.equal(pace.isDue(100, false), true);
});

test("who waits for an answer, and what is much, does not wait", async () => {
  const { pace, flush } = createRig();
  await flush(1);
  assert.equal(pace.isDue(LIMITS.journalPaceBytes - 1, false), false);
  assert.equal(pace.isDue(LIMITS.journalPaceBytes, false), true);
  assert.equal(pace.isDue(1, true), true);
});

test("a line that was told to wait is flushed when its time is over, once", async () => {
  const rig = createRig();
  await rig.flush(50);
  assert.equal(rig.pace.isDue(100, false), false);
  assert.equal(rig.pace.isDue(200, false), false);
  await rig.clock.advance(LIMITS.journalPaceMs - 0.1);
  assert.equal(rig.late, 0);
  await rig.clock.advance(0.1);
  assert.equal(rig.late, 1);
  await rig.clock.advance(100);
  assert.equal(rig.late, 1);
});

test("a flush that comes before the time is over makes the wait needless", async () => {
  const rig = createRig();
  await rig.flush(50);
  assert.equal(rig.pace.isDue(100, false), false);
  await rig.flush(0.01);
  await rig.clock.advance(100);
  assert.equal(rig.late, 0);
});

test("lines that come one by one go at once, however long a flush takes", async () => {
  const { pace, flush } = createRig();
  await flush(0.3, false);
  assert.equal(pace.isDue(100, false), true);
  await flush(50, false);
  assert.equal(pace.isDue(100, false), true);
});
