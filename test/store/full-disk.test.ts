// A disk that fills up: changes are refused and undone, facts are held and written later, nothing is torn or doubled.
// The disk is simulated: it says no at an operation of the test's choice, after as many bytes as it chooses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CodexdError, EXIT, ExitError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { fullReason } from "../../src/store/full-disk.ts";
import { errnoError, seededRandom, SimulatedDisk } from "../support/disk-simulator.ts";
import {
  delta, draft, eventsOf, JOURNAL, openTestStore, recordsOf, replayed, type TestRecord, type TestStore,
} from "../support/disk-store.ts";
import { createFakeClock, settle, type FakeClock } from "../support/fake-clock.ts";
import { refuseUnderPicture } from "../support/simulation-faults.ts";

interface Rig {
  readonly disk: SimulatedDisk;
  readonly clock: FakeClock;
  readonly store: TestStore;
}

async function openRig(): Promise<Rig> {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const { store } = await openTestStore(disk.mount(), { clock });
  await store.commit(draft("first"), { put: { run: { id: "a", n: 1 }, turn: { id: "t", n: 1 } } });
  return { disk, clock, store };
}

/** The journal takes only `bytes` of the next write. */
function fill(disk: SimulatedDisk, bytes = 0, code = "ENOSPC"): void {
  disk.fault = (operation, file) =>
    operation === "write" && file === JOURNAL ? { error: errnoError(code), written: bytes } : undefined;
}

function empty(disk: SimulatedDisk): void {
  disk.fault = () => undefined;
}

function isFull(error: unknown): boolean {
  return error instanceof CodexdError && error.code === "storage_full";
}

function isFinal(error: unknown): boolean {
  const said = error instanceof ExitError && error.exitCode === EXIT.diskFailed ? error.message : "";
  return /^the disk failed: EROFS/.test(said);
}

for (const [code, written] of [["ENOSPC", 0], ["EDQUOT", 10], ["EMFILE", 450]] as const) {
  test(`${code} after ${written} bytes: what can be refused is undone, the rest is held`, async () => {
    const { disk, clock, store } = await openRig();
    const before = disk.peek(JOURNAL)?.toString();
    fill(disk, written, code);
    const fact = store.append(draft("fact", { sessionId: "s" }), { put: { run: { id: "b", n: 2 } } });
    const refused = store.commit(draft("change", { sessionId: "s" }), {
      put: { run: { id: "a", n: 9 } }, del: { turn: ["t"] },
    });
    const settled = store.settled();
    assert.deepEqual(recordsOf(store).map(({ n }) => n), [2, 9], "memory changes at once");
    await assert.rejects(refused, isFull);
    await settled;
    await settle();
    assert.deepEqual(recordsOf(store), [{ id: "b", n: 2 }, { id: "a", n: 1 }]);
    assert.deepEqual(recordsOf(store, "turn"), [{ id: "t", n: 1 }]);
    assert.equal(disk.peek(JOURNAL)?.toString(), before, "cut after the last whole line");
    assert.equal(store.health().writable, false);
    assert.match(store.health().reason ?? "", new RegExp(code));

    await assert.rejects(store.commit(draft("later"), { put: { run: { id: "c", n: 1 } } }), isFull);
    await store.settled();
    store.append(delta("held"));
    await clock.advance(LIMITS.storageRetryMs);
    assert.equal(store.health().writable, false, "still full");
    assert.equal(store.headSeq, fact - 1);
    assert.ok(store.pendingBytes > 0);

    empty(disk);
    let drained = 0;
    store.onDrained(() => drained++);
    await clock.advance(LIMITS.storageRetryMs);
    await store.settled();
    assert.ok(drained > 0 && store.pendingBytes === 0);
    assert.deepEqual(store.health(), { writable: true, reason: null });
    const events = (await replayed(store)).slice(1);
    assert.deepEqual(events.map(({ seq }) => seq), [fact, fact + 1, fact + 2, fact + 3]);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["session.created", "storage.degraded", "app-server.turn.message.delta", "storage.recovered"],
    );
    assert.equal(events[1]?.detail["refused"], "session.created");
    assert.equal(events[1]?.detail.sessionId, "s");
    assert.deepEqual([events[3]?.detail["heldEvents"], events[3]?.detail["refused"]], [2, 1]);
    await store.commit(draft("again"));
    await store.close();
    const again = await openTestStore(disk.mount());
    assert.deepEqual(recordsOf(again.store), [{ id: "b", n: 2 }, { id: "a", n: 1 }]);
  });
}

