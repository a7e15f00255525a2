// The system's clock, and waiting that can be cut short.
//
// Nothing here measures how long a wait took: only its order and its end.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { isoTime, sleep, systemClock } from "../../src/base/clock.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";

test("the system's wall clock is near Date, its monotonic one never goes back", () => {
  const before = Date.now();
  const now = systemClock.now();
  assert.ok(now >= before && now <= Date.now());
  const first = systemClock.monotonic();
  assert.ok(systemClock.monotonic() >= first);
});

test("a timer of the system fires once, unless it is cancelled", async () => {
  const fired: string[] = [];
  await new Promise<void>((resolve) => {
    // The timers keep no process alive, so something else has to.
    const alive = setInterval(() => undefined, 1000);
    systemClock.after(0, () => fired.push("cancelled")).cancel();
    systemClock.after(0, () => fired.push("first"));
    systemClock.after(2, () => {
      fired.push("last");
      clearInterval(alive);
      resolve();
    });
  });
  assert.deepEqual(fired, ["first", "last"]);
});

test("sleep resolves when its time has come, not before", async () => {
  const clock = createFakeClock();
  let awake = false;
  const sleeping = sleep(clock, 100).then(() => {
    awake = true;
  });
  await clock.advance(99);
  assert.equal(awake, false);
  await clock.advance(1);
  assert.equal(awake, true);
  await sleeping;
});

test("sleep ends at once when its signal aborts, and leaves no timer and no listener behind", async () => {
  const clock = createFakeClock();
  const controller = new AbortController();
  const sleeping = sleep(clock, 100, controller.signal);
  await settle();
  assert.deepEqual(clock.dueInMs, [100]);
  controller.abort();
  await sleeping;
  assert.deepEqual(clock.dueInMs, []);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("sleep that runs its time lets go of its signal", async () => {
  const clock = createFakeClock();
  const { signal } = new AbortController();
  const sleeping = sleep(clock, 5, signal);
  await clock.advance(5);
  await sleeping;
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("sleep with a signal that has aborted sets no timer", async () => {
  const clock = createFakeClock();
  await sleep(clock, 100, AbortSignal.abort());
  assert.deepEqual(clock.dueInMs, []);
});

test("times of records are UTC with milliseconds", () => {
  assert.equal(isoTime(0), "1970-01-01T00:00:00.000Z");
  assert.equal(isoTime(1_795_354_917_186), "2026-11-22T13:41:57.186Z");
});
