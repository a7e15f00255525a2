// The simulated disk loses what real ones may lose, and nothing else.
//
// A simulation is worth no more than its disk: each way to lose has a test, and each thing that must stay.

import assert from "node:assert/strict";
import { test } from "node:test";

import { seededRandom, SimulatedDisk } from "./disk-simulator.ts";

const FILE = "/d/file";
const SEEDS = Array.from({ length: 200 }, (_, i) => i + 1);

async function diskWith(text: string): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await disk.mount().makeDirectory("/d");
  disk.poke(FILE, Buffer.from(text));
  return disk;
}

/** What is found after a loss of power, over all seeds. */
async function outcomes(change: (disk: SimulatedDisk) => Promise<void>, found: (disk: SimulatedDisk) => string) {
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const disk = await diskWith("old");
    await change(disk);
    disk.losePower(seededRandom(seed));
    seen.add(found(disk));
  }
  return seen;
}

function textOf(disk: SimulatedDisk, file = FILE): string {
  return disk.peek(file)?.toString("latin1") ?? "none";
}

test("a write without a sync is lost, kept or mangled, sector by sector; what was synced stays", async () => {
  const a = "a".repeat(509);
  const b = "b".repeat(512);
  const seen = await outcomes(async (disk) => {
    const file = await disk.mount().open(FILE, "write");
    await file.writeAll(Buffer.from(a + b), 3);
  }, textOf);
  const zeros = "\0".repeat(509);
  for (const wanted of ["old", `old${a}${b}`, `old${a}`, `old${zeros}${b}`]) assert.ok(seen.has(wanted), wanted);
  assert.ok([...seen].every((text) => text.startsWith("old")));
  assert.ok([...seen].some((text) => /[^\0ab]/.test(text.slice(3))), "garbage");

  const synced = await outcomes(async (disk) => {
    const file = await disk.mount().open(FILE, "write");
    await file.writeAll(Buffer.from(a), 3);
    await file.datasync();
  }, textOf);
  assert.deepEqual([...synced], [`old${a}`]);
});

test("a truncate without a sync may come back, with what was written over it or not", async () => {
  const seen = await outcomes(async (disk) => {
    const file = await disk.mount().open(FILE, "write");
    await file.truncate(1);
    await file.writeAll(Buffer.from("N"), 1);
  }, textOf);
  for (const wanted of ["old", "oN", "oNd", "o"]) assert.ok(seen.has(wanted), wanted);
});

test("names without a sync of their directory go in any subset, a rename as a whole", async () => {
  const change = async (disk: SimulatedDisk): Promise<void> => {
    const mounted = disk.mount();
    await mounted.rename(FILE, "/d/closed");
    await mounted.open(FILE, "write");
  };
  const found = (disk: SimulatedDisk): string => `${textOf(disk)} ${textOf(disk, "/d/closed")}`;
  const seen = await outcomes(change, found);
  // The first one is why a folder is synced between a rename and the making of the next file.
  assert.deepEqual([...seen].sort(), [" none", " old", "none old", "old none"].sort());
  const synced = await outcomes(async (disk) => {
    await change(disk);
    await disk.mount().syncDirectory("/d");
  }, found);
  assert.deepEqual([...synced], [" old"]);
});

test("a process that is killed leaves a share of the write in which it dies, and nothing of it goes on", async () => {
  const disk = await diskWith("old");
  const file = await disk.mount().open(FILE, "write");
  disk.onOperation = (_, tear) => {
    tear(0.5);
    disk.killProcess();
  };
  let settled = false;
  void file.writeAll(Buffer.from("12345678"), 0).finally(() => (settled = true));
  await new Promise(setImmediate);
  assert.deepEqual([textOf(disk), settled], ["1234", false]);
});
