// Replacing a file as a whole, making one exclusively, and keeping a damaged one.
// On a simulated disk that fails at each step in turn.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  createFile, freeName, removeTemporaryFiles, replaceFile, setAside,
} from "../../src/store/replace-file.ts";
import { errnoError, SimulatedDisk, type Operation } from "../support/disk-simulator.ts";

const FILE = "/d/file";

async function diskWith(text?: string): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await disk.mount().makeDirectory("/d");
  if (text !== undefined) disk.poke(FILE, Buffer.from(text));
  return disk;
}

test("the new file stands there as a whole, in all its parts", async () => {
  const disk = await diskWith("old");
  let seenBefore = "";
  await replaceFile(disk.mount(), FILE, [Buffer.from("ne"), Buffer.from("w")], async () => {
    seenBefore = disk.peek(FILE)?.toString() ?? "";
  });
  assert.equal(seenBefore, "old");
  assert.equal(disk.peek(FILE)?.toString(), "new");
  assert.deepEqual(disk.names("/d"), ["file"]);
  disk.losePower(() => 0);
  assert.equal(disk.peek(FILE)?.toString(), "new");
});

test("when anything fails the old file is there and nothing beside it", async () => {
  for (const failing of ["open", "write", "datasync", "rename"] as const) {
    const disk = await diskWith("old");
    disk.fault = (operation: Operation) => (operation === failing ? { error: errnoError("ENOSPC") } : undefined);
    await assert.rejects(replaceFile(disk.mount(), FILE, [Buffer.from("new")]), { code: "ENOSPC" }, failing);
    assert.equal(disk.peek(FILE)?.toString(), "old");
    assert.deepEqual(disk.names("/d"), ["file"]);
  }
  const disk = await diskWith("old");
  await assert.rejects(replaceFile(disk.mount(), FILE, [], () => Promise.reject(new Error("not yet"))), /not yet/);
  assert.deepEqual(disk.names("/d"), ["file"]);
});

test("a file is made by one only", async () => {
  const disk = await diskWith();
  await createFile(disk.mount(), FILE, Buffer.from("first"));
  await assert.rejects(createFile(disk.mount(), FILE, Buffer.from("second")), { code: "EEXIST" });
  assert.equal(disk.peek(FILE)?.toString(), "first");
  assert.deepEqual(disk.names("/d"), ["file"]);
});

test("what dead writers left is removed, and nothing else", async () => {
  const disk = await diskWith("x");
  disk.poke("/d/file.0123456789abcdef.tmp", Buffer.from(""));
  disk.poke("/d/notes.tmp", Buffer.from(""));
  await removeTemporaryFiles(disk.mount(), "/d");
  assert.deepEqual(disk.names("/d").sort(), ["file", "notes.tmp"]);
  disk.poke("/d/file.0123456789abcdef.tmp", Buffer.from(""));
  disk.fault = (operation) => (operation === "unlink" ? { error: errnoError("ENOENT") } : undefined);
  await removeTemporaryFiles(disk.mount(), "/d");
  disk.fault = (operation) => (operation === "unlink" ? { error: errnoError("EIO") } : undefined);
  await assert.rejects(removeTemporaryFiles(disk.mount(), "/d"), { code: "EIO" });
});

test("a damaged file is kept under the first free number", async () => {
  const disk = await diskWith("bad");
  disk.poke("/d/bad-file-1", Buffer.from("older"));
  assert.equal(await setAside(disk.mount(), FILE), "/d/bad-file-2");
  assert.equal(disk.peek("/d/bad-file-2")?.toString(), "bad");
  assert.equal(disk.peek("/d/bad-file-1")?.toString(), "older");
  assert.equal(await freeName(disk.mount(), "/d", "torn-9"), "/d/torn-9-1");
});
