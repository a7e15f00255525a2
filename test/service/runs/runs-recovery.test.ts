// The receipt of a run that the daemon's death has cut: what the journal had heard of it, and no more.
//
// Deliberately not that it ends, and its processes (runs-end.test.ts).

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import { createRunRig, type RunRig } from "../../support/run-rig.ts";

const command = (id: string, exitCode: number | null) => ({
  id, type: "command_execution", command: `do ${id}`, exit_code: exitCode,
  status: exitCode === null ? "in_progress" : "completed",
});

/** The same files and records, read by a daemon that was started behind the death of the other one. */
async function restart(dead: RunRig): Promise<RunRig> {
  const rig = await createRunRig({ from: dead, begin: false });
  await rig.runs.recover();
  return rig;
}

test("what a run had done and said when the daemon died is in its receipt", async () => {
  const dead = await createRunRig();
  const { runId } = await dead.start();
  const process = dead.processes[0];
  process?.print({ type: "thread.started", thread_id: "thr" });
  process?.print({ type: "item.started", item: command("1", null) });
  process?.print({ type: "item.completed", item: command("1", 3) });
  process?.print({ type: "item.completed", item: {
    id: "2", type: "file_change", status: "completed", changes: [{ path: "/a", kind: "add" }],
  } });
  const todo = { id: "3", type: "todo_list", items: [{ text: "go", completed: true }] };
  process?.print({ type: "item.started", item: todo });
  process?.say("first");
  process?.say("last");
  process?.print({ type: "item.started", item: command("4", null) });

  const rig = await restart(dead);
  const run = await rig.runs.get(runId);
  assert.deepEqual([run.status, run.error?.reason, run.exitCode, run.result], ["failed", "interrupted", null, null]);
  assert.deepEqual([run.finalMessage, run.summary], ["last", "last"]);
  assert.deepEqual(run.commands.map(({ command: text, exitCode }) => [text, exitCode]), [["do 1", 3], ["do 4", null]]);
  assert.deepEqual(run.fileChanges, [{ path: "/a", kind: "add" }]);
  assert.deepEqual(run.plan, [{ step: "go", status: "completed" }]);
  const [end] = rig.store.events.filter(({ type }) => type === "run.failed");
  assert.deepEqual([end?.detail.threadId, end?.detail["finalMessage"]], ["thr", "last"]);
});

test("each of several runs gets its own, also one that has no record of where it began", async () => {
  const dead = await createRunRig();
  const [one, two] = [await dead.start({ prompt: "1" }), await dead.start({ prompt: "2" })];
  dead.processes[0]?.print({ type: "item.completed", item: command("1", 0) });
  dead.processes[1]?.say("two");
  const record = dead.store.tables.run.get(one.runId);
  assert.ok(record !== undefined && record.firstSeq !== null && record.firstSeq > 0);
  await dead.store.commit({ level: "info", type: "run.item", message: "", detail: {} }, {
    put: { run: { ...record, firstSeq: null } },
  });
  const rig = await restart(dead);
  const runs = [await rig.runs.get(one.runId), await rig.runs.get(two.runId)];
  assert.deepEqual(runs.map(({ commands, finalMessage }) => [commands.length, finalMessage]), [[1, null], [0, "two"]]);
});

test("its answer is read where a form was asked for, and is beside the line where it is long", async () => {
  const dead = await createRunRig();
  const answer = JSON.stringify({ text: "x".repeat(LIMITS.inlineInputBytesMax) });
  const { runId } = await dead.start({ outputSchema: { type: "object" } });
  const silent = await dead.start({ outputSchema: { type: "object" } });
  dead.processes[0]?.say(answer);
  const rig = await restart(dead);
  const { finalMessage, structuredOutput, prompt } = await rig.runs.get(runId);
  assert.equal(finalMessage, answer);
  assert.deepEqual([structuredOutput, prompt], [JSON.parse(answer), "do it"]);
  assert.equal(rig.store.tables.run.get(runId)?.finalMessage?.length, LIMITS.inlineInputBytesMax);
  const { structuredOutputError } = await rig.runs.get(silent.runId);
  assert.equal(structuredOutputError, "there is no answer: the run failed before it gave one");
});
