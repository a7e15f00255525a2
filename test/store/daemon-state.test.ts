// daemon-state.json: what is in it, when it is written, and the ceiling of seqs.
// What a start makes of it stands in next-seq.test.ts and journal-recovery.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { silentLogger } from "../../src/base/log.ts";
import { LIMITS } from "../../src/core/limits.ts";
import {
  DaemonStateFile, isCopied, isSeq, loadDaemonState, parseObject, placeOf, readBootId, type Place, STATE_VERSION,
} from "../../src/store/daemon-state.ts";
import { BOOT_ID_PATH, errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { settle } from "../support/fake-clock.ts";

const FILE = "/d/daemon-state.json";
const STEP = LIMITS.seqCeilingStep;

async function rig(describe: () => Record<string, unknown> = () => ({ pid: 5 }), madeFor?: Place) {
  const disk = new SimulatedDisk();
  await disk.mount().makeDirectory("/d");
  const place = madeFor ?? await placeOf(disk.mount(), "/d");
  const warnings: string[] = [];
  const failures: unknown[] = [];
  const state = new DaemonStateFile({
    disk: disk.mount(),
    file: FILE,
    bootId: "boot-1",
    place,
    durability: "interval",
    seqCeiling: STEP,
    ceilingStep: STEP,
    log: { ...silentLogger, warn: (message) => void warnings.push(message) },
    onFailed: (error) => void failures.push(error),
    seq: () => 42,
    checkpoints: () => ["run"],
    describe,
  });
  const written = (): Record<string, unknown> => parseObject(disk.peek(FILE)?.toString() ?? "") ?? {};
  return { disk, state, warnings, failures, written, place };
}

test("holds the store's own fields and what the daemon says of itself", async () => {
  const { disk, state, written, place } = await rig(() => ({ pid: 5, seq: "not this" }));
  await state.write();
  const own = {
    version: STATE_VERSION, clean: false, bootId: "boot-1", durability: "interval", seq: 42, seqCeiling: STEP,
  };
  assert.deepEqual(written(), { ...own, place, checkpoints: ["run"], pid: 5 });
  const loaded = await loadDaemonState(disk.mount(), FILE);
  assert.deepEqual([loaded.clean, loaded.seq, loaded.seqCeiling, loaded.bootId], [false, 42, STEP, "boot-1"]);
  await state.writeClean();
  assert.equal((await loadDaemonState(disk.mount(), FILE)).clean, true);
});

test("what was written for another directory is a copy; the number of a device counts within one boot", async () => {
  const { disk, state, place } = await rig();
  await state.write();
  const previous = await loadDaemonState(disk.mount(), FILE);
  assert.deepEqual(previous.place, place);
  const [elsewhere, moved] = [{ ...place, inode: place.inode + 1 }, { ...place, device: place.device + 1 }];
  assert.equal(isCopied(previous, place, "boot-1"), false);
  assert.equal(isCopied(previous, elsewhere, "boot-1"), true);
  assert.equal(isCopied(previous, moved, "boot-1"), true);
  assert.equal(isCopied(previous, moved, "boot-2"), false);
  assert.equal(isCopied({ ...previous, place: null }, elsewhere, "boot-1"), false, "an older codexd's");
});

test("is not written to a directory that has come into the place of its own", async () => {
  const { disk, state, failures, warnings } = await rig(undefined, { device: 1, inode: 99 });
  await assert.rejects(state.writeClean(), /daemon-state\.json is not written: its directory was .* replaced/);
  state.touch();
  await state.settled();
  assert.deepEqual([disk.peek(FILE), failures, warnings.length], [undefined, [], 1], "who watches the directory fails");
});

test("asking often makes few writes, and the last one has the last word", async () => {
  let n = 0;
  let writes = 0;
  const { disk, state, written } = await rig(() => ({ n }));
  disk.fault = (operation) => {
    if (operation === "rename") writes++;
    return undefined;
  };
  for (n = 0; n < 50; n++) state.touch();
  n = 99;
  await state.write();
  assert.equal(written()["n"], 99);
  assert.ok(writes <= 2, `${writes}`);
});

test("a seq above the ceiling waits until a higher one is durable; half a step before nobody waits", async () => {
  const { state, written } = await rig();
  await state.write();
  assert.equal(state.reserve(1), null);
  assert.equal(state.reserve(STEP / 2), null);
  assert.equal(state.reserve(STEP / 2 + 1), null, "raised in the background");
  const above = state.reserve(2 * STEP);
  assert.ok(above !== null);
  await above;
  assert.ok((written()["seqCeiling"] as number) >= 2 * STEP);
  assert.equal(state.reserve(2 * STEP), null);
});

test("before the first write every seq waits", async () => {
  const { state } = await rig();
  const first = state.reserve(1);
  assert.ok(first !== null);
  await first;
});

test("a write that fails tells who waits for it, and the log where nobody does", async () => {
  const { disk, state, warnings, failures } = await rig();
  await state.write();
  disk.fault = () => ({ error: errnoError("ENOSPC") });
  assert.equal(state.reserve(STEP - 1), null);
  state.touch();
  await assert.rejects(state.reserve(5 * STEP) ?? Promise.resolve(), { code: "ENOSPC" });
  await settle();
  assert.equal(warnings.length, 2);
  disk.fault = () => undefined;
  await state.reserve(5 * STEP);
  assert.equal(state.reserve(5 * STEP), null);
  assert.deepEqual(failures, []);
});

test("a sync that fails is final, also where nobody waits for the write", async () => {
  for (const [operation, end] of [["datasync", "EIO"], ["syncDirectory", "EIO"], ["open", "ENOENT"]] as const) {
    const { disk, state, failures } = await rig();
    await state.write();
    disk.fault = (at) => (at === operation ? { error: errnoError(end) } : undefined);
    state.touch();
    await state.settled();
    await settle();
    assert.equal(failures.length, end === "EIO" ? 1 : 0, operation);
    assert.equal(state.reserve(STEP - 1), null);
    await settle();
    assert.equal(failures.length, end === "EIO" ? 2 : 0, operation);
  }
});

test("the boot's id is read where there is one", async () => {
  const disk = new SimulatedDisk();
  assert.equal(await readBootId(disk.mount()), "boot-1");
  disk.fault = (_, file) => (file === BOOT_ID_PATH ? { error: errnoError("ENOENT") } : undefined);
  assert.equal(await readBootId(disk.mount()), null);
  disk.fault = () => ({ error: new Error("a bug") });
  await assert.rejects(readBootId(disk.mount()), /a bug/);
});

test("a state without a boot id has none; a failing disk is an error", async () => {
  const disk = new SimulatedDisk();
  disk.poke(FILE, Buffer.from(`{"seq":1,"seqCeiling":2,"bootId":7}`));
  const state = await loadDaemonState(disk.mount(), FILE);
  assert.deepEqual([state.bootId, state.clean, state.damaged], [null, false, false]);
  disk.fault = () => ({ error: errnoError("EIO") });
  await assert.rejects(loadDaemonState(disk.mount(), FILE), { code: "EIO" });
});

test("seqs are whole numbers from 0 to their limit; objects are JSON objects", () => {
  assert.deepEqual([LIMITS.seqMax, LIMITS.seqMax + 1].map(isSeq), [true, false]);
  assert.deepEqual([0, 7, -1, 1.5, "1", null].map(isSeq), [true, true, false, false, false, false]);
  assert.deepEqual([parseObject("{}"), parseObject("[]"), parseObject("{")], [{}, undefined, undefined]);
});
