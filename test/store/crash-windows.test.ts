// Narrow moments in which a crash has once lost or doubled something: each found by the simulation, and closed.
//
// The simulation meets them by chance; here each is gone through on purpose.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../src/base/deferred.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { errnoError, seededRandom, SimulatedDisk } from "../support/disk-simulator.ts";
import { DIR, draft, JOURNAL, LOGS, openTestStore, recordsOf, replayed } from "../support/disk-store.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";

const STATE = `${DIR}/daemon-state.json`;

test("a start that dies before it has told of a jump does not make seqs come twice", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { durability: "interval" });
  for (let n = 1; n <= 5; n++) await store.commit(draft(`seen ${n}`));
  disk.losePower(() => 0);

  const before = disk.peek(STATE)?.toString();
  const hasState = (): boolean => disk.peek(STATE)?.toString() !== before;
  disk.onOperation = () => {
    // The state of the new boot is there, the first line of its journal is not.
    if (hasState()) disk.killProcess();
  };
  void openTestStore(disk.mount(), { durability: "interval" });
  await settle();
  assert.ok(hasState());
  disk.onOperation = () => {};

  const again = await openTestStore(disk.mount(), { durability: "interval" });
  assert.ok(again.store.lastSeq > 5, `seq ${again.store.lastSeq + 1} was seen by somebody`);
  assert.equal((await replayed(again.store))[0]?.detail["fromSeq"], 1);
});

test("what a killed process has left is on the medium before a start serves it", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { durability: "process" });
  await store.commit(draft("left"), { put: { run: { id: "a", n: 1 } } });
  disk.killProcess();
  const second = await openTestStore(disk.mount(), { durability: "power" });
  assert.deepEqual((await replayed(second.store)).map(({ message }) => message), ["left"]);
  disk.losePower(() => 0);
  const third = await openTestStore(disk.mount(), { durability: "power" });
  assert.deepEqual((await replayed(third.store)).map(({ message }) => message), ["left"]);
  assert.deepEqual(recordsOf(third.store), [{ id: "a", n: 1 }]);
});

test("a change that was refused for want of room does not come back after a crash", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const disk = new SimulatedDisk();
    const { store } = await openTestStore(disk.mount(), { durability: "power" });
    await store.commit(draft("first"));
    const before = disk.peek(JOURNAL)?.toString();
    disk.fault = (operation, file) => {
      if (operation !== "write" || file !== JOURNAL) return undefined;
      return { error: errnoError("ENOSPC"), written: 300 };
    };
    const refused = store.commit(draft("refused"), { put: { run: { id: "a", n: 1 } } });
    store.append(draft("held", { text: "x".repeat(400) }));
    await assert.rejects(refused, { code: "storage_full" });
    assert.equal(disk.peek(JOURNAL)?.toString(), before, "it is taken away before it is told");
    disk.fault = () => undefined;
    disk.losePower(seededRandom(seed));
    const again = await openTestStore(disk.mount(), { durability: "power" });
    assert.deepEqual(recordsOf(again.store), [], `seed ${seed}`);
  }
});

test("old segments go for good one after the other, and one that cannot go keeps the younger ones", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { journalMaxBytes: 3000 }, { segmentBytes: 1000 });
  const steps: string[] = [];
  let isStuck = true;
  disk.fault = (operation, file) => {
    const isSegment = operation === "unlink" && file.startsWith(`${LOGS}/events-`);
    if (isSegment) steps.push("unlink");
    if (operation === "syncDirectory" && file === LOGS) steps.push("sync");
    return isSegment && isStuck ? { error: errnoError("EPERM") } : undefined;
  };
  const write = async (): Promise<void> => {
    for (let n = 0; n < 30; n++) {
      await store.commit(draft("m", { text: "x".repeat(100) }), { put: { run: { id: "a", n } } });
      await settle();
    }
  };
  await write();
  assert.ok(steps.includes("unlink"));
  assert.equal(store.oldestSeq, 1, "there is no hole behind one that stays");
  isStuck = false;
  steps.length = 0;
  await write();
  assert.ok(store.oldestSeq > 1);
  steps.forEach((step, i) => assert.ok(step !== "unlink" || steps[i + 1] === "sync", steps.join()));
});

