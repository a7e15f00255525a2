// What `codex exec --json` says of the work that was done: on transcripts of the real one, and on odd objects.
// Pure: the receipts that come of it are made in test/service/runs/run-work.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { noteExecEvent } from "../../src/codex/exec-items.ts";
import { WorkLog } from "../../src/core/work-log.ts";
import { readExecCapture, type EXEC_CAPTURES } from "../support/captures.ts";

function fold(events: ReadonlyArray<Record<string, unknown>>): WorkLog {
  const log = new WorkLog();
  for (const event of events) noteExecEvent(log, event);
  return log;
}

const captured = (name: (typeof EXEC_CAPTURES)[number]): WorkLog => fold(readExecCapture(name).events);
const ran = (script: string, exitCode: number | null) =>
  ({ command: `/bin/bash -lc '${script}'`, cwd: null, exitCode, durationMs: null });

test("transcripts of the real Codex come to what was done in them [trap 7.4]", () => {
  assert.deepEqual(captured("exec-command").commands(), [ran("echo hi; exit 2", 2)]);
  assert.deepEqual(captured("exec116-command").commands(), [ran("echo hi; exit 2", 2)]);
  assert.deepEqual(captured("exec-background").commands(), [ran("sleep 4444", null)], "it was left running");
  assert.deepEqual(captured("exec-sigint-command").commands(), [ran("sleep 4555; true", null)]);
  assert.deepEqual(captured("exec-patch").fileChanges(), [
    { path: "/home/dev/project/ex.txt", kind: "add" }, { path: "/home/dev/project/ex.txt", kind: "update" },
  ]);
  assert.deepEqual(captured("exec-plan").plan, [
    { step: "a", status: "pending" }, { step: "b", status: "pending" }, { step: "c", status: "pending" },
  ]);
  const plain = captured("exec-plain");
  assert.deepEqual([plain.commands(), plain.fileChanges(), plain.plan], [[], [], null]);
});

test("a step that is done is completed; a command that was declined was none", () => {
  const items = [{ text: "a", completed: true }, { text: 7 }, "no step"];
  assert.deepEqual(fold([{ type: "item.updated", item: { id: "i", type: "todo_list", items } }]).plan,
    [{ step: "a", status: "completed" }, { step: "", status: "pending" }]);
  const item = { id: "c", type: "command_execution", command: "x", exit_code: null };
  const declined = [{ type: "item.started", item }, { type: "item.completed", item: { ...item, status: "declined" } }];
  assert.deepEqual(fold(declined).commands(), []);
});

test("objects of another shape change nothing, and none throws", () => {
  const log = fold([
    {}, { type: "turn.completed" }, { type: "item.completed" }, { type: "item.completed", item: {} },
    { type: "item.completed", item: { id: "m", type: "agent_message" } },
    { type: "item.completed", item: { type: "command_execution", command: "no id" } },
    { type: "item.completed", item: { id: "f", type: "file_change", status: "failed", changes: [{ path: "/a" }] } },
    { type: "item.completed", item: { id: "g", type: "file_change", status: "completed", changes: "none" } },
    { type: "item.completed", item: { id: "t", type: "todo_list", items: {} } },
  ]);
  assert.deepEqual([log.commands(), log.fileChanges(), log.plan], [[], [], null]);
  const odd = fold([
    { type: "item.completed", item: { id: "c", type: "command_execution", exit_code: "0" } },
    {
      type: "item.completed",
      item: { id: "h", type: "file_change", status: "completed", changes: [{ path: "/a" }, {}] },
    },
  ]);
  assert.deepEqual(odd.commands(), [{ command: "", cwd: null, exitCode: null, durationMs: null }]);
  assert.deepEqual(odd.fileChanges(), [{ path: "/a", kind: "update" }]);
});
