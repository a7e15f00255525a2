// A table as a file: the bytes, and what is read back from good, edited and bad ones.
// Writing is pure here; reading goes through the simulated disk. When they are written: checkpoints.test.ts.

import assert from "node:assert/strict";
import { constants } from "node:buffer";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { encodeCheckpoint, loadCheckpoint, type LoadedCheckpoint } from "../../src/store/checkpoint.ts";
import { STATE_VERSION } from "../../src/store/daemon-state.ts";
import type { Disk } from "../../src/store/disk.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";

const HEAD = { seq: 7, updatedAt: "2026-01-01T00:00:00.000Z", field: "runs" };

function encode(records: readonly object[]): Buffer {
  return Buffer.concat([...encodeCheckpoint(HEAD, records)]);
}

function load(content: string | Buffer): Promise<LoadedCheckpoint> {
  const disk = new SimulatedDisk();
  disk.poke("/f", Buffer.from(content));
  return loadCheckpoint(disk.mount(), "/f", "runs", (record) => "id" in record);
}

test("one record a line, and JSON as a whole", async () => {
  const records = [{ id: "é" }, { id: "b" }];
  const bytes = encode(records);
  assert.equal(
    bytes.toString(),
    `{"version":${STATE_VERSION},"seq":7,"updatedAt":"2026-01-01T00:00:00.000Z",` +
    `"runs":[\n{"id":"é"},\n{"id":"b"}\n]}\n`,
  );
  assert.deepEqual((JSON.parse(bytes.toString()) as { runs: unknown }).runs, records);
  const loaded = await load(bytes);
  const expected = records.map((record) => ({ record, chars: 10 }));
  assert.deepEqual([loaded.outcome, loaded.seq, loaded.records], ["loaded", 7, expected]);
});

test("an empty table is an empty array", async () => {
  const bytes = encode([]);
  assert.deepEqual((JSON.parse(bytes.toString()) as { runs: unknown }).runs, []);
  assert.deepEqual(await load(bytes), { outcome: "loaded", seq: 7, isOld: false, records: [] });
});

test("a large one comes in slices, each not much above the limit", () => {
  const record = { id: "x".repeat(1000) };
  const chars = JSON.stringify(record).length;
  let made = 0;
  const counted = { toJSON: () => (made++, record) };
  let count = 0;
  for (const slice of encodeCheckpoint(HEAD, Array.from({ length: 1000 }, () => counted))) {
    count += 1;
    assert.ok(slice.length <= LIMITS.checkpointSliceBytes + chars + 2);
    assert.ok(made <= count * Math.ceil(LIMITS.checkpointSliceBytes / chars), "no text is made before its slice");
  }
  assert.ok(count >= 4);
});

test("a file that was laid out anew is read as well", async () => {
  const pretty = JSON.stringify(JSON.parse(encode([{ id: "a" }, { id: "b" }]).toString()), null, 2);
  for (const text of [pretty, JSON.stringify(JSON.parse(pretty)), pretty.replaceAll("\n", "")]) {
    const { outcome, records } = await load(text);
    assert.deepEqual([outcome, records.map(({ record }) => record)], ["loaded", [{ id: "a" }, { id: "b" }]]);
  }
});

test("it is read a piece at a time, and never as a whole", async () => {
  const chars = (n: number): number => (n === 1000 ? 300_000 : 300);
  const records = Array.from({ length: 2000 }, (_, n) => ({ id: `${n}`, text: "é".repeat(chars(n)) }));
  const simulated = new SimulatedDisk();
  simulated.poke("/f", encode(records));
  const disk = simulated.mount();
  let largest = 0;
  const watched: Disk = {
    ...disk,
    readFile: () => Promise.reject(new Error("the whole file was asked for")),
    async open(path, mode) {
      const file = await disk.open(path, mode);
      return {
        ...file,
        read(into, position) {
          largest = Math.max(largest, into.length);
          return file.read(into, position);
        },
      };
    },
  };
  const loaded = await loadCheckpoint(watched, "/f", "runs", () => true);
  assert.deepEqual(loaded.records.map(({ record }) => record), records);
  assert.ok(largest <= 4 * LIMITS.checkpointSliceBytes, "grows for a long record alone");
});

test("one that is cut anywhere is damaged", async () => {
  const bytes = encode([{ id: "a" }, { id: "b" }]);
  // Without the last newline it is still whole JSON.
  for (let end = 0; end < bytes.length - 1; end++) {
    assert.equal((await load(bytes.subarray(0, end))).outcome, "damaged", `cut at ${end}`);
  }
  assert.equal((await load(Buffer.concat([bytes, Buffer.from("more")]))).outcome, "damaged");
});

test("one that is larger than text or than a read can be is damaged, and not an error", async () => {
  const simulated = new SimulatedDisk();
  simulated.poke("/f", Buffer.from("no checkpoint"));
  const mounted = simulated.mount();
  const loadFrom = (readFile: Disk["readFile"]) => loadCheckpoint({ ...mounted, readFile }, "/f", "runs", () => true);
  const large = Buffer.alloc(constants.MAX_STRING_LENGTH + 1);
  assert.equal((await loadFrom(async () => large)).outcome, "damaged");
  const tooLarge = Object.assign(new RangeError("too large"), { code: "ERR_FS_FILE_TOO_LARGE" });
  assert.equal((await loadFrom(async () => Promise.reject(tooLarge))).outcome, "damaged");
});

test("what is JSON and no checkpoint is damaged", async () => {
  for (const text of [
    "[]", "7", "{}", `{"version":1,"seq":1}`, `{"version":1,"seq":-1,"runs":[]}`, `{"version":1,"seq":1.5,"runs":[]}`,
    `{"version":1,"seq":${LIMITS.seqMax + 1},"runs":[]}`,
    `{"version":0,"seq":1,"runs":[]}`, `{"seq":1,"runs":[]}`, `{"version":1,"seq":1,"runs":[1]}`,
    `{"version":1,"seq":1,"runs":[{"no":"id"}]}`, `{"version":1,"seq":1,"runs":{}}`,
  ]) {
    assert.equal((await load(text)).outcome, "damaged", text);
  }
});

test("none is missing, an older one is read; a newer one and a failing disk are errors", async () => {
  const disk = new SimulatedDisk();
  const load2 = (): Promise<LoadedCheckpoint> => loadCheckpoint(disk.mount(), "/f", "runs", () => true);
  assert.equal((await load2()).outcome, "missing");
  disk.poke("/f", Buffer.from(`{"version":1,"seq":1,"runs":[]}`));
  assert.deepEqual(await load2(), { outcome: "loaded", seq: 1, isOld: true, records: [] });
  const next = STATE_VERSION + 1;
  disk.poke("/f", Buffer.from(`{"version":${next},"seq":1,"runs":[]}`));
  const known = `its layout is ${next}; .* up to ${STATE_VERSION}`;
  await assert.rejects(load2(), new RegExp(`newer codexd \\(${known}\\), .* --state-dir of its own`));
  disk.fault = () => ({ error: errnoError("EIO") });
  await assert.rejects(load2(), { code: "EIO" });
});
