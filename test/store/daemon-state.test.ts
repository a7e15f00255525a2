// daemon-state.json: what is in it, when it is written, and the ceiling of seqs.
// What a start makes of it stands in next-seq.test.ts and journal-recovery.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { silentLogger } from "../../src/base/log.ts";
import { LIMITS } from "../../src/core/limits.ts";
import {
  DaemonStateFile, isCopied, isSeq, loadDaemonState, parseObject, readBootId,
} from "../../src/store/daemon-state.ts";
import { BOOT_ID_PATH, errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { settle } from "../support/fake-clock.ts";

const FILE = "/d/daemon-state.json";
const PLACE = { device: 1, inode: 7 };
const STEP = LIMITS.seqCeilingStep;

async function rig(describe: () => Record<string, unknown> = () => ({ pid: 5 })) {
  const disk = new SimulatedDisk();
  await disk.mount().makeDirectory("/d");
  const warnings: string[] = [];
  const state = new DaemonStateFile({
    disk: disk.mount(),
    file: FILE,
    bootId: "boot-1",
    place: PLACE,
    durability: "interval",
    seqCeiling: STEP,
    ceilingStep: STEP,
    log: { ...silentLogger, warn: (message) => void warnings.push(message) },
    seq: () => 42,
    describe,
  });
  const written = (): Record<string, unknown> => parseObject(disk.peek(FILE)?.toString() ?? "") ?? {};
  return { disk, state, warnings, written };
}

test("holds the store's own fields and what the daemon says of itself", async () => {
  const { disk, state, written } = await rig(() => ({ pid: 5, seq: "not this" }));
  await state.write();
  const own = { version: 2, clean: false, bootId: "boot-1", durability: "interval", seq: 42, seqCeiling: STEP };
  assert.deepEqual(written(), { ...own, place: PLACE, pid: 5 });
  const loaded = await loadDaemonState(disk.mount(), FILE);
  assert.deepEqual([loaded.clean, loaded.seq, loaded.seqCeiling, loaded.bootId], [false, 42, STEP, "boot-1"]);
  await state.writeClean();
  assert.equal((await loadDaemonState(disk.mount(), FILE)).clean, true);
});

test("what was written for another directory is a copy; the number of a device counts within one boot", async () => {
  const { disk, state } = await rig();
  await state.write();
  const previous = await loadDaemonState(disk.mount(), FILE);
  assert.deepEqual(previous.place, PLACE);
  assert.equal(isCopied(previous, PLACE, "boot-1"), false);
  assert.equal(isCopied(previous, { device: 1, inode: 8 }, "boot-1"), true);
  assert.equal(isCopied(previous, { device: 2, inode: 7 }, "boot-1"), true);
  assert.equal(isCopied(previous, { device: 2, inode: 7 }, "boot-2"), false);
  assert.equal(isCopied({ ...previous, place: null }, { device: 1, inode: 8 }, "boot-1"), false, "an older codexd's");
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
  const { disk, state, warnings } = await rig();
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

test("seqs are whole numbers from 0; objects are JSON objects", () => {
  assert.deepEqual([0, 7, -1, 1.5, "1", null].map(isSeq), [true, true, false, false, false, false]);
  assert.deepEqual([parseObject("{}"), parseObject("[]"), parseObject("{")], [{}, undefined, undefined]);
});
