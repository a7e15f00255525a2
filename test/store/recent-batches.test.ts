// The newest batches in memory: bounded, without a gap, and the same events as the files give.
// The store's own tests read from files; here both ends of a replay meet.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { EventBatch, EventEntry } from "../../src/core/event.ts";
import { RecentBatches } from "../../src/store/recent-batches.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";
import { draft, JOURNAL, openTestStore, replayed } from "../support/disk-store.ts";

function batchOf(firstSeq: number, lastSeq: number, bytes = 100): EventBatch {
  const entries: EventEntry[] = [];
  for (let seq = firstSeq; seq <= lastSeq; seq++) {
    entries.push({ seq, type: "t", sessionId: null, threadId: null, runId: null, start: 0, end: 0 });
  }
  return { firstSeq, lastSeq, bytes: Buffer.alloc(bytes), entries };
}

const seqsAfter = (recent: RecentBatches, seq: number): number[] | undefined =>
  recent.after(seq)?.entries.map((entry) => entry.seq);

test("gives the batch itself at its begin, and what is left of it in its middle", () => {
  const recent = new RecentBatches(1000);
  assert.equal(recent.after(0), undefined);
  const second = batchOf(8, 9);
  recent.add(batchOf(5, 7));
  recent.add(second);
  assert.equal(recent.after(7), second);
  assert.equal(recent.after(3), undefined);
  assert.deepEqual(seqsAfter(recent, 4), [5, 6, 7]);
  assert.deepEqual(seqsAfter(recent, 6), [7]);
  assert.deepEqual([recent.after(6)?.firstSeq, recent.after(6)?.lastSeq], [7, 7]);
  assert.deepEqual(seqsAfter(recent, 8), [9]);
  assert.equal(recent.after(9), undefined);
});

test("keeps as many bytes as it may, and not one more", () => {
  const recent = new RecentBatches(300);
  for (let seq = 1; seq <= 1000; seq++) recent.add(batchOf(seq, seq));
  assert.equal(recent.after(996), undefined);
  assert.deepEqual(seqsAfter(recent, 997), [998]);
  recent.add(batchOf(1001, 1001, 301));
  assert.equal(recent.after(1000), undefined);
  assert.equal(recent.after(999), undefined);
  recent.add(batchOf(1002, 1002, 300));
  assert.deepEqual(seqsAfter(recent, 1001), [1002]);
});

test("what does not follow on the newest takes the place of all", () => {
  const recent = new RecentBatches(1000);
  recent.add(batchOf(1, 3));
  recent.add(batchOf(61, 61));
  assert.equal(recent.after(0), undefined);
  assert.equal(recent.after(3), undefined);
  assert.deepEqual(seqsAfter(recent, 60), [61]);
});

test("a replay that begins in the files and ends in memory leaves nothing out, at every limit and cursor", async () => {
  for (const recentBatchBytesMax of [0, 500, 3000, 1_000_000]) {
    const { store } = await openTestStore(new SimulatedDisk().mount(), {}, { segmentBytes: 2000, recentBatchBytesMax });
    for (let n = 1; n <= 40; n++) {
      store.append(draft(`m${n}`));
      if (n % 3 === 0) await store.settled();
    }
    await store.settled();
    for (let after = 0; after <= 40; after++) {
      const events = await replayed(store, after);
      const expected = Array.from({ length: 40 - after }, (_, i) => `m${after + 1 + i}`);
      assert.deepEqual(events.map(({ message }) => message), expected);
    }
    await store.close();
  }
});

test("a reader who is overtaken goes on in the files, and comes back to memory", async () => {
  const { store } = await openTestStore(new SimulatedDisk().mount(), {}, { recentBatchBytesMax: 1000 });
  const seqs: number[] = [];
  store.append(draft("m1"));
  await store.settled();
  for await (const batch of store.replay(0)) {
    seqs.push(...batch.entries.map(({ seq }) => seq));
    for (let n = 0; n < 30 && store.lastSeq < 200; n++) {
      store.append(draft("more"));
      if (n % 7 === 0) await store.settled();
    }
    await store.settled();
  }
  assert.deepEqual(seqs, Array.from({ length: store.headSeq }, (_, i) => i + 1));
  assert.ok(store.headSeq >= 200);
  await store.close();
});

test("what is in memory is given without the disk", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), {}, { recentBatchBytesMax: 1_000_000 });
  for (let n = 1; n <= 5; n++) store.append(draft(`m${n}`));
  await store.settled();
  disk.poke(JOURNAL, Buffer.alloc(0));
  assert.equal((await replayed(store, 0)).length, 5);
});