test("a sync that fails when an old segment has been removed is final", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { journalMaxBytes: 3000 }, { segmentBytes: 1000 });
  let isRemoved = false;
  disk.fault = (operation, file) => {
    isRemoved ||= operation === "unlink" && file.startsWith(`${LOGS}/events-`);
    return isRemoved && operation === "syncDirectory" && file === LOGS ? { error: errnoError("EIO") } : undefined;
  };
  for (let n = 0; n < 30 && !isRemoved; n++) {
    await store.commit(draft("m", { text: "x".repeat(100) }), { put: { run: { id: "a", n } } });
    await settle();
  }
  assert.match((await store.broken).message, /EIO/);
});

test("without room for one more open file names wait to be synced, and no other changes before", async () => {
  for (const after of ["rename", "unlink"]) {
    const disk = new SimulatedDisk();
    const clock = createFakeClock();
    const { store } = await openTestStore(disk.mount(), { clock, journalMaxBytes: 3000 }, { segmentBytes: 1000 });
    const steps: string[] = [];
    let refusals = 2;
    disk.fault = (operation, file) => {
      const isName = file.startsWith(`${LOGS}/events`) && ["rename", "unlink"].includes(operation);
      if (isName) steps.push(operation);
      if (operation !== "syncDirectory" || file !== LOGS) return undefined;
      if (steps.at(-1) !== after || refusals === 0) return void steps.push("sync");
      refusals--;
      return { error: errnoError("EMFILE") };
    };
    const failed: unknown[] = [];
    for (let n = 0; n < 40; n++) {
      store.append(draft("m", { text: "x".repeat(100) }), { put: { run: { id: "a", n } } });
      await clock.advance(LIMITS.storageRetryMs);
    }
    await store.settled().catch((error: unknown) => failed.push(error));
    assert.deepEqual([refusals, failed, store.health().writable], [0, [], true]);
    steps.forEach((step, i) => assert.ok(step === "sync" || steps[i + 1] === "sync", steps.join()));
    assert.equal((await replayed(store)).at(-1)?.seq, store.headSeq);
    await store.close();
  }
});

test("a store that does not end in order writes nothing after its lock is given up", async () => {
  const disk = new SimulatedDisk();
  let released = 0;
  const lock = async () => ({ release: async () => void (released = disk.operations) });
  const { store } = await openTestStore(disk.mount(), {}, { lock });
  await store.commit(draft());
  const gate = createDeferred<void>();
  disk.stall = (operation, file) => (operation === "rename" && file.startsWith(STATE) ? gate.promise : undefined);
  disk.fault = (operation, file) => {
    return operation === "datasync" && file === JOURNAL ? { error: errnoError("EIO") } : undefined;
  };
  store.touchDaemonState();
  await settle();
  store.touchDaemonState();
  const closed = assert.rejects(store.close(), /EIO/);
  await settle();
  assert.equal(released, 0, "a write is under way");
  gate.resolve();
  await closed;
  await settle();
  assert.equal(released, disk.operations);
});

test("a line that is missing before one that tells of something else is damage", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  for (let n = 1; n <= 3; n++) await store.commit(draft(`m${n}`), { put: { run: { id: `r${n}`, n } } });
  const told = { level: "info", type: "storage.recovered", message: "there is room again", detail: {} } as const;
  await store.commit(told);
  await store.commit(draft("m5"));
  disk.killProcess();
  const lines = (disk.peek(JOURNAL)?.toString() ?? "").split("\n");
  disk.poke(JOURNAL, Buffer.from(lines.toSpliced(2, 1).join("\n")));
  await assert.rejects(openTestStore(disk.mount()), /events 3 to 3 are missing/);
});

