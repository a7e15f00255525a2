// A small file as text: there, missing, and far too large.
//
// On the simulated disk; that what is too large is taken for damaged is shown by those who read it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { loadDaemonState } from "../../src/store/daemon-state.ts";
import { readIdentity } from "../../src/store/identity.ts";
import { readSmallFile } from "../../src/store/small-file.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";

test("is read up to its limit, and beyond it holds nothing", async () => {
  const disk = new SimulatedDisk();
  const read = () => readSmallFile(disk.mount(), "/f");
  assert.equal(await read(), undefined);
  disk.poke("/f", Buffer.alloc(LIMITS.smallFileBytesMax, "x"));
  assert.equal((await read())?.length, LIMITS.smallFileBytesMax);
  disk.poke("/f", Buffer.alloc(LIMITS.smallFileBytesMax + 1, "x"));
  assert.equal(await read(), "");
  disk.fault = () => ({ error: errnoError("EIO") });
  await assert.rejects(read(), { code: "EIO" });
});

test("an identity and a daemon's state that are too large are damaged", async () => {
  const disk = new SimulatedDisk();
  disk.poke("/f", Buffer.alloc(LIMITS.smallFileBytesMax + 1, " "));
  await assert.rejects(readIdentity(disk.mount(), "/f"), /\/f does not hold an identity; remove it/);
  assert.equal((await loadDaemonState(disk.mount(), "/f")).damaged, true);
});
