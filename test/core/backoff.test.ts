// Delays: doubling from the first to the most, less what chance takes.
//
// Chance is a parameter, so that every delay here is exact.

import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffDelayMs } from "../../src/core/backoff.ts";
import { LIMITS } from "../../src/core/limits.ts";

test("the delays of the child double from 250 ms to 30 s and stay there", () => {
  const delays = Array.from({ length: 10 }, (_, i) => backoffDelayMs(i + 1, LIMITS.childRestart, () => 0));
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

test("no number of tries makes it more than the most, or anything but a number", () => {
  for (const attempt of [31, 32, 1000, 1e9, Infinity]) {
    assert.equal(backoffDelayMs(attempt, LIMITS.childRestart, () => 0), 30_000);
  }
});

test("a try before the first waits like the first", () => {
  for (const attempt of [0, -1]) assert.equal(backoffDelayMs(attempt, LIMITS.childRestart, () => 0), 250);
});

test("chance takes away at most its part, in whole milliseconds", () => {
  const options = { firstMs: 250, mostMs: 1000, jitter: 0.2 };
  assert.equal(backoffDelayMs(1, options, () => 0.5), 225);
  assert.equal(backoffDelayMs(3, options, () => 0.999_999), 800);
  assert.equal(backoffDelayMs(3, { ...options, jitter: 0 }, () => 0.9), 1000);
  assert.equal(backoffDelayMs(1, options, () => 1 / 3), 233);
});
