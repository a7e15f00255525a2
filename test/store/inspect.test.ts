// What is said of checkpoints and segments: whole ones, and each kind of damage by name, with where it is.
//
// A simulated disk with a journal of thirty lines; what a start makes of the same is in read-state.test.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Finding } from "../../src/core/inspection.ts";
import { loadDaemonState, STATE_VERSION } from "../../src/store/daemon-state.ts";
import { checkpointFinding, firstOf, headOf, journalFinding, segmentFinding } from "../../src/store/findings.ts";
import { checkCheckpoints } from "../../src/store/inspect-checkpoints.ts";
import { inspectSegments } from "../../src/store/inspect-journal.ts";
import { closedSegments, damage, diskWithJournal, RUNS, SEGMENTS, STATE } from "../support/damaged-journal.ts";
import type { SimulatedDisk } from "../support/disk-simulator.ts";
import { JOURNAL, LOGS, openTestStore, storeOptions } from "../support/disk-store.ts";

async function look(disk: SimulatedDisk, running = false): Promise<Finding[]> {
  const mounted = disk.mount();
  const previous = await loadDaemonState(mounted, STATE);
  const check = await checkCheckpoints(mounted, storeOptions().tables);
  const segments = await inspectSegments(mounted, LOGS, check.visitor);
  check.compare();
  return [
    ...check.reports.map((report) => checkpointFinding(report, firstOf(segments), headOf(segments), previous)),
    ...segments.map((report) => segmentFinding(report, running)),
    journalFinding(LOGS, segments, check.reports, previous),
  ];
}

/** The findings that are worth a word. */
async function wordsOf(disk: SimulatedDisk, running = false): Promise<string[]> {
  const found = await look(disk, running);
  return found.filter(({ level }) => level !== "ok").map(({ level, path, message }) => `${level} ${path}: ${message}`);
}

function lineCount(disk: SimulatedDisk, file: string): number {
  return (disk.peek(file)?.toString() ?? "").trimEnd().split("\n").length;
}

test("what is whole is told in numbers", async () => {
  const disk = await diskWithJournal("clean");
  const found = await look(disk);
  assert.ok(found.every(({ level }) => level === "ok"));
  const [runs, turns] = found;
  assert.deepEqual(runs?.detail, {
    kind: "run", outcome: "loaded", version: STATE_VERSION, seq: 30, records: 7,
    bytes: disk.peek(RUNS)?.length, compared: 7,
    ahead: 0, differing: [], differingCount: 0,
  });
  assert.equal(turns?.detail["records"], 0);
  const segments = found.filter(({ subject }) => subject === "segment");
  assert.equal(segments.length, closedSegments(disk).length + 1);
  const { bytes, lines, firstSeq, headSeq } = found.at(-1)?.detail ?? {};
  assert.equal(segments.reduce((sum, { detail }) => sum + Number(detail["bytes"]), 0), bytes);
  assert.deepEqual([lines, firstSeq, headSeq], [30, 1, 30]);
});

test("a killed daemon's checkpoints are behind the journal, which is how it should be", async () => {
  const disk = await diskWithJournal("killed");
  assert.deepEqual((await wordsOf(disk)).filter((text) => text.startsWith("damaged")), []);
  assert.ok((await look(disk)).some(({ detail }) => Number(detail["ahead"]) > 0));
});

describe("segments", () => {
  test("a line that is damaged, also in a segment that no start reads", async () => {
    const disk = await diskWithJournal("clean");
    const [first = ""] = closedSegments(disk);
    const offset = damage(disk, first, 2);
    assert.deepEqual(await wordsOf(disk), [
      `damaged ${first}: 1 line from byte ${offset} on damaged; missing: event 3`,
    ]);
  });

  test("a torn tail is no damage, and beside a daemon not even a word", async () => {
    const disk = await diskWithJournal("clean");
    disk.poke(JOURNAL, Buffer.concat([disk.peek(JOURNAL) ?? Buffer.alloc(0), Buffer.from('{"seq":31,')]));
    const [word = "", ...others] = await wordsOf(disk);
    assert.match(word, /^note .*events\.jsonl: .* ends in 10 bytes that are no whole line$/);
    assert.deepEqual(others, []);
    assert.deepEqual(await wordsOf(disk, true), []);
  });

  test("a closed segment with a bad end", async () => {
    const disk = await diskWithJournal("clean");
    const [first = ""] = closedSegments(disk);
    const lines = lineCount(disk, first);
    disk.poke(first, (disk.peek(first) ?? Buffer.alloc(0)).subarray(0, -5));
    const words = await wordsOf(disk);
    assert.equal(words.length, 2);
    assert.match(words[0] ?? "", /its last \d+ bytes damaged$/);
    assert.match(words[1] ?? "", new RegExp(`missing: event ${lines}$`));
  });

  test("one that is gone, one under a wrong name, and lines that come twice", async () => {
    const disk = await diskWithJournal("clean");
    const [, second = "", third = ""] = closedSegments(disk);
    const [from, to] = [Number(second.slice(-22, -6)), Number(third.slice(-22, -6)) - 1];
    const bytes = disk.peek(second) ?? Buffer.alloc(0);
    disk.remove(second);
    const missing = `missing: events ${from} to ${to}`;
    assert.deepEqual(await wordsOf(disk), [`damaged ${third}: ${missing}`]);
    const misnamed = second.replace(/\d+\.jsonl$/, `${String(from + 1).padStart(16, "0")}.jsonl`);
    disk.poke(misnamed, bytes);
    assert.deepEqual(await wordsOf(disk), [`damaged ${misnamed}: it begins with event ${from}`]);
    disk.remove(misnamed);
    disk.poke(second, Buffer.concat([bytes, bytes.subarray(0, bytes.indexOf("\n") + 1), bytes]));
    assert.match((await wordsOf(disk)).join(), /its last \d+ bytes damaged/);
  });

  test("a hole that a line tells of is none", async () => {
    const disk = await diskWithJournal("power");
    const { store } = await openTestStore(disk.mount(), {}, SEGMENTS);
    await store.close();
    assert.deepEqual(await wordsOf(disk), []);
    const told = (await look(disk)).reduce((sum, { detail }) => sum + Number(detail["toldJumps"] ?? 0), 0);
    assert.equal(told, 1);
  });
});

