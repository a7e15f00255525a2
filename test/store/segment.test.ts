// Names of segments, and finding a seq in one by byte offset.
// The search is compared with where the line really stands.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readSeq } from "../../src/store/line.ts";
import { closedName, findSeq, firstSeqOf, listSegments, seqBefore } from "../../src/store/segment.ts";
import { seededRandom, SimulatedDisk } from "../support/disk-simulator.ts";

test("closed segments are ordered by their names, the active one comes last", async () => {
  const disk = new SimulatedDisk();
  const mounted = disk.mount();
  await mounted.makeDirectory("/l");
  assert.equal(await firstSeqOf(mounted, "/l"), undefined);
  disk.poke("/l/events.jsonl", Buffer.from('{"seq":30,"a":1}\n'));
  assert.equal(await firstSeqOf(mounted, "/l"), 30);
  disk.poke(`/l/${closedName(20)}`, Buffer.from("xy"));
  disk.poke(`/l/${closedName(3)}`, Buffer.from("x"));
  disk.poke("/l/events-1.jsonl", Buffer.from("no segment"));
  const { closed, active } = await listSegments(mounted, "/l");
  assert.deepEqual(closed.map(({ firstSeq, bytes }) => [firstSeq, bytes]), [[3, 1], [20, 2]]);
  assert.deepEqual(active, { firstSeq: 30, path: "/l/events.jsonl", bytes: 17 });
  assert.equal(closedName(20), "events-0000000000000020.jsonl");
  assert.equal(await firstSeqOf(mounted, "/l"), 3);
  disk.poke("/l/events.jsonl", Buffer.from("garbage"));
  assert.equal((await listSegments(mounted, "/l")).active?.firstSeq, Number.POSITIVE_INFINITY);
});

test("a search ends at or shortly before the line, also among long and damaged lines", async () => {
  const random = seededRandom(3);
  const lines: string[] = [];
  for (let seq = 100; seq < 1500; seq++) {
    const length = random() < 0.02 ? 60_000 : Math.floor(random() * 900);
    lines.push(random() < 0.05 ? `damaged ${"y".repeat(length)}` : `{"seq":${seq},"x":"${"x".repeat(length)}"}`);
  }
  const bytes = Buffer.from(`${lines.join("\n")}\n`);
  const disk = new SimulatedDisk();
  disk.poke("/f", bytes);
  const file = await disk.mount().open("/f", "read");
  for (const seq of [1, 100, 101, 500, 777, 1200, 1498, 1499, 1500, 9999]) {
    const offset = await findSeq(file, bytes.length, seq);
    assert.ok(offset === 0 || bytes[offset - 1] === 0x0a, `seq ${seq} begins a line`);
    const found = readSeq(bytes, offset, bytes.length);
    assert.ok(found < seq || offset === 0 || found === seq, `seq ${seq} is not passed: ${found}`);
    const target = bytes.indexOf(`{"seq":${seq},`);
    if (target >= 0) assert.ok(target - offset <= 140_000, `seq ${seq} is near: ${target - offset}`);
  }
});

test("the journal's end is found by its bytes, in whichever segment it begins", async () => {
  const disk = new SimulatedDisk();
  const line = (seq: number): string => `{"seq":${seq},"x":"${"x".repeat(80)}"}\n`;
  const segments = [10, 20, 30].map((firstSeq) => {
    const bytes = Buffer.from(Array.from({ length: 10 }, (_, i) => line(firstSeq + i)).join(""));
    disk.poke(`/l/${firstSeq}`, bytes);
    return { firstSeq, path: `/l/${firstSeq}`, bytes: bytes.length };
  });
  const each = line(10).length;
  const mounted = disk.mount();
  assert.equal(await seqBefore(mounted, segments, 10 * each - 1), 30);
  assert.equal(await seqBefore(mounted, segments, 3 * each), 37);
  assert.equal(await seqBefore(mounted, segments, 15 * each), 25);
  assert.equal(await seqBefore(mounted, segments, 30 * each), 0);
  assert.equal(await seqBefore(mounted, [], 1), 0);
});