test("a part that a later line replaces is what it was when that line is lost, and gone when it is not", async () => {
  for (const written of [false, true]) {
    const disk = new SimulatedDisk();
    const { store } = await openTestStore(disk.mount(), { durability: "power" });
    for (const n of [1, 2]) {
      // The last loss of power comes between the file and its line.
      const isLast = n === 2 && !written;
      disk.stall = (operation, file) => {
        if (isLast && operation === "write" && file === JOURNAL) disk.losePower(() => 0);
        return undefined;
      };
      const commit = store.commit(draft(), { put: { turn: { id: "t_1", n, textSeq: n, text: `text ${n}` } } });
      if (isLast) await settle();
      else await commit;
    }
    if (written) disk.losePower(() => 0);
    disk.stall = () => undefined;
    const again = await openTestStore(disk.mount());
    const [turn] = recordsOf(again.store, "turn");
    assert.ok(turn);
    const { text } = await again.store.readWhole("turn", turn);
    assert.equal(text, written ? "text 2" : "text 1");
    assert.deepEqual(disk.names(`${LOGS}/turns`), ["t_1.text.json"]);
  }
});

test("a part is kept for good before its name stands for what a later line has", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { durability: "power" });
  await store.commit(draft(), { put: { turn: { id: "t_1", n: 1, textSeq: 1, text: "text 1" } } });
  const file = `${LOGS}/turns/t_1.text.json`;
  const before = disk.peek(file);
  // Of the names that no sync has made safe the oldest is lost, and those behind it are not.
  const chances = [0.9, 0.5, 0.1];
  disk.stall = (operation) => {
    const isRenamed = operation === "syncDirectory" && !disk.peek(file)?.equals(before ?? Buffer.of());
    if (isRenamed) disk.losePower(() => chances.shift() ?? 0.9);
    return undefined;
  };
  void store.commit(draft(), { put: { turn: { id: "t_1", n: 2, textSeq: 2, text: "text 2" } } });
  await settle();
  disk.stall = () => undefined;
  assert.deepEqual(chances, []);
  const again = await openTestStore(disk.mount());
  const [turn] = recordsOf(again.store, "turn");
  assert.ok(turn);
  assert.equal((await again.store.readWhole("turn", turn)).text, "text 1");
});

test("a start removes no part before the line that gives it up is on the medium", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount(), { durability: "power" });
  await store.commit(draft(), { put: { turn: { id: "t_1", n: 1, textSeq: 1, text: "kept" } } });
  disk.killProcess();
  const second = await openTestStore(disk.mount(), { durability: "process" });
  await second.store.commit(draft(), { del: { turn: ["t_1"] } });
  disk.killProcess();
  let removed = false;
  disk.fault = (operation, file) => {
    if (operation === "unlink" && file.startsWith(`${LOGS}/turns/`)) removed = true;
    return undefined;
  };
  disk.onOperation = () => {
    if (removed) disk.losePower(() => 0.99);
  };
  void openTestStore(disk.mount());
  await settle();
  assert.ok(removed);
  disk.onOperation = () => {};
  const { store: last } = await openTestStore(disk.mount());
  for (const turn of recordsOf(last, "turn")) assert.equal((await last.readWhole("turn", turn)).text, "kept");
});

test("files that records name and that are gone are told at the start", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  for (let n = 1; n <= 22; n++) await store.commit(draft(), { put: { turn: { id: `t_${n}`, n, text: "x" } } });
  await store.close();
  for (let n = 1; n <= 21; n++) disk.remove(`${LOGS}/turns/t_${n}.text.json`);
  const again = await openTestStore(disk.mount());
  const last = (await replayed(again.store)).at(-1);
  assert.match(last?.message ?? "", /^21 files beside the records are gone, .* and others$/);
  const { files, count } = last?.detail ?? {};
  assert.deepEqual([(files as string[]).length, count], [20, 21]);
  assert.equal(last?.type, "storage.recovered");
});

test("an identity without anything else of its daemon is told, a first start is not", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  assert.deepEqual(await replayed(store), []);
  await store.commit(draft());
  await store.close();
  for (const name of [...disk.names(DIR), ...disk.names(LOGS).map((name) => `logs/${name}`)]) {
    if (name !== "identity.json") disk.remove(`${DIR}/${name}`);
  }
  const again = await openTestStore(disk.mount());
  const [event] = await replayed(again.store);
  assert.deepEqual([event?.seq, event?.type, event?.detail["alone"]], [1, "storage.recovered", true]);
  await again.store.close();
  const third = await openTestStore(disk.mount());
  assert.equal((await replayed(third.store)).length, 1, "told once");
});
