// Whether the independent reader of the registries replays as it should, and sees what is wrong with them.
//
// As with the journal's reader each damage is planted once.

import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { readJournal } from "./journal-reader.ts";
import { readRegistries, type ReadRegistries } from "./registry-reader.ts";
import { makeTempDir } from "./temp-dir.ts";

function line(seq: number, own: object): string {
  const createdAt = "2026-01-01T00:00:00.000Z";
  const event = { seq, createdAt, level: "info", type: "run.queued", message: "m", detail: {} };
  const covered = JSON.stringify({ ...event, ...own }).slice(0, -1);
  return `${covered},"crc":"${crc32(covered).toString(16).padStart(8, "0")}"}\n`;
}

function run(runId: string, status: string): object {
  return { put: { run: { runId, status } } };
}

function read(dir: string): ReadRegistries {
  return readRegistries(dir, readJournal(dir, { killed: true }));
}

test("lines behind a checkpoint change what it holds, those before it do not", (t) => {
  const dir = makeTempDir(t);
  const runs = [{ runId: "a", status: "completed" }, { runId: "b", status: "queued" }];
  const checkpoint = { version: 1, seq: 2, runs };
  writeFileSync(path.join(dir, "run-registry.json"), JSON.stringify(checkpoint));
  const lines = [run("a", "running"), run("c", "queued"), run("b", "running"), { del: { run: ["a"] } }];
  writeFileSync(path.join(dir, "events.jsonl"), lines.map((own, i) => line(i + 1, own)).join(""));
  const { tables, problems } = read(dir);
  assert.deepEqual(problems, []);
  assert.deepEqual([...tables.run.values()], [{ runId: "b", status: "running" }]);
  assert.deepEqual([...tables.session], []);
});

test("half a line at the end is what a kill may leave, and no active segment", (t) => {
  const dir = makeTempDir(t);
  writeFileSync(path.join(dir, "events-0000000000000001.jsonl"), line(1, run("a", "queued")));
  writeFileSync(path.join(dir, "events.jsonl"), '{"seq":2,');
  assert.deepEqual(readJournal(dir, { killed: true }).problems, []);
  rmSync(path.join(dir, "events.jsonl"));
  assert.deepEqual(readJournal(dir, { killed: true }).problems, []);
  writeFileSync(path.join(dir, "events-0000000000000001.jsonl"), `${line(1, {})}{"se`);
  assert.deepEqual(readJournal(dir, { killed: true }).problems, [
    "events-0000000000000001.jsonl does not end in a newline",
  ]);
});

test("a checkpoint that is torn, of the future, too old for the journal, or holds a record twice is a problem", (t) => {
  const dir = makeTempDir(t);
  const write = (text: string): void => writeFileSync(path.join(dir, "run-registry.json"), text);
  writeFileSync(path.join(dir, "events.jsonl"), line(10, {}) + line(11, {}));
  const others = ["session", "turn", "approval", "answer", "mark"];
  for (const name of others) {
    const field = `${name}s`;
    writeFileSync(path.join(dir, `${name}-registry.json`), JSON.stringify({ version: 1, seq: 11, [field]: [] }));
  }
  const problemOf = (text: string): string => {
    write(text);
    return read(dir).problems.join("; ");
  };
  assert.equal(problemOf('{"version":1,"seq":11,"runs":[]}'), "");
  assert.equal(problemOf('{"version":1,"seq":9,"runs":[]}'), "");
  assert.match(problemOf('{"version":1,"seq":11,"ru'), /^run-registry\.json is no JSON/);
  assert.match(problemOf('{"version":1,"runs":[]}'), /has no version, seq and list/);
  assert.match(problemOf('{"version":1,"seq":12,"runs":[]}'), /stands for seq 12, and the journal ends at 11/);
  assert.match(problemOf('{"version":1,"seq":8,"runs":[]}'), /stands for seq 8, and the journal begins at 10/);
  assert.match(problemOf('{"version":1,"seq":11,"runs":[{"runId":"a"},{"runId":"a"}]}'), /holds a record twice/);
});
