// A run whose output nobody can take now: its pipes are not read, and are again when there is room, or when it exits.
//
// The child is a double, and time is the test's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeChild } from "../support/fake-child.ts";
import { runFake } from "../support/exec-run.ts";
import { settle } from "../support/fake-clock.ts";
import { createManualClock } from "../support/manual-clock.ts";

async function setUp(holdBack: () => Promise<void> | null) {
  const child = createFakeChild();
  const clock = createManualClock();
  const running = runFake("7", { holdBack }, { clock, spawner: { spawn: () => child } });
  while (!child.stdinEnded) await settle();
  const paused = (): boolean[] => [child.stdout.paused, child.stderr.paused];
  return { child, clock, running, paused };
}

test("both pipes rest until there is room", async () => {
  let room = createDeferred<void>();
  let asked = 0;
  let full = true;
  const { child, running, paused } = await setUp(() => {
    asked += 1;
    return full ? room.promise : null;
  });
  assert.deepEqual([asked, paused()], [0, [false, false]]);
  child.stderr.say("x");
  assert.deepEqual([asked, paused()], [1, [true, true]]);
  child.stdout.say("waits in the pipe\n");
  assert.equal(asked, 1);
  const first = room;
  room = createDeferred();
  full = false;
  first.resolve();
  await settle();
  assert.deepEqual([asked, paused()], [2, [false, false]]);
  child.stderr.end();
  child.die(0);
  assert.equal((await running).result?.stdout, "waits in the pipe\n");
});

test("a flood on one pipe is read in portions, and the other pipe as it was", async () => {
  const { child, running, paused } = await setUp(() => null);
  child.stdout.say(Buffer.alloc(LIMITS.childReadBytesAtOnce - 1, "\n"));
  assert.deepEqual(paused(), [false, false]);
  child.stdout.say("\n");
  assert.deepEqual(paused(), [true, false]);
  await settle();
  assert.deepEqual(paused(), [false, false]);
  child.stderr.end();
  child.die(0);
  await running;
});

test("what a process has left when it exits is read, room or not", async () => {
  const { child, clock, running, paused } = await setUp(() => new Promise(() => undefined));
  child.stdout.say("one\n");
  child.stdout.say("two\n");
  assert.deepEqual(paused(), [true, true]);
  child.emitExit(1);
  await settle();
  assert.deepEqual(paused(), [false, false]);
  while (clock.pending === 0) await settle();
  clock.advance(LIMITS.childPipeDrainMs);
  assert.equal((await running).result?.stdout, "one\ntwo\n");
});

test("one that throws ends the run", async () => {
  const { child, running } = await setUp(() => {
    throw new Error("no");
  });
  child.stdout.say("x");
  while (child.signals.length === 0) await settle();
  child.stderr.end();
  child.die(1);
  const outcome = await running;
  assert.ok(!outcome.ok);
  assert.deepEqual(outcome.error, { message: "a callback of the run failed: no", reason: "callback_failed" });
});
