// When checkpoints and recent-events.json are written, and what retention makes of it.
// The clock is the test's own, so that a cadence is a number of calls and not a wait.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { DIR, draft, LOGS, openTestStore, replayed, type TestStore } from "../support/disk-store.ts";
import { createFakeClock, settle, type FakeClock } from "../support/fake-clock.ts";

const RUNS = `${DIR}/run-registry.json`;
const TURNS = `${DIR}/turn-registry.json`;
const RECENT = `${DIR}/recent-events.json`;

function seqIn(disk: SimulatedDisk, file: string): number | undefined {
  const text = disk.peek(file)?.toString();
  return text === undefined ? undefined : (JSON.parse(text) as { seq: number }).seq;
}

interface Rig {
  readonly disk: SimulatedDisk;
  readonly clock: FakeClock;
  readonly store: TestStore;
}

async function openRig(parts = {}, overrides = {}): Promise<Rig> {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const { store } = await openTestStore(disk.mount(), { clock, ...overrides }, parts);
  return { disk, clock, store };
}

async function untilQuiet(disk: SimulatedDisk): Promise<void> {
  for (let before = -1; before !== disk.operations; ) {
    before = disk.operations;
    for (let i = 0; i < 5; i++) await settle();
  }
}

test("a small dirty table is written within the second, a clean one is not", async () => {
  const { disk, clock, store } = await openRig();
  await store.commit(draft(), { put: { run: { id: "a", n: 1 } } });
  await clock.advance(LIMITS.checkpointMs - 1);
  assert.equal(seqIn(disk, RUNS), undefined);
  await clock.advance(1);
  await untilQuiet(disk);
  assert.equal(seqIn(disk, RUNS), 1);
  assert.equal(seqIn(disk, TURNS), undefined);
  const opened: string[] = [];
  disk.fault = (operation, file) => {
    if (operation === "open") opened.push(file);
    return undefined;
  };
  await clock.advance(10 * LIMITS.checkpointMs);
  await untilQuiet(disk);
  assert.deepEqual(opened, [], "nothing is written while nothing changes");
});

test("a large table is written the less often the larger it is", async () => {
  const { disk, clock, store } = await openRig();
  const bytes = 3.5 * LIMITS.checkpointBytesPerSecond;
  await store.commit(draft(), { put: { run: { id: "x".repeat(bytes), n: 1 } } });
  await clock.advance(4000);
  await untilQuiet(disk);
  assert.equal(seqIn(disk, RUNS), undefined);
  await clock.advance(2000);
  await untilQuiet(disk);
  assert.equal(seqIn(disk, RUNS), 1);
});

test("a checkpoint lags the further behind the larger it is, and further when its table does not change", async () => {
  const { disk, store } = await openRig({ segmentBytes: 1000 });
  await store.commit(draft(), { put: { turn: { id: "t".repeat(500), n: 1 } } });
  const writes = { run: 0, turn: 0 };
  disk.fault = (operation, file) => {
    if (operation === "open" && file.startsWith(RUNS)) writes.run += 1;
    if (operation === "open" && file.startsWith(TURNS)) writes.turn += 1;
    return undefined;
  };
  for (let n = 0; n < 100; n++) {
    const changes = n % 2 === 0 ? { put: { run: { id: "a", n } } } : {};
    await store.commit(draft("m", { text: "x".repeat(100) }), changes);
    if (n % 5 === 0) await untilQuiet(disk);
  }
  await untilQuiet(disk);
  assert.ok(writes.turn >= 2 && writes.run >= 2 * writes.turn, JSON.stringify(writes));
  assert.ok((seqIn(disk, TURNS) ?? 0) > 60, `${seqIn(disk, TURNS)}`);
});

test("a start reads back a bounded part of the journal, however long that is and whatever has changed", async () => {
  const segmentBytes = 1000;
  const tailMost = 5 * segmentBytes;
  const { disk, store } = await openRig({ segmentBytes });
  for (let n = 0; n < 300; n++) {
    // One table large and changed once, one large and changed often, the others not at all.
    const changes = n === 0 ? { put: { turn: { id: "t".repeat(50_000), n } } }
      : n % 7 === 0 ? { put: { run: { id: "r".repeat(300), n } } } : {};
    await store.commit(draft("m", { text: "x".repeat(100) }), changes);
    if (n < 100) continue;
    await untilQuiet(disk);
    const seqs = [seqIn(disk, RUNS), seqIn(disk, TURNS)].map((seq) => seq ?? 0);
    const tail = await bytesAfter(store, Math.min(...seqs));
    assert.ok(tail <= tailMost, `${tail} bytes behind ${seqs.join(" and ")} at ${n}`);
  }
});