test("a cut that has no room either is made before the next write", async () => {
  const { disk, clock, store } = await openRig();
  disk.fault = (operation, file) => {
    if (file !== JOURNAL) return undefined;
    return operation === "write" || operation === "truncate" ? { error: errnoError("ENOSPC"), written: 30 } : undefined;
  };
  store.append(draft("fact"));
  await settle();
  assert.equal(store.health().writable, false);
  empty(disk);
  await clock.advance(LIMITS.storageRetryMs);
  await store.settled();
  assert.deepEqual((await replayed(store)).map(({ message }) => message).slice(0, 2), ["first", "fact"]);
});

test("a refusal is told behind the cut alone: before it a crash brings the change back", async () => {
  for (const isCut of [false, true]) {
    const { disk, clock, store } = await openRig();
    const whole = store.commit(draft("not cut"), { put: { turn: { id: "t", n: 2, textSeq: 2, text: "new" } } });
    const told: unknown[] = [];
    whole.catch((error: unknown) => told.push(error));
    disk.fault = (operation, file) => {
      const isIt = file === JOURNAL && (operation === "write" || operation === "truncate");
      return isIt ? { error: errnoError("ENOSPC"), written: 4000 } : undefined;
    };
    await settle();
    await clock.advance(LIMITS.storageRetryMs);
    assert.deepEqual([told, store.health().writable], [[], false]);
    if (isCut) {
      empty(disk);
      await clock.advance(LIMITS.storageRetryMs);
      await settle();
      assert.ok(told.length === 1 && isFull(told[0]));
    }
    disk.killProcess();
    empty(disk);
    const again = await openTestStore(disk.mount());
    const [turn] = recordsOf(again.store, "turn");
    assert.ok(turn);
    const { n, text } = await again.store.readWhole("turn", turn);
    assert.deepEqual([n, text], isCut ? [1, undefined] : [2, "new"]);
  }
});

test("a store that is closed before the cut says that its disk has failed, not that the change is undone", async () => {
  const { disk, store } = await openRig();
  const change = store.commit(draft("not cut"));
  disk.fault = (operation, file) => {
    const isIt = file === JOURNAL && (operation === "write" || operation === "truncate");
    return isIt ? { error: errnoError("ENOSPC"), written: 4000 } : undefined;
  };
  await settle();
  await Promise.all([
    assert.rejects(change, (error) => error instanceof ExitError && error.exitCode === EXIT.diskFailed),
    assert.rejects(store.close(), /1 events could not be written/),
  ]);
});

test("no room for the ceiling or a new segment holds the events as well", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const { store } = await openTestStore(disk.mount(), { clock }, { segmentBytes: 400 });
  await store.commit(draft("one", { text: "x".repeat(200) }));
  disk.fault = (operation) => (operation === "open" ? { error: errnoError("ENOSPC") } : undefined);
  const seq = store.append(draft("two", { text: "x".repeat(200) }));
  await settle();
  await settle();
  assert.equal(store.health().writable, false);
  await clock.advance(LIMITS.storageRetryMs);
  empty(disk);
  await clock.advance(LIMITS.storageRetryMs);
  await store.settled();
  assert.deepEqual((await replayed(store)).map(({ message }) => message).slice(0, 2), ["one", "two"]);
  assert.ok(store.headSeq > seq);
  await store.close();
});

test("close writes what is held when there is room, and says so when there is none", async () => {
  const { disk, store } = await openRig();
  fill(disk);
  store.append(draft("held"));
  await settle();
  empty(disk);
  await store.close();
  assert.match(disk.peek(JOURNAL)?.toString() ?? "", /"message":"held"/);

  const other = await openRig();
  fill(other.disk);
  other.store.append(draft("held"));
  await settle();
  await assert.rejects(other.store.close(), /1 events could not be written: the disk is full/);
});

