// What the agent remembers, in memory and in its file, and that both have their bounds.
// Each bound is tried on both sides.

import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { systemUuid } from "../../src/core/ids.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { openThreadFile, type KeptTurn } from "../../src/agent/thread-file.ts";
import { openThreads, type Thread, type Threads } from "../../src/agent/threads.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { makeTempDir, type Cleanup } from "../support/temp-dir.ts";

function open(t: Cleanup, home = path.join(makeTempDir(t), "agent")): { home: string; file: string; threads: Threads } {
  const threads = openThreads({ home, version: "1", clock: createFakeClock(), uuid: systemUuid });
  return { home, file: path.join(home, "threads.jsonl"), threads };
}

function turn(id: string, more: Partial<KeptTurn> = {}): KeptTurn {
  return { id, status: "completed", items: [], error: null, startedAt: 1, completedAt: 2, durationMs: 1000, ...more };
}

function turnsOf(thread: Thread | undefined): string[] {
  return (thread?.turns ?? []).map(({ id, status }) => `${id} ${status}`);
}

test("directory and file are private, and a turn is found again as it ended", (t) => {
  const { home, file, threads } = open(t);
  const thread = threads.create({});
  threads.keep(thread, turn("a", { status: "inProgress" }));
  threads.keep(thread, turn("a"));
  threads.keep(thread, turn("b", { status: "inProgress" }));
  assert.deepEqual([statSync(home).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600]);
  const again = open(t, home).threads.find(thread.id);
  assert.deepEqual(turnsOf(again), ["a completed", "b interrupted"]);
  assert.deepEqual([again?.loaded, again?.active], [false, false]);
});

test("an ephemeral thread is not written", (t) => {
  const { home, threads } = open(t);
  const thread = threads.create({ ephemeral: true });
  threads.keep(thread, turn("a"));
  assert.deepEqual(turnsOf(threads.find(thread.id)), ["a completed"]);
  assert.equal(open(t, home).threads.find(thread.id), undefined);
});

test("a torn line and lines of another kind cost themselves alone", (t) => {
  const { home, file, threads } = open(t);
  const thread = threads.create({});
  threads.keep(thread, turn("a"));
  threads.keep(thread, turn("b"));
  truncateSync(file, statSync(file).size - 5);
  appendFileSync(file, '\n7\n{"thread":1}\n{"thread":{"id":"x","settings":{}},"turn":{"id":"y"}}\n');
  const again = open(t, home).threads;
  assert.deepEqual(turnsOf(again.find(thread.id)), ["a completed"]);
  assert.equal(again.find("x"), undefined);
});

test("of a thread the newest turns are kept", (t) => {
  const { home, threads } = open(t);
  const thread = threads.create({});
  for (let i = 0; i < LIMITS.agentTurnsKeptMax; i++) threads.keep(thread, turn(`t${i}`));
  assert.equal(turnsOf(thread)[0], "t0 completed");
  threads.keep(thread, turn("last"));
  assert.equal(turnsOf(thread).length, LIMITS.agentTurnsKeptMax);
  assert.equal(turnsOf(thread)[0], "t1 completed");
  assert.deepEqual(turnsOf(open(t, home).threads.find(thread.id)), turnsOf(thread));
});

test("of the threads the least used is dropped first, one whose turn runs never", (t) => {
  const { threads } = open(t);
  const busy = threads.create({});
  busy.active = true;
  const oldest = threads.create({});
  const used = threads.create({});
  for (let held = 3; held < LIMITS.agentThreadsMax; held++) threads.create({});
  assert.ok(threads.find(oldest.id), "at the limit nothing is dropped");
  threads.keep(used, turn("a"));
  threads.create({});
  assert.equal(threads.find(oldest.id), undefined);
  assert.ok(threads.find(busy.id));
  assert.ok(threads.find(used.id));
});

test("long texts are cut in what is kept, as much as fits is not", (t) => {
  const { threads } = open(t);
  const thread = threads.create({});
  const fits = "x".repeat(LIMITS.agentTextKeptCharsMax);
  const items = [
    { type: "agentMessage", text: fits }, { type: "agentMessage", text: `${fits}y` },
    { type: "commandExecution", aggregatedOutput: `${fits}y` },
    { type: "userMessage", content: [{ type: "text", text: fits }, { type: "text", text: "y" }, "odd"] },
  ];
  threads.keep(thread, turn("a", { items }));
  const kept = thread.turns[0]?.items ?? [];
  assert.deepEqual(kept.map((item) => item["text"] ?? item["aggregatedOutput"]), [fits, fits, fits, undefined]);
  assert.deepEqual(kept[3]?.["content"], [{ type: "text", text: fits, text_elements: [] }]);
});

test("a file that has grown beyond its limit is written anew, with all that is remembered", (t) => {
  const home = path.join(makeTempDir(t), "agent");
  const first = openThreadFile(home);
  const file = path.join(home, "threads.jsonl");
  const settings = { cwd: "/", approvalPolicy: "never", sandbox: {}, serviceTier: null };
  const thread = { id: "x", createdAt: 1, updatedAt: 1, settings, turns: [turn("a")] };
  const other = { ...thread, id: "y" };
  const all = (): Array<typeof thread> => [other, thread];
  first.put(thread, turn("a"), all);
  const lineBytes = statSync(file).size;
  // At the limit a line is appended; above it the file is written anew.
  writeFileSync(file, `${" ".repeat(LIMITS.agentFileBytesMax - 1)}\n`);
  const second = openThreadFile(home);
  second.put(thread, turn("a"), all);
  assert.equal(statSync(file).size, LIMITS.agentFileBytesMax + lineBytes);
  second.put(thread, turn("a"), all);
  assert.equal(readFileSync(file, "utf8").split("\n").length, 3);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(openThreadFile(home).kept.map(({ id }) => id), ["y", "x"]);
  second.put(thread, turn("b"), all);
  assert.equal(statSync(file).size, 3 * lineBytes);
});

test("lines without a version are read, and those of a newer agent are left as they are", (t) => {
  const home = path.join(makeTempDir(t), "agent");
  const file = path.join(home, "threads.jsonl");
  const settings = { cwd: "/", approvalPolicy: "never", sandbox: {}, serviceTier: null };
  const thread = { id: "x", createdAt: 1, updatedAt: 1, settings, turns: [] };
  openThreadFile(home).put(thread, turn("a"), () => []);
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace('"version":1,', ""));
  assert.deepEqual(openThreadFile(home).kept.map(({ id }) => id), ["x"]);
  const newer = text.replace('"version":1,', '"version":2,');
  writeFileSync(file, newer);
  assert.throws(() => openThreadFile(home), /threads\.jsonl was written by a newer codexd: it is left as it is/);
  assert.equal(readFileSync(file, "utf8"), newer);
});
