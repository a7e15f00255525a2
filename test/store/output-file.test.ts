// A file that grows while the disk does what disks do: full for a while, broken, slow.
//
// On the simulated disk; what modes and links do is tested with run-files.ts on a real one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createOutputFile, type OutputFile } from "../../src/store/output-file.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { createFakeClock, settle, type FakeClock } from "../support/fake-clock.ts";

const FILE = "/out";

interface Setup {
  readonly disk: SimulatedDisk;
  readonly clock: FakeClock;
  readonly file: OutputFile;
  text(): string | undefined;
  written: number;
}

function setUp(): Setup {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const setup = {
    disk, clock, written: 0,
    file: createOutputFile({ disk: disk.mount(), path: FILE, clock, onWritten: () => void (setup.written += 1) }),
    text: () => disk.peek(FILE)?.toString(),
  };
  return setup;
}

test("what is written stands in the file in order, and nothing makes no file", async () => {
  const { file, text, disk } = setUp();
  await file.close(0);
  assert.equal(text(), undefined);

  const clock = createFakeClock();
  const other = createOutputFile({ disk: disk.mount(), path: FILE, clock, onWritten: () => undefined });
  for (const word of ["one ", "", "two ", "three"]) other.write(Buffer.from(word));
  assert.equal(other.pendingBytes, 13);
  await other.close(0);
  assert.deepEqual([text(), other.size, other.pendingBytes, other.lost.bytes], ["one two three", 13, 0, 0]);
  other.write(Buffer.from("late"));
  assert.deepEqual([text(), other.lost.bytes], ["one two three", 4]);
});

test("a full disk costs time, and no bytes once it has room again", async () => {
  const setup = setUp();
  const { disk, file, clock } = setup;
  file.write(Buffer.from("before "));
  await settle();
  disk.fault = (operation) => (operation === "write" ? { error: errnoError("ENOSPC"), written: 2 } : undefined);
  file.write(Buffer.from("during "));
  let drained = false;
  void file.drained(0).then(() => (drained = true));
  for (let i = 0; i < 3; i += 1) await clock.advance(LIMITS.storageRetryMs);
  assert.deepEqual([drained, file.size, setup.written], [false, 7, 1]);
  disk.fault = () => undefined;
  file.write(Buffer.from("after"));
  await clock.advance(LIMITS.storageRetryMs);
  await settle();
  assert.deepEqual([drained, setup.text(), file.lost.bytes], [true, "before during after", 0]);
});

test("who closes it waits for room as long as he says, and what is left counts as lost", async () => {
  const { disk, file, clock } = setUp();
  disk.fault = (operation) => (operation === "write" ? { error: errnoError("ENOSPC") } : undefined);
  file.write(Buffer.from("12345"));
  const closing = file.close(1500);
  await clock.advance(1499);
  assert.equal(file.lost.bytes, 0);
  await clock.advance(1);
  await closing;
  assert.deepEqual([file.lost.bytes, file.pendingBytes, clock.dueInMs], [5, 0, []]);
  assert.match(file.lost.reason ?? "", /ENOSPC/);
});

test("any other failure ends the writing for good", async () => {
  const { disk, file } = setUp();
  disk.fault = (operation) => (operation === "open" ? { error: errnoError("ELOOP") } : undefined);
  file.write(Buffer.from("123"));
  await settle();
  disk.fault = () => undefined;
  file.write(Buffer.from("45"));
  await file.close(0);
  assert.deepEqual([file.size, file.lost.bytes, disk.peek(FILE)], [0, 5, undefined]);
  assert.match(file.lost.reason ?? "", /ELOOP/);
});

test("a name that is taken is not written to", async () => {
  const { disk, file } = setUp();
  const other = await disk.mount().open(FILE, "create");
  await other.writeAll(Buffer.from("somebody's"), 0);
  file.write(Buffer.from("mine"));
  await file.close(0);
  assert.deepEqual([disk.peek(FILE)?.toString(), file.lost.bytes], ["somebody's", 4]);
});

test("what waits has a bound", async () => {
  const { disk, file, clock } = setUp();
  disk.fault = (operation) => (operation === "open" ? { error: errnoError("EMFILE") } : undefined);
  file.write(Buffer.alloc(LIMITS.runOutputPendingBytesHard - 1));
  file.write(Buffer.alloc(1));
  assert.equal(file.lost.bytes, 0);
  file.write(Buffer.alloc(1));
  assert.equal(file.lost.bytes, 1);
  assert.match(file.lost.reason ?? "", /faster than the disk/);
  disk.fault = () => undefined;
  await clock.advance(LIMITS.storageRetryMs);
  await file.close(0);
  assert.equal(file.size, LIMITS.runOutputPendingBytesHard);
});
