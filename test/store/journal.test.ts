// The queue of mutations: order, batches, acknowledgement by durability, and a disk that fails for good.
// Through an open store on a simulated disk, whose operations are counted or made to fail.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../src/base/deferred.ts";
import { silentLogger } from "../../src/base/log.ts";
import { EXIT, ExitError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { Disk } from "../../src/store/disk.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { delta, draft, eventsOf, JOURNAL, LOGS, openTestStore, recordsOf, replayed } from "../support/disk-store.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";

function countOperations(disk: SimulatedDisk, file = JOURNAL): { write: number; datasync: number } {
  const count = { write: 0, datasync: 0 };
  disk.fault = (operation, at) => {
    if (at === file && (operation === "write" || operation === "datasync")) count[operation]++;
    return undefined;
  };
  return count;
}

test("what one tick appends shares a write, and subscribers get it after it", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  const count = countOperations(disk);
  const seen: Array<[number, string]> = [];
  store.subscribe((batch) => seen.push([count.write, eventsOf(batch).map(({ message }) => message).join()]));
  store.append(draft("a"));
  const b = store.commit(draft("b"));
  store.append(draft("c"));
  assert.deepEqual([store.headSeq, store.lastSeq], [0, 3]);
  assert.equal(await b, 2);
  assert.deepEqual(seen, [[1, "a,b,c"]]);
  assert.deepEqual([store.headSeq, store.pendingBytes], [3, 0]);
  store.append(draft("d"));
  await settle();
  store.append(draft("e"));
  await store.settled();
  assert.deepEqual(seen.slice(1), [[2, "d"], [3, "e"]]);
});

test("what comes during a write is the next batch, and settled waits for what was there", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  const batches: string[] = [];
  store.subscribe((batch) => {
    batches.push(eventsOf(batch).map(({ message }) => message).join());
    if (batches.length === 1) store.append(draft("from a listener"));
  });
  store.append(draft("a"));
  const order: string[] = [];
  void store.settled().then(() => order.push(`first at ${store.headSeq}`));
  await Promise.resolve();
  await Promise.resolve();
  store.append(draft("b"));
  store.append(draft("c"));
  await store.settled().then(() => order.push(`second at ${store.headSeq}`));
  await store.settled();
  assert.deepEqual(order, ["first at 1", "second at 4"]);
  assert.equal(batches.join(), "a,b,c,from a listener");
});

test("a listener can leave, and one that throws stops nobody", async () => {
  const errors: string[] = [];
  const log = { ...silentLogger, error: (message: string) => void errors.push(message) };
  const { store } = await openTestStore(new SimulatedDisk().mount(), { log });
  const seen: number[] = [];
  const leave = store.subscribe(() => {
    throw new Error("listener");
  });
  store.subscribe(({ lastSeq }) => seen.push(lastSeq));
  const stop = store.onDrained(() => seen.push(-1));
  await store.commit(draft());
  leave();
  stop();
  await store.commit(draft());
  assert.deepEqual(seen, [1, -1, 2]);
  assert.deepEqual(errors, ["a subscriber of the journal threw"]);
});

test("durability decides when the journal is synced", async () => {
  for (const [durability, atOnce, later] of [["process", 0, 0], ["interval", 0, 1], ["power", 3, 3]] as const) {
    const disk = new SimulatedDisk();
    const clock = createFakeClock();
    const { store } = await openTestStore(disk.mount(), { durability, clock });
    const count = countOperations(disk);
    for (let i = 0; i < 3; i++) await store.commit(draft());
    assert.equal(count.datasync, atOnce, durability);
    await clock.advance(LIMITS.journalSyncMs);
    assert.equal(count.datasync, later, durability);
    await store.sync();
    assert.equal(count.datasync, durability === "process" ? 1 : later, durability);
  }
});

test("a failed write that is no lack of room, and a failed sync, are final", async () => {
  for (const [operation, code] of [["write", "EIO"], ["datasync", "EIO"], ["datasync", "ENOSPC"]] as const) {
    const disk = new SimulatedDisk();
    const { store } = await openTestStore(disk.mount(), { durability: "power" });
    await store.commit(draft("good"));
    disk.fault = (at) => (at === operation ? { error: errnoError(code) } : undefined);
    const fact = store.append(draft("fact"));
    const settled = store.settled();
    const isFinal = (error: unknown): boolean => error instanceof ExitError && error.exitCode === EXIT.diskFailed;
    await Promise.all([
      assert.rejects(store.commit(draft("bad")), isFinal),
      assert.rejects(settled, isFinal),
    ]);
    assert.match((await store.broken).message, new RegExp(code));
    disk.fault = () => undefined;
    await assert.rejects(store.commit(draft("more")), isFinal);
    await assert.rejects(store.settled(), isFinal);
    await assert.rejects(store.sync(), isFinal);
    assert.equal(store.append(draft("dropped")), fact + 2, "seqs go on, for nobody to see");
    assert.equal(store.pendingBytes, 0);
    assert.equal(store.health().writable, false);
    assert.equal(store.headSeq, 1);
    await assert.rejects(store.close(), isFinal);
  }
});