describe("checkpoints", () => {
  test("a record that was changed by hand is named, and one that is not there any more", async () => {
    const disk = await diskWithJournal("clean");
    const text = disk.peek(RUNS)?.toString() ?? "";
    disk.poke(RUNS, Buffer.from(text.replace(`{"id":"r3","n":24}`, `{"id":"r3","n":99}`)));
    assert.deepEqual(await wordsOf(disk), [
      `damaged ${RUNS}: 1 of 7 records are not what the journal has put: r3`,
    ]);
    disk.poke(RUNS, Buffer.from(text.replace(`{"id":"r3","n":24},\n`, "")));
    assert.match((await wordsOf(disk)).join(), /1 of 7 records .*: r3$/);
    disk.poke(RUNS, Buffer.from(JSON.stringify(JSON.parse(text), null, 2)));
    assert.deepEqual(await wordsOf(disk), [], "laid out anew by an editor it is the same");
  });

  test("nothing is said of records that a hole in the journal may have changed", async () => {
    const disk = await diskWithJournal("clean");
    const [first = "", second = ""] = closedSegments(disk);
    damage(disk, second, 1);
    const text = disk.peek(RUNS)?.toString() ?? "";
    disk.poke(RUNS, Buffer.from(text));
    const words = await wordsOf(disk);
    assert.equal(words.length, 1);
    assert.ok(!(words[0] ?? "").includes(first) && (words[0] ?? "").includes(second));
  });

  test("one that cannot be read, is newer, or is gone", async () => {
    const disk = await diskWithJournal("clean");
    disk.poke(RUNS, Buffer.from("{half"));
    assert.deepEqual(await wordsOf(disk), [
      `damaged ${RUNS}: cannot be read as a checkpoint; the journal can rebuild it`,
    ]);
    disk.poke(RUNS, Buffer.from(`{"version":99,"seq":1,"runs":[]}`));
    assert.match((await wordsOf(disk)).join(), /^refused .*newer codexd/);
    assert.equal((await look(disk))[0]?.detail["version"], 99);
    disk.remove(RUNS);
    assert.deepEqual(await wordsOf(disk), [`damaged ${RUNS}: is gone; the journal can rebuild it`]);
    disk.remove(closedSegments(disk)[0] ?? "");
    assert.match((await wordsOf(disk)).join(), /^damaged .*: is gone; the journal does not reach back far enough/);
    const state = JSON.parse(disk.peek(STATE)?.toString() ?? "") as { checkpoints: string[] };
    disk.poke(STATE, Buffer.from(JSON.stringify({ ...state, checkpoints: undefined })));
    assert.match((await wordsOf(disk)).join(), /^note .*: no run from before event \d+ is known/);
    disk.poke(RUNS, Buffer.from("{half"));
    assert.match((await wordsOf(disk)).join(), /does not reach back far enough/);
  });
});

test("a journal that ends before other files do is damage", async () => {
  const disk = await diskWithJournal("clean");
  disk.remove(JOURNAL);
  assert.match((await wordsOf(disk)).join(), /^damaged .*: ends at event \d+, and other files know of events up to 30/);
  for (const file of closedSegments(disk)) disk.remove(file);
  assert.match((await wordsOf(disk)).join(), /ends at event 0/);
});

test("a journal above the ceiling of the daemon's state is damage", async () => {
  const disk = await diskWithJournal("clean");
  disk.poke(STATE, Buffer.from(`{"version":1,"clean":true,"seq":1,"seqCeiling":1}`));
  assert.match((await wordsOf(disk)).join(), /^damaged .*above the ceiling in daemon-state\.json \(1\)/);
});