async function bytesAfter(store: TestStore, seq: number): Promise<number> {
  let bytes = 0;
  for await (const batch of store.replay(seq)) {
    const [first, last] = [batch.entries[0], batch.entries.at(-1)];
    bytes += (last?.end ?? 0) - (first?.start ?? 0);
  }
  return bytes;
}

test("at a clean end every checkpoint stands for the newest event", async () => {
  const { disk, store } = await openRig();
  for (let n = 0; n < 3; n++) await store.commit(draft());
  await store.close();
  assert.deepEqual([seqIn(disk, RUNS), seqIn(disk, TURNS)], [3, 3]);
  const recent = JSON.parse(disk.peek(RECENT)?.toString() ?? "") as Record<string, unknown>;
  assert.deepEqual([recent["version"], recent["maxEntries"], (recent["events"] as unknown[]).length], [1, 50, 3]);
});

test("a checkpoint that has no room is tried again, one at the end is left to the journal", async () => {
  const { disk, clock, store } = await openRig();
  await store.commit(draft(), { put: { run: { id: "a", n: 1 } } });
  disk.fault = (_, file) => (file.includes("registry") ? { error: errnoError("ENOSPC") } : undefined);
  await clock.advance(LIMITS.checkpointMs);
  await untilQuiet(disk);
  assert.equal(store.health().writable, true);
  disk.fault = () => undefined;
  await clock.advance(LIMITS.checkpointMs);
  await untilQuiet(disk);
  assert.equal(seqIn(disk, RUNS), 1);
  await store.commit(draft(), { put: { run: { id: "a", n: 2 } } });
  disk.fault = (_, file) => (file.includes("registry") ? { error: errnoError("ENOSPC") } : undefined);
  await store.close();
  await assert.rejects(openTestStore(disk.mount()), /the disk: ENOSPC/);
  disk.fault = () => undefined;
  const again = await openTestStore(disk.mount());
  assert.deepEqual([again.recovery.clean, again.store.tables.run.get("a")?.n], [true, 2]);
});

test("retention removes whole old segments behind the checkpoints, and a replay goes on over it", async () => {
  let keep = 0;
  const overrides = { journalMaxBytes: 5000, keepFromSeq: () => keep || Number.POSITIVE_INFINITY };
  const { disk, store } = await openRig({ segmentBytes: 1000 }, overrides);
  const segments = (): number => disk.names(LOGS).length;
  const write = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await store.commit(draft("m", { text: "x".repeat(100) }));
    await untilQuiet(disk);
  };
  await write(10);
  const slow = store.replay(0);
  const first = await slow.next();
  keep = store.oldestSeq;
  await write(20);
  assert.equal(store.oldestSeq, 1);
  assert.ok(segments() > 7, "what somebody needs is kept");
  await write(30);
  const { bytes } = store.journalSize();
  assert.ok(store.oldestSeq > 1 && bytes > 8000, "and goes in the end, whoever needs it");
  assert.ok(bytes <= LIMITS.journalKeptTimes * 5000 + 1000, `${bytes}`);
  keep = 0;
  await write(20);
  assert.ok(segments() <= 8, `${segments()}`);
  assert.ok(store.oldestSeq > 40);
  const seqs = first.done === true ? [] : first.value.entries.map(({ seq }) => seq);
  for await (const batch of slow) seqs.push(...batch.entries.map(({ seq }) => seq));
  assert.equal(seqs[0], 1);
  assert.equal(seqs.at(-1), store.headSeq);
  assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
  assert.equal((await replayed(store, 0))[0]?.seq, store.oldestSeq);
  disk.fault = (operation, file) =>
    operation === "unlink" && file.endsWith(".jsonl") ? { error: errnoError("EIO") } : undefined;
  await write(20);
  assert.equal(store.health().writable, true, "a segment that stays is no harm");
});

test("a small journal has small segments, so that it is kept near its size", async () => {
  const least = LIMITS.journalSegmentBytesMin;
  for (const [journalMaxBytes, segmentBytes] of [[1, least], [8 * least, least], [16 * least, 2 * least]] as const) {
    const { disk, store } = await openRig({}, { journalMaxBytes });
    for (let n = 0; n < 60; n++) await store.commit(draft("m", { text: "x".repeat(least / 2) }));
    await untilQuiet(disk);
    const { bytes } = store.journalSize();
    assert.ok(bytes <= journalMaxBytes + 2 * segmentBytes, `${journalMaxBytes}: ${bytes}`);
    assert.ok(store.oldestSeq > 1 && disk.names(LOGS).length >= Math.min(8, journalMaxBytes / segmentBytes));
  }
});
