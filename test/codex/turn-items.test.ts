// What items say of the work that was done, in the shapes of both versions, and in shapes that nobody has seen yet.
// Pure: whole transcripts are read in test/service/receipts/receipts-of-captures.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isTool, knownIds, noteItemCompleted, noteItemStarted, readFileChanges } from "../../src/codex/turn-items.ts";
import { WorkLog } from "../../src/core/work-log.ts";

const command = (id: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: "commandExecution", id, command: "ls", cwd: "/", processId: null, status: "inProgress", exitCode: null,
  durationMs: null, ...more,
});

function logOf(...ends: Array<Record<string, unknown>>): WorkLog {
  const log = new WorkLog();
  for (const item of ends) noteItemCompleted(log, String(item["id"]), item);
  return log;
}

test("a command that was declined, or had neither process nor result, was none", () => {
  const commands = (more: Record<string, unknown>): unknown[] => logOf(command("c", more)).commands();
  assert.deepEqual(commands({ status: "declined" }), []);
  assert.deepEqual(commands({ status: "failed" }), []);
  assert.equal(commands({ status: "failed", exitCode: -1 }).length, 1, "some tools give their commands no process");
  assert.equal(commands({ status: "failed", processId: "7" }).length, 1);
  assert.equal(commands({ status: "completed" }).length, 1);
});

test("one that was allowed and could not be started is listed, without a result", () => {
  const log = new WorkLog();
  noteItemStarted(log, "c", command("c"));
  log.holdCommand("c");
  log.releaseCommand("c", true);
  noteItemCompleted(log, "c", command("c", { status: "failed" }));
  assert.deepEqual(log.commands(), [{ command: "ls", cwd: "/", exitCode: null, durationMs: null }]);
});

test("only changes that were made count; both spellings of their kind are read", () => {
  const changes = [
    { path: "/a", kind: { type: "update", move_path: "/b" }, diff: "" }, { path: "/c", kind: "delete" },
    { path: "/d" }, { kind: "add" }, null,
  ];
  const read = [{ path: "/a", kind: "update", movePath: "/b" }, { path: "/c", kind: "delete" },
    { path: "/d", kind: "update" }];
  assert.deepEqual(readFileChanges({ changes }), read);
  assert.deepEqual(readFileChanges({}), []);
  for (const status of ["failed", "declined", "inProgress"]) {
    assert.deepEqual(logOf({ type: "fileChange", id: "f", status, changes }).fileChanges(), []);
  }
  assert.deepEqual(logOf({ type: "fileChange", id: "f", status: "completed", changes }).fileChanges(), read);
});

test("items of other types and odd shapes change nothing, and none throws", () => {
  const log = logOf({ type: "agentMessage", id: "m" }, { id: "x" });
  noteItemStarted(log, "r", { type: "reasoning" });
  assert.deepEqual([log.commands(), log.fileChanges()], [[], []]);
  const odd = logOf({ type: "commandExecution", id: "c", status: 7, exitCode: "0", durationMs: "long", command: 5 });
  assert.deepEqual(odd.commands(), [{ command: "", cwd: null, exitCode: null, durationMs: null }]);
  assert.equal(isTool({ type: "collabAgentToolCall" }), true);
  assert.equal(isTool({ type: "agentMessage" }), false);
});

test("an item that a history calls by another name is the one that is known; one of the same name is itself", () => {
  const log = logOf(
    command("call_1", { exitCode: 0 }), command("call_2", { exitCode: 1 }),
    { type: "fileChange", id: "call_3", status: "completed", changes: [{ path: "/a", kind: "add" }] },
  );
  const told = [
    command("item-1"), command("item-2"), command("item-3"), command("item-4", { command: "pwd" }),
    { type: "fileChange", id: "item-5", changes: [{ path: "/a", kind: "add" }] },
    { type: "fileChange", id: "item-6", changes: [{ path: "/b", kind: "add" }] }, { type: "commandExecution" },
  ];
  assert.deepEqual(told.map((item) => knownIds(log, told).get(item)),
    ["call_1", "call_2", undefined, undefined, "call_3", undefined, undefined]);
  const same = [command("call_1"), command("call_2"), command("call_9")];
  assert.deepEqual([...knownIds(log, same)], [], "the third is a new one, though it says the same");
});
