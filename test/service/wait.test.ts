// Waiting with a limit: what ends it, and that nothing of it stays behind.
// Listeners and timers are counted on doubles, so that a leak is a number and not a guess about memory.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { createLatch, type Latch } from "../../src/base/latch.ts";
import { within } from "../../src/service/wait.ts";
import { createFakeClock } from "../support/fake-clock.ts";

/** A latch that counts who waits on it. */
function createCountedLatch<T>(): Latch<T> & { readonly waiting: number } {
  const latch = createLatch<T>();
  let waiting = 0;
  return {
    get isSet() {
      return latch.isSet;
    },
    get value() {
      return latch.value;
    },
    set: (value) => latch.set(value),
    onSet(listener) {
      waiting += 1;
      const leave = latch.onSet(listener);
      let left = false;
      return () => {
        if (!left) waiting -= 1;
        left = true;
        leave();
      };
    },
    get waiting() {
      return waiting;
    },
  };
}

test("a value that is there is given at once, without a timer", async () => {
  const clock = createFakeClock();
  const latch = createCountedLatch<string>();
  latch.set("there");
  const waiting = within(clock, latch, 1000, AbortSignal.abort());
  assert.deepEqual([clock.dueInMs, latch.waiting], [[], 0]);
  assert.equal(await waiting, "there");
});

test("a value that comes in time is given, also null, and timer, listener and signal are let go", async () => {
  const clock = createFakeClock();
  const latch = createCountedLatch<null>();
  const { signal } = new AbortController();
  const waiting = within(clock, latch, 1000, signal);
  assert.deepEqual([clock.dueInMs, latch.waiting, getEventListeners(signal, "abort").length], [[1000], 1, 1]);
  await clock.advance(999);
  latch.set(null);
  assert.equal(await waiting, null);
  assert.deepEqual([clock.dueInMs, latch.waiting, getEventListeners(signal, "abort").length], [[], 0, 0]);
});

test("its time is exact, and leaves nothing", async () => {
  const clock = createFakeClock();
  const latch = createCountedLatch<string>();
  const { signal } = new AbortController();
  const outcomes: unknown[] = [];
  void within(clock, latch, 1000, signal).then((value) => outcomes.push(value));
  await clock.advance(999);
  assert.deepEqual(outcomes, []);
  await clock.advance(1);
  assert.deepEqual(outcomes, [undefined]);
  assert.deepEqual([clock.dueInMs, latch.waiting, getEventListeners(signal, "abort").length], [[], 0, 0]);
});

test("a signal ends the waiting, also one that has aborted before, and leaves nothing", async () => {
  const clock = createFakeClock();
  const latch = createCountedLatch<string>();
  const abort = new AbortController();
  const waiting = within(clock, latch, 1000, abort.signal);
  abort.abort();
  assert.equal(await waiting, undefined);
  assert.equal(await within(clock, latch, 1000, abort.signal), undefined);
  assert.deepEqual([clock.dueInMs, latch.waiting, getEventListeners(abort.signal, "abort").length], [[], 0, 0]);
  latch.set("too late");
  assert.equal(await waiting, undefined);
});

test("a caller who polls something long leaves no trace with each poll", async () => {
  const clock = createFakeClock();
  const latch = createCountedLatch<string>();
  const abort = new AbortController();
  for (let i = 0; i < 100; i += 1) {
    const waiting = within(clock, latch, 5, abort.signal);
    await clock.advance(5);
    assert.equal(await waiting, undefined);
  }
  assert.deepEqual([clock.dueInMs, latch.waiting, getEventListeners(abort.signal, "abort").length], [[], 0, 0]);
});
