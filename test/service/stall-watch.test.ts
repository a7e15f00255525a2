// When quiet work is warned of and interrupted, on both sides of each limit, and what the watch costs meanwhile.
//
// Deliberately no turns: what is quiet here is a name and a time.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { createStallWatch, type Quiet } from "../../src/service/stall-watch.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const WARN_MS = 120_000;
const INTERRUPT_MS = 300_000;

function watch(t: TestContext, limits: { warnMs?: number | null; interruptMs?: number | null } = {}) {
  const { warnMs = WARN_MS, interruptMs = INTERRUPT_MS } = limits;
  const clock = createFakeClock();
  const told: string[] = [];
  const all = new Map<string, Quiet>();
  let looks = 0;
  const look = (): Iterable<Quiet> => {
    looks += 1;
    return all.values();
  };
  const stalls = createStallWatch({ stallWarnMs: warnMs, stallInterruptMs: interruptMs, clock, look });
  const getsOn = (name: string, more: Partial<Quiet> = {}): void => void all.set(name, {
    work: all.get(name)?.work ?? {},
    progressMs: clock.monotonic(),
    warn: (quietMs) => told.push(`${name} warn ${quietMs}`),
    interrupt: (quietMs) => told.push(`${name} interrupt ${quietMs}`),
    ...more,
  });
  stalls.begin();
  t.after(() => stalls.stop());
  return { clock, told, all, stalls, getsOn, looks: () => looks };
}

test("warned of at the limit and not before, once; interrupted at the other", async (t) => {
  const { clock, told, getsOn } = watch(t);
  await clock.advance(50_000);
  getsOn("a");
  await clock.advance(WARN_MS - 1);
  assert.deepEqual(told, []);
  await clock.advance(1);
  assert.deepEqual(told, ["a warn 120000"]);
  await clock.advance(INTERRUPT_MS - WARN_MS - 1);
  assert.equal(told.length, 1);
  await clock.advance(1);
  assert.deepEqual(told, ["a warn 120000", "a interrupt 300000"]);
});

test("progress ends a quiet period, and the next one is warned of again", async (t) => {
  const { clock, told, getsOn } = watch(t, { interruptMs: null });
  getsOn("a");
  await clock.advance(WARN_MS - 1);
  getsOn("a");
  await clock.advance(WARN_MS - 1);
  assert.deepEqual(told, []);
  await clock.advance(1);
  getsOn("a");
  await clock.advance(10 * WARN_MS);
  assert.deepEqual(told, ["a warn 120000", "a warn 120000"]);
});

test("each is told of at its own moment, by one timer", async (t) => {
  const { clock, told, getsOn, all } = watch(t, { interruptMs: null });
  for (const name of ["a", "b", "c"]) {
    getsOn(name);
    await clock.advance(10_000);
  }
  all.delete("b");
  await clock.advance(WARN_MS);
  assert.deepEqual(told, ["a warn 120000", "c warn 120000"]);
  assert.equal(clock.dueInMs.length, 1);
});

test("what may not be ended is only warned of; what is asked to end is asked again at the next look", async (t) => {
  const { clock, told, getsOn, all } = watch(t, { warnMs: null, interruptMs: 1000 });
  getsOn("a");
  getsOn("b");
  const { interrupt: _, ...kept } = all.get("b") as Quiet;
  all.set("b", kept);
  await clock.advance(2000);
  assert.deepEqual(told, ["a interrupt 1000", "a interrupt 2000"]);
});

test("with both limits off there is no timer", (t) => {
  const { clock, looks } = watch(t, { warnMs: null, interruptMs: null });
  assert.deepEqual([clock.dueInMs, looks()], [[], 0]);
});

test("begun twice it has one timer, and stopped none", (t) => {
  const { clock, stalls } = watch(t);
  stalls.begin();
  assert.deepEqual(clock.dueInMs, [WARN_MS]);
  stalls.stop();
  assert.deepEqual(clock.dueInMs, []);
});

for (const limit of [LIMITS.stallCheckMs - 1, LIMITS.stallCheckMs + 1]) {
  test(`a limit of ${limit} ms is looked after each ${Math.max(limit, LIMITS.stallCheckMs)} ms`, async (t) => {
    const { clock, looks } = watch(t, { warnMs: limit, interruptMs: null });
    assert.deepEqual(clock.dueInMs, [Math.max(limit, LIMITS.stallCheckMs)]);
    await clock.advance(LIMITS.stallCheckMs);
    assert.equal(looks(), limit < LIMITS.stallCheckMs ? 2 : 1);
  });
}
