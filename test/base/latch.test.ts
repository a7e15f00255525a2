// A value that comes once: who hears of it, in which order, and who has left before it came.
// That a waiter who has left holds nothing is shown with `within`, whose many waits made it worth having.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createLatch } from "../../src/base/latch.ts";

test("it is empty, then set for good: the first value stays", () => {
  const latch = createLatch<string>();
  assert.deepEqual([latch.isSet, latch.value], [false, undefined]);
  latch.set("first");
  latch.set("second");
  assert.deepEqual([latch.isSet, latch.value], [true, "first"]);
});

test("null and undefined are values too", () => {
  for (const value of [null, undefined]) {
    const latch = createLatch<null | undefined>();
    latch.set(value);
    latch.set(value === null ? undefined : null);
    assert.deepEqual([latch.isSet, latch.value], [true, value]);
  }
});

test("all who wait hear it once, in the order they came; a second set tells nobody", () => {
  const latch = createLatch<number>();
  const heard: string[] = [];
  latch.onSet((value) => heard.push(`a${value}`));
  latch.onSet((value) => heard.push(`b${value}`));
  assert.deepEqual(heard, []);
  latch.set(1);
  latch.set(2);
  assert.deepEqual(heard, ["a1", "b1"]);
});

test("who comes late hears it at once, and leaving then is nothing", () => {
  const latch = createLatch<number>();
  latch.set(7);
  const heard: number[] = [];
  const leave = latch.onSet((value) => heard.push(value));
  assert.deepEqual(heard, [7]);
  leave();
});

test("who has left hears nothing; leaving twice or late is nothing", () => {
  const latch = createLatch<number>();
  const heard: string[] = [];
  const leave = latch.onSet(() => heard.push("gone"));
  const stay = latch.onSet(() => heard.push("stays"));
  leave();
  leave();
  latch.set(1);
  stay();
  assert.deepEqual(heard, ["stays"]);
});

test("a listener may leave for another while all are told", () => {
  const latch = createLatch<number>();
  const heard: string[] = [];
  latch.onSet(() => {
    heard.push("first");
    leaveSecond();
  });
  const leaveSecond = latch.onSet(() => heard.push("second"));
  latch.set(1);
  assert.deepEqual(heard, ["first"]);
});
