// Reading in portions: a rest after so many bytes, and a hold that outlasts it.
//
// The source is a flag. That pipes and sockets are read so is tested where they are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createPortions } from "../../src/child/portions.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const READ_EVERY_MS = 1000 / LIMITS.childReadsPerSecond;
const SMALL = LIMITS.childReadSmallBytes - 1;

function create() {
  let paused = false;
  const clock = createFakeClock();
  const portions = createPortions({
    pause: () => void (paused = true),
    resume: () => void (paused = false),
  }, clock);
  return { portions, clock, paused: () => paused };
}

test("it rests at its portion, not before, until the loop's next turn", async () => {
  const { portions, paused } = create();
  for (let i = 0; i < 2; i += 1) {
    portions.took(LIMITS.childReadBytesAtOnce - 1);
    assert.equal(paused(), false);
    portions.took(1);
    assert.equal(paused(), true);
    await turn();
    assert.equal(paused(), false);
  }
});

test("a hold outlasts a rest, and its end does not cut one short", async () => {
  const { portions, paused } = create();
  portions.took(LIMITS.childReadBytesAtOnce);
  portions.pause();
  await turn();
  assert.equal(paused(), true);
  portions.took(LIMITS.childReadBytesAtOnce);
  portions.resume();
  assert.equal(paused(), true, "it rests");
  await turn();
  assert.equal(paused(), false);
});

test("a source that cannot wait is read as it comes", async () => {
  const portions = createPortions({});
  portions.took(LIMITS.childReadBytesAtOnce);
  portions.pause();
  portions.resume();
  await turn();
});

test("small chunks that come too often are read with rests, for so many of them; then it looks again", async () => {
  const { portions, clock, paused } = create();
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < LIMITS.childReadsAtOnce; i += 1) {
      portions.took(1);
      assert.equal(paused(), false, `round ${round}, read ${i}`);
    }
    for (let i = 0; i < LIMITS.childReadRests; i += 1) {
      portions.took(SMALL);
      assert.equal(paused(), true);
      // What was on its way when it paused.
      portions.took(SMALL);
      await clock.advance(LIMITS.childReadRestMs - 0.5);
      assert.equal(paused(), true);
      await clock.advance(0.5);
      assert.equal(paused(), false, `round ${round}, rest ${i}`);
    }
  }
});

test("a thousand in a second, and any number of chunks that are not small, are read without a rest", async () => {
  const { portions, clock, paused } = create();
  for (let i = 0; i < 1000; i += 1) {
    portions.took(100);
    assert.equal(paused(), false, `${i}`);
    await clock.advance(1);
  }
  const many = createPortions({ pause: () => assert.fail("it rests"), resume: () => undefined }, clock);
  for (let i = 0; i < LIMITS.childReadBytesAtOnce / LIMITS.childReadSmallBytes - 1; i += 1) {
    many.took(LIMITS.childReadSmallBytes);
  }
});

test("those that come a little too often are found too", async () => {
  const { portions, clock, paused } = create();
  let reads = 0;
  for (; !paused() && reads < 1000; reads += 1) {
    portions.took(100);
    await clock.advance(READ_EVERY_MS * 0.9);
  }
  assert.ok(reads >= LIMITS.childReadsAtOnce && reads < 1000, `${reads}`);
});
