// One timer for all, and none when there is nobody to watch.
//
// What a tick does stands in the tests of the connection.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createWsTicker } from "../../src/http/ws-ticker.ts";
import { createManualClock } from "../support/manual-clock.ts";

test("all are ticked with the time, by one timer, until their sockets have gone", () => {
  const clock = createManualClock();
  const ticker = createWsTicker(clock);
  const ticks: string[] = [];
  const watch = (name: string, ticksMax: number): void => {
    let left = ticksMax;
    ticker.watch({ tick: (nowMs) => (ticks.push(`${name} ${nowMs}`), (left -= 1) > 0) });
  };
  assert.equal(clock.pending, 0);
  watch("a", 1);
  watch("b", 2);
  assert.equal(clock.pending, 1);
  clock.advance(3 * LIMITS.wsTickMs);
  assert.deepEqual(ticks, ["a 1000", "b 1000", "b 2000"]);
  assert.equal(clock.pending, 0);
  watch("c", 1);
  clock.advance(LIMITS.wsTickMs);
  assert.deepEqual(ticks.at(-1), "c 4000");
});

test("a stop ends the timer", () => {
  const clock = createManualClock();
  const ticker = createWsTicker(clock);
  ticker.watch({ tick: () => assert.fail("it was stopped") });
  ticker.stop();
  assert.equal(clock.pending, 0);
  clock.advance(LIMITS.wsTickMs);
});