for (const code of [null, "EIO", "ENOSPC"]) {
  test(`a sync that fails during a write leaves it unacknowledged, that ends with ${code}`, () => failDuring(code));
}

async function failDuring(code: string | null): Promise<void> {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const mounted = disk.mount();
  const gate = createDeferred<void>();
  let gated = false;
  const slow: Disk = {
    ...mounted,
    async open(file, mode) {
      const handle = await mounted.open(file, mode);
      const writeAll = async (bytes: Uint8Array, position: number): Promise<void> => {
        if (gated) await gate.promise;
        return handle.writeAll(bytes, position);
      };
      return { ...handle, writeAll };
    },
  };
  const { store } = await openTestStore(slow, { clock });
  await store.commit(draft());
  gated = true;
  const during = store.commit(draft("during"));
  const refused = assert.rejects(during, /the disk failed/);
  disk.fault = (operation, file) => {
    if (operation === "write" && file === JOURNAL && code !== null) return { error: errnoError(code) };
    return operation === "datasync" ? { error: errnoError("EIO") } : undefined;
  };
  await clock.advance(LIMITS.journalSyncMs);
  await store.broken;
  gate.resolve();
  await refused;
  assert.deepEqual([store.headSeq, store.pendingBytes], [1, 0]);
}

test("a journal that cannot be synced at the end, or whose folder cannot be, is broken", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  await store.commit(draft());
  disk.fault = (operation, file) =>
    operation === "datasync" && file === JOURNAL ? { error: errnoError("EIO") } : undefined;
  await assert.rejects(store.close(), /the disk failed: sync: EIO/);

  const other = new SimulatedDisk();
  const { store: second } = await openTestStore(other.mount());
  other.fault = (operation, file) =>
    operation === "syncDirectory" && file === LOGS ? { error: errnoError("ENOSPC") } : undefined;
  await assert.rejects(second.commit(draft()), /the disk failed: sync: ENOSPC/);
});

test("a checkpoint's failed sync is final too", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const { store } = await openTestStore(disk.mount(), { clock });
  await store.commit(draft(), { put: { run: { id: "a", n: 1 } } });
  disk.fault = (operation, file) =>
    operation === "datasync" && file.includes("run-registry") ? { error: errnoError("EIO") } : undefined;
  await clock.advance(2 * LIMITS.checkpointMs);
  assert.match((await store.broken).message, /EIO/);
});

test("closing writes what waits, and nothing is taken after it", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  store.append(delta("last"));
  const closing = store.close();
  assert.throws(() => store.append(draft()), /after the journal is closed/);
  await assert.rejects(store.commit(draft()), /after the journal is closed/);
  await closing;
  assert.equal(store.close(), store.close());
  store.touchDaemonState();
  const again = await openTestStore(disk.mount());
  assert.equal(again.recovery.clean, true);
  assert.deepEqual((await replayed(again.store)).map(({ detail }) => detail["delta"]), ["last"]);
});

test("a change that is not JSON, or of no table, changes nothing", async () => {
  const { store } = await openTestStore(new SimulatedDisk().mount());
  const bad = { id: "a", n: 1n as unknown as number };
  await assert.rejects(store.commit(draft(), { put: { turn: { id: "t", n: 1 }, run: bad } }), TypeError);
  assert.throws(() => store.append(draft("m", { n: 1n }), { put: { run: { id: "a", n: 1 } } }), TypeError);
  assert.throws(() => store.append(draft(), { put: { other: { id: "a" } } } as never), /table for other/);
  assert.throws(() => store.append(draft(), () => (store.append(draft()), {})), /makes no other/);
  assert.deepEqual([recordsOf(store), recordsOf(store, "turn")], [[], []]);
  assert.equal(store.lastSeq, 1, "only the one in between");
});

test("a change may need its own seq, and absent members are no changes", async () => {
  const { store } = await openTestStore(new SimulatedDisk().mount());
  store.append(draft());
  const seq = await store.commit(draft(), (own) => ({ put: { run: { id: "a", n: own } } }));
  assert.deepEqual(store.tables.run.get("a"), { id: "a", n: seq });
  store.append(draft(), { put: { run: undefined as never }, del: { run: [], turn: undefined as never } });
  await store.commit(draft(), { del: { run: ["a", "unknown"] } });
  assert.equal(store.tables.run.size, 0);
});