test("checkpoints wait while the disk is full, and show nothing of what was refused", async () => {
  const { disk, clock, store } = await openRig();
  fill(disk);
  const refused = store.commit(draft("change"), { put: { run: { id: "a", n: 9 } } });
  const advanced = clock.advance(LIMITS.checkpointMs);
  await assert.rejects(refused, isFull);
  await advanced;
  assert.equal(disk.peek("/home/user/state/run-registry.json"), undefined);
  empty(disk);
  await clock.advance(5 * LIMITS.checkpointMs);
  await settle();
  assert.match(disk.peek("/home/user/state/run-registry.json")?.toString() ?? "", /"a","n":1/);
});

test("a picture with a change that was then refused is thrown away, though there is room again", async () => {
  const { disk, clock, store } = await openRig();
  const outcomes: Array<Promise<unknown>> = [];
  await refuseUnderPicture(disk, clock, () => {
    outcomes.push(assert.rejects(store.commit(draft("change"), { put: { run: { id: "a", n: 9 } } }), isFull));
  });
  await Promise.all(outcomes);
  assert.deepEqual([store.health().writable, store.headSeq > outcomes.length], [true, true]);
  disk.killProcess();
  const again = await openTestStore(disk.mount());
  assert.deepEqual(recordsOf(again.store), [{ id: "a", n: 1 }]);
});

test("under random filling the tables always follow from the lines that stayed", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seededRandom(seed);
    const disk = new SimulatedDisk();
    const clock = createFakeClock();
    const { store } = await openTestStore(disk.mount(), { clock }, { segmentBytes: 6000 });
    const published: number[] = [];
    store.subscribe((batch) => published.push(...eventsOf(batch).map(({ seq }) => seq)));
    const puts = new Map<number, TestRecord>();
    const outcomes: Array<Promise<unknown>> = [];
    for (let step = 0; step < 120; step++) {
      if (random() < 0.1) disk.capacity = random() < 0.5 ? Math.floor(random() * 30_000) : Number.POSITIVE_INFINITY;
      const record = { id: `r${Math.floor(random() * 5)}`, n: store.lastSeq + 1 };
      if (random() < 0.5) puts.set(store.append(draft("fact"), { put: { run: record } }), record);
      else {
        const committed = store.commit(draft("change"), { put: { run: record } });
        outcomes.push(committed.then((seq) => puts.set(seq, record), (error: unknown) => assert.ok(isFull(error))));
      }
      if (random() < 0.4) await settle();
      if (random() < 0.1) await clock.advance(LIMITS.storageRetryMs);
    }
    disk.capacity = Number.POSITIVE_INFINITY;
    await clock.advance(LIMITS.storageRetryMs);
    await store.settled();
    await Promise.all(outcomes);
    assert.deepEqual(published, Array.from({ length: store.lastSeq }, (_, i) => i + 1), `seed ${seed}`);
    const expected = new Map<string, TestRecord>();
    for (const seq of [...puts.keys()].sort((a, b) => a - b)) {
      const record = puts.get(seq) as TestRecord;
      expected.set(record.id, record);
    }
    const byId = (a: TestRecord, b: TestRecord): number => a.id.localeCompare(b.id);
    assert.deepEqual(recordsOf(store).sort(byId), [...expected.values()].sort(byId), `seed ${seed}`);
    disk.killProcess();
    const again = await openTestStore(disk.mount());
    assert.deepEqual(recordsOf(again.store).sort(byId), [...expected.values()].sort(byId), `seed ${seed}`);
  }
});

test("the reason tells a full disk from too many open files", () => {
  assert.match(fullReason(errnoError("ENOSPC")), /^the disk is full/);
  assert.match(fullReason(errnoError("EMFILE")), /^the disk cannot be written now/);
});

test("close needs no room for daemon-state.json; a disk that fails there is the disk's failure", async () => {
  for (const [code, ends] of [["ENOSPC", true], ["EROFS", false]] as const) {
    const { disk, clock, store } = await openRig();
    disk.fault = (_, file) => (/daemon-state\.json/.test(file) ? { error: errnoError(code) } : undefined);
    if (ends) await store.close();
    else await assert.rejects(store.close(), isFinal);
    empty(disk);
    const again = await openTestStore(disk.mount(), { clock });
    assert.deepEqual([again.recovery.clean, recordsOf(again.store)], [false, recordsOf(store)]);
    await again.store.close();
  }
});
