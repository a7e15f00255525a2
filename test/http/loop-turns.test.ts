// Shares of the loop's turns, and reading by them.
//
// A `PassThrough` stands for a connection: it gives what it has as soon as it is let.

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LIMITS } from "../../src/core/limits.ts";
import { LoopTurns, readByTurns } from "../../src/http/loop-turns.ts";

test("each turn calls its share, in the order of asking, and who asks again comes last", async () => {
  const turns = new LoopTurns(2);
  const called: string[] = [];
  turns.next(() => {
    called.push("a");
    turns.next(() => called.push("a again"));
  });
  for (const name of ["b", "c"]) turns.next(() => called.push(name));
  assert.equal(called.length, 0);
  await turn();
  assert.deepEqual(called, ["a", "b"]);
  await turn();
  assert.deepEqual(called, ["a", "b", "c", "a again"]);
  turns.next(() => called.push("later"));
  await turn();
  assert.ok(called.join(" ").endsWith("later"));
});

test("turns pass between two calls where a rest is asked for", async () => {
  const turns = new LoopTurns(1, 2);
  const at: number[] = [];
  let now = 0;
  for (let i = 0; i < 2; i += 1) turns.next(() => void at.push(now));
  for (now = 1; now <= 9; now += 1) await turn();
  assert.deepEqual(at, [3, 6]);
});

/** Chunks that all are there. */
function sourceOf(bytes: number, count: number): PassThrough {
  const source = new PassThrough({ highWaterMark: 2 ** 24 });
  for (let i = 0; i < count; i += 1) source.write(Buffer.alloc(bytes));
  return source;
}

/** How many chunks come before the first turn is waited for. */
async function firstPortion(bytes: number, count: number): Promise<number> {
  const turns = new LoopTurns(1);
  const waiting: Array<() => void> = [];
  turns.next = (go) => void waiting.push(go);
  let chunks = 0;
  readByTurns(sourceOf(bytes, count), turns, () => void (chunks += 1));
  await turn();
  assert.equal(waiting.length, chunks === count ? 0 : 1);
  return chunks;
}

test("a turn reads a portion, and a chunk of a byte counts as more", async () => {
  const { readPortionBytes, readChunkBytesMin } = LIMITS;
  assert.equal(await firstPortion(readPortionBytes / 4, 3), 3);
  assert.equal(await firstPortion(readPortionBytes / 4, 6), 4);
  const chunks = readPortionBytes / readChunkBytesMin;
  assert.equal(await firstPortion(1, chunks - 1), chunks - 1);
  assert.equal(await firstPortion(1, chunks + 1), chunks);
});

test("all of it comes, in turns; not while it is held, and not when it was stopped", async () => {
  const turns = new LoopTurns(1);
  const source = sourceOf(LIMITS.readPortionBytes, 4);
  let chunks = 0;
  const reading = readByTurns(source, turns, () => {
    chunks += 1;
    if (chunks === 2) reading.hold();
  });
  while (chunks < 2) await turn();
  for (let i = 0; i < 5; i += 1) await turn();
  assert.equal(chunks, 2);
  reading.go();
  while (chunks < 3) await turn();
  reading.stop();
  for (let i = 0; i < 5; i += 1) await turn();
  assert.deepEqual([chunks, source.isPaused()], [3, true]);
});
