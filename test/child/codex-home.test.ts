// The size of a directory, and how often and how long it is asked for.
//
// Counts are made by the test where time matters.

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { bytesBelow, createCodexHomeSize } from "../../src/child/codex-home.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";
import { makeTempDir } from "../support/temp-dir.ts";

test("all files below count, links do not", async (t) => {
  const dir = makeTempDir(t);
  mkdirSync(path.join(dir, "sessions", "2026"), { recursive: true });
  writeFileSync(path.join(dir, "logs.sqlite"), "x".repeat(1000));
  writeFileSync(path.join(dir, "sessions", "2026", "one.jsonl"), "x".repeat(200));
  symlinkSync(path.join(dir, "logs.sqlite"), path.join(dir, "link"));
  symlinkSync(dir, path.join(dir, "sessions", "round"));
  assert.equal(await bytesBelow(dir), 1200);
});

test("so many entries are looked at, and no more", async (t) => {
  const dir = makeTempDir(t);
  for (const name of ["a", "b", "c"]) writeFileSync(path.join(dir, name), "x");
  assert.deepEqual([await bytesBelow(dir, 3), await bytesBelow(dir, 2), await bytesBelow(dir, 0)], [3, 2, 0]);
});

test("what is not there has no bytes", async (t) => {
  assert.equal(await bytesBelow(path.join(makeTempDir(t), "none")), 0);
});

test("a figure is told again for a minute, then the old one while the next is counted", async () => {
  const clock = createFakeClock();
  let counts = 0;
  const size = createCodexHomeSize({ clock, count: async () => (counts += 1) });
  assert.equal(await size(), 1);
  assert.deepEqual(clock.dueInMs, []);
  await clock.advance(LIMITS.codexHomeMs - 1);
  assert.deepEqual([await size(), counts], [1, 1]);
  await clock.advance(1);
  assert.deepEqual([await size(), counts], [1, 2]);
  await settle();
  assert.equal(await size(), 2);
});

test("who asks first waits a moment, and goes without a figure where it takes longer", async () => {
  const clock = createFakeClock();
  const counted = createDeferred<number>();
  let counts = 0;
  const size = createCodexHomeSize({ clock, count: () => ((counts += 1), counted.promise) });
  const told: unknown[] = [];
  for (let i = 0; i < 2; i += 1) void size().then((figure) => told.push(figure));
  await clock.advance(LIMITS.codexHomeWaitMs - 1);
  assert.deepEqual(told, []);
  await clock.advance(1);
  assert.deepEqual([told, counts], [[null, null], 1]);
  counted.resolve(42);
  await settle();
  assert.equal(await size(), 42);
});
