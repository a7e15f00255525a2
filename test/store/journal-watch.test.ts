// Files of the journal that somebody takes away, cuts or replaces while the store is open: what is noticed, and when.
// On a simulated disk, whose names and bytes the test changes behind the store's back; real ones: whole-disk-*.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { EXIT, ExitError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import {
  DIR, draft, JOURNAL, LOGS, openTestStore, recordsOf, replayed, type TestStore,
} from "../support/disk-store.ts";
import { createFakeClock, settle, type FakeClock } from "../support/fake-clock.ts";

interface Rig {
  readonly disk: SimulatedDisk;
  readonly clock: FakeClock;
  readonly store: TestStore;
}

async function openRig(segmentBytes = 100_000): Promise<Rig> {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const { store } = await openTestStore(disk.mount(), { clock }, { segmentBytes });
  await store.commit(draft("one"), { put: { run: { id: "a", n: 1 } } });
  await store.commit(draft("two"), { put: { turn: { id: "t", n: 1 } } });
  return { disk, clock, store };
}

/** Lets a look go as far as it can: it waits for the disk again and again. */
async function untilQuiet(disk: SimulatedDisk): Promise<void> {
  for (let before = -1; before !== disk.operations; ) {
    before = disk.operations;
    for (let i = 0; i < 5; i++) await settle();
  }
}

async function look({ disk, clock }: Rig): Promise<void> {
  await clock.advance(LIMITS.journalWatchMs);
  await untilQuiet(disk);
}

async function told(store: TestStore): Promise<Array<[number, string, unknown]>> {
  return (await replayed(store)).map(({ seq, type, detail }) => [seq, type, detail["loss"]]);
}

for (const [loss, spoil] of [
  ["removed", (disk) => disk.remove(JOURNAL)],
  ["cut", (disk) => disk.poke(JOURNAL, Buffer.from('{"seq":1'))],
] as ReadonlyArray<readonly [string, (disk: SimulatedDisk) => void]>) {
  test(`an active segment that is ${loss} costs its events and no record, also at the next start`, async () => {
    const rig = await openRig();
    const { disk, clock, store } = rig;
    // Once as far as the first look, which notes how it is.
    await look(rig);
    spoil(disk);
    await clock.advance(LIMITS.journalWatchMs - 1);
    assert.equal(store.headSeq, 2, "not noticed yet");
    await clock.advance(1);
    await untilQuiet(disk);
    assert.deepEqual(await told(store), [[3, "storage.recovered", loss]]);
    assert.equal(store.oldestSeq, 3);
    assert.deepEqual(store.health(), { writable: true, reason: null });
    const [event] = await replayed(store);
    const wanted = { file: "events.jsonl", loss, lostFromSeq: 1, lostToSeq: 2 };
    assert.deepEqual(event?.detail, wanted);
    await store.commit(draft("three"), { put: { run: { id: "b", n: 3 } } });
    disk.killProcess();

    const again = await openTestStore(disk.mount());
    assert.deepEqual(recordsOf(again.store), [{ id: "b", n: 3 }, { id: "a", n: 1 }]);
    assert.deepEqual(recordsOf(again.store, "turn"), [{ id: "t", n: 1 }]);
    assert.deepEqual((await told(again.store)).map(([seq]) => seq), [3, 4]);
    assert.equal(disk.names(LOGS).includes("bad-events.jsonl-1"), loss === "cut", "what stands in its place is kept");
  });
}

test("a cut file that has grown again is noticed by the hole in it", async () => {
  const rig = await openRig();
  await look(rig);
  rig.disk.poke(JOURNAL, Buffer.alloc(0));
  for (let i = 0; i < 5; i++) await rig.store.commit(draft("more", { text: "x".repeat(200) }));
  await look(rig);
  const [event] = await replayed(rig.store);
  assert.deepEqual([event?.detail["loss"], event?.detail["lostToSeq"]], ["cut", 7]);
});

test("a closed segment that is removed leaves a gap, and is told", async () => {
  const rig = await openRig(400);
  const { store, disk } = rig;
  for (let i = 0; i < 6; i++) await store.commit(draft("more", { text: "x".repeat(200) }));
  const [, second = ""] = disk.names(LOGS).filter((name) => name.startsWith("events-")).sort();
  disk.remove(`${LOGS}/${second}`);
  await look(rig);
  const events = await replayed(store);
  const last = events.at(-1);
  assert.deepEqual([last?.type, last?.detail["file"]], ["storage.recovered", second]);
  const [from, to] = [Number(last?.detail["lostFromSeq"]), Number(last?.detail["lostToSeq"])];
  const whole = Array.from({ length: store.headSeq }, (_, i) => i + 1).filter((seq) => seq < from || seq > to);
  assert.deepEqual(events.map(({ seq }) => seq), whole);
});

test("one that is full is not renamed when something else stands in its place", async () => {
  const { store, disk } = await openRig(600);
  disk.remove(JOURNAL);
  for (let i = 0; i < 4; i++) await store.commit(draft("more", { text: "x".repeat(200) }));
  assert.deepEqual(disk.names(LOGS).filter((name) => name.includes("0000000001")), []);
  assert.ok(store.health().writable);
  assert.equal((await replayed(store)).at(-1)?.message, "more");
});

test("who reads what is gone does not wait for the next look", async () => {
  const { store, disk } = await openRig();
  disk.remove(JOURNAL);
  assert.deepEqual((await told(store)).map(([, type]) => type), ["storage.recovered"]);
});

test("it is told only when the records are on the medium", async () => {
  const rig = await openRig();
  const { store, disk } = rig;
  disk.remove(JOURNAL);
  disk.fault = (operation, file) =>
    operation === "open" && file.includes("registry") ? { error: errnoError("ENOSPC") } : undefined;
  await look(rig);
  assert.equal(store.headSeq, 2);
  disk.fault = () => undefined;
  await look(rig);
  assert.deepEqual(await told(store), [[3, "storage.recovered", "removed"]]);
});

test("a state directory that is gone ends the journal: so is its lock", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const mounted = disk.mount();
  let gone = false;
  const stat: typeof mounted.stat = async (file) => (gone && file === DIR ? undefined : mounted.stat(file));
  const { store } = await openTestStore({ ...mounted, stat }, { clock });
  await store.commit(draft());
  gone = true;
  await clock.advance(LIMITS.journalWatchMs);
  const error = await store.broken;
  assert.ok(error instanceof ExitError && error.exitCode === EXIT.diskFailed);
  assert.match(error.message, /the directory \/home\/user\/state was removed, moved or replaced.*put it back/);
});

test("a look that cannot be taken is taken again", async () => {
  const rig = await openRig();
  rig.disk.fault = (operation) => (operation === "list" ? { error: errnoError("EIO") } : undefined);
  rig.disk.remove(JOURNAL);
  await look(rig);
  assert.equal(rig.store.headSeq, 2);
  rig.disk.fault = () => undefined;
  await look(rig);
  assert.equal(rig.store.headSeq, 3);
  await rig.store.close();
  assert.deepEqual(rig.clock.dueInMs, [], "no look after the end");
});
