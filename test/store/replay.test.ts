// Reading back: every event once, in order, over segments, while the journal goes on.
// Segments are small here, so that every replay goes over several.

import assert from "node:assert/strict";
import { test } from "node:test";

import { endLine } from "../../src/store/line.ts";
import { cutIntoBatches, replay } from "../../src/store/replay.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { delta, draft, JOURNAL, LOGS, openTestStore, replayed, type TestStore } from "../support/disk-store.ts";

const SEGMENTS = { segmentBytes: 2000 };

async function openWith(events: number): Promise<{ disk: SimulatedDisk; store: TestStore }> {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
  for (let n = 1; n <= events; n++) {
    const changes = n % 3 === 0 ? { put: { run: { id: "a", n } } } : undefined;
    store.append(draft(`m${n}`, { sessionId: `s${n % 2}`, threadId: "t", runId: n % 5 === 0 ? "r" : null }), changes);
    if (n % 4 === 0) await store.settled();
  }
  await store.settled();
  return { disk, store };
}

test("an entry's type is known without parsing its line", () => {
  const text = '{"seq":7,"createdAt":"t","level":"info","type":"app-server.turn.message.delta","message":no JSON';
  const bytes = Buffer.alloc(300);
  const end = endLine(bytes, 0, bytes.write(text));
  const [batch] = cutIntoBatches(bytes.subarray(0, end), 0);
  assert.equal(batch?.entries[0]?.type, "app-server.turn.message.delta");
  assert.throws(() => batch?.entries[0]?.threadId, SyntaxError);
});

test("from every seq, each later event once and in order, as it was published", async () => {
  const { store } = await openWith(40);
  for (let after = 0; after <= 40; after++) {
    const events = await replayed(store, after);
    assert.deepEqual(events.map(({ seq }) => seq), Array.from({ length: 40 - after }, (_, i) => after + 1 + i));
    assert.ok(events.every(({ seq, message }) => message === `m${seq}`));
    assert.ok(events.every((event) => !("put" in event) && !("crc" in event)));
  }
  for await (const { entries, firstSeq, lastSeq } of store.replay(0)) {
    assert.equal(lastSeq - firstSeq, entries.length - 1);
    for (const { seq, type, sessionId, threadId, runId } of entries) {
      const expected = ["session.created", `s${seq % 2}`, "t", seq % 5 === 0 ? "r" : null];
      assert.deepEqual([type, sessionId, threadId, runId], expected);
    }
  }
});

test("when all has gone and nothing has been written since, there is nothing to read", async () => {
  const disk = new SimulatedDisk();
  disk.poke(JOURNAL, Buffer.alloc(0));
  const segments = [{ firstSeq: 61, path: JOURNAL, bytes: 0 }];
  const source = { disk: disk.mount(), segments: () => segments, headSeq: () => 60 };
  for await (const batch of replay(source, 0)) assert.fail(`seq ${batch.firstSeq} is nowhere`);
});

test("a reader at its own pace gets what is written and closed meanwhile", async () => {
  const { store } = await openWith(10);
  const seqs: number[] = [];
  for await (const batch of store.replay(3)) {
    seqs.push(...batch.entries.map(({ seq }) => seq));
    if (store.lastSeq >= 60) continue;
    for (let n = 0; n < 7; n++) await store.commit(draft(`m${store.lastSeq + 1}`));
  }
  assert.deepEqual(seqs, Array.from({ length: store.headSeq - 3 }, (_, i) => i + 4));
  assert.ok(store.headSeq >= 60);
});

test("nothing above the head is read, and at the head nothing at all", async () => {
  const { store } = await openWith(5);
  store.append(delta("on its way"));
  assert.deepEqual((await replayed(store, 4)).map(({ seq }) => seq).slice(0, 1), [5]);
  await store.settled();
  assert.deepEqual(await replayed(store, store.headSeq), []);
  assert.deepEqual(await replayed(store, store.headSeq + 10), []);
});

test("a reader that leaves early closes its file", async () => {
  const { disk, store } = await openWith(5);
  const closed: string[] = [];
  disk.fault = (operation, file) => {
    if (operation === "close") closed.push(file);
    return undefined;
  };
  for await (const _ of store.replay(0)) break;
  assert.deepEqual(closed.filter((file) => file.includes("events")), [JOURNAL]);
});

test("a damaged line makes a gap between two batches", async () => {
  const { disk, store } = await openWith(6);
  const text = disk.peek(JOURNAL)?.toString() ?? "";
  const at = text.indexOf('"seq":3,');
  if (at < 0) throw new Error("the line is in the active segment");
  disk.poke(JOURNAL, Buffer.from(text.replace('"m3"', '"M3"')));
  const batches = [];
  for await (const { firstSeq, lastSeq } of store.replay(0)) batches.push([firstSeq, lastSeq]);
  assert.deepEqual(batches, [[1, 2], [4, 6]]);
});

test("a journal that ends before its head is an error, not a loop", async () => {
  const { disk, store } = await openWith(6);
  const text = disk.peek(JOURNAL)?.toString() ?? "";
  disk.poke(JOURNAL, Buffer.from(text.replace('"m6"', '"M6"')));
  await assert.rejects(replayed(store, 0), /cannot be read beyond seq 5/);
  assert.deepEqual(cutIntoBatches(Buffer.from("no line\n"), 0), []);
});

test("a segment that is being renamed is found under its new name, one that is gone is passed over", async () => {
  const { disk, store } = await openWith(20);
  const mounted = disk.mount();
  const segments = disk.names(LOGS).filter((name) => name.startsWith("events-")).sort().map((name) => ({
    firstSeq: Number(name.slice(7, 23)), path: `${LOGS}/${name}`, bytes: disk.peek(`${LOGS}/${name}`)?.length ?? 0,
  }));
  const first = segments[0];
  assert.ok(first !== undefined && segments.length >= 2);
  const headSeq = (segments.at(-1)?.firstSeq ?? 0) + 1;
  const truePath = first.path;
  first.path = `${LOGS}/elsewhere`;
  let list = segments;
  const seqs = async (): Promise<number[]> => {
    const found: number[] = [];
    const source = { disk: mounted, segments: () => list, headSeq: () => headSeq };
    for await (const { entries } of replay(source, 0)) found.push(...entries.map(({ seq }) => seq));
    return found;
  };
  setImmediate(() => (first.path = truePath));
  assert.equal((await seqs())[0], 1);

  first.path = `${LOGS}/elsewhere`;
  await assert.rejects(seqs(), { code: "ENOENT" });
  disk.fault = (operation, file) => {
    if (operation === "open" && file === first.path) list = segments.slice(1);
    return undefined;
  };
  list = segments;
  assert.equal((await seqs())[0], segments[1]?.firstSeq);
  disk.fault = (operation) => (operation === "open" ? { error: errnoError("EIO") } : undefined);
  await assert.rejects(seqs(), { code: "EIO" });
  assert.equal(store.health().writable, true);
});
