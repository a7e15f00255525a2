// Whether the independent reader sees what is wrong with a journal.
//
// Each kind of damage is planted once: a judge that never finds anything is none.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { readJournal } from "./journal-reader.ts";
import { makeTempDir } from "./temp-dir.ts";

function line(seq: number, type = "turn.submitted", own = ""): string {
  const event = { seq, createdAt: "2026-01-01T00:00:00.000Z", level: "info", type, message: 'a ,"put": b', detail: {} };
  const covered = JSON.stringify(event).slice(0, -1) + own;
  return `${covered},"crc":"${crc32(covered).toString(16).padStart(8, "0")}"}\n`;
}

test("whole segments read as one, and events come as clients see them", (t) => {
  const dir = makeTempDir(t);
  writeFileSync(path.join(dir, "events-0000000000000001.jsonl"), line(1) + line(2));
  writeFileSync(path.join(dir, "events.jsonl"), line(3, "session.created", ',"put":{"session":{"a":1}}'));
  const journal = readJournal(dir);
  assert.deepEqual(journal.problems, []);
  assert.deepEqual(journal.events.map(({ seq }) => seq), [1, 2, 3]);
  const text = journal.textOf(3) ?? "";
  assert.deepEqual(Object.keys(JSON.parse(text) as object).slice(-2), ["message", "detail"]);
  assert.ok(line(3, "session.created").startsWith(text.slice(0, -1)));
  assert.equal(journal.textOf(4), undefined);
});

test("a gap, a repeat, a wrong CRC, none at all, and a torn end are problems", (t) => {
  const dir = makeTempDir(t);
  const broken = line(6).replace('"level":"info"', '"level":"warn"');
  writeFileSync(path.join(dir, "events.jsonl"), `${line(1)}${line(3)}${line(3)}${broken}{}\n${line(4)}{"se`);
  const { problems } = readJournal(dir);
  assert.deepEqual(problems.map((problem) => problem.replace(/the CRC.*/, "the CRC")), [
    "events.jsonl does not end in a newline",
    "events.jsonl:2 has seq 3 after 1",
    "events.jsonl:3 has seq 3 after 3",
    "events.jsonl:4 has the CRC",
    "events.jsonl:5 has no CRC",
  ]);
});

test("only storage.recovered may stand behind a hole", (t) => {
  const dir = makeTempDir(t);
  writeFileSync(path.join(dir, "events.jsonl"), line(1) + line(1_000_001, "storage.recovered") + line(1_000_002));
  assert.deepEqual(readJournal(dir).problems, []);
});
