// Marks of runs under way: whatever has been printed before one, and wherever one is put, a run that the daemon's death
// has cut has the receipt that all of its events make.

import assert from "node:assert/strict";
import { test } from "node:test";

import { runMarkId } from "../../../src/core/receipt-mark.ts";
import { readRunState } from "../../../src/service/runs/run-state.ts";
import { createRunRig, type FakeProcess } from "../../support/run-rig.ts";

const command = (id: string, exitCode: number | null, status = "completed") => ({
  id, type: "command_execution", command: `do ${id}`, exit_code: exitCode,
  status: exitCode === null ? "in_progress" : status,
});
const message = (text: string) => ({ id: text, type: "agent_message", text });
const change = (id: string) => ({
  id, type: "file_change", status: "completed", changes: [{ path: `/${id}`, kind: "add" }],
});

const PRINTED: ReadonlyArray<Parameters<FakeProcess["print"]>[0]> = [
  { type: "item.completed", item: message("before the thread") },
  { type: "thread.started", thread_id: "thr" },
  { type: "item.started", item: command("1", null) },
  { type: "item.completed", item: command("1", 3) },
  { type: "item.started", item: command("2", null) },
  { type: "item.completed", item: command("2", 1, "declined") },
  { type: "item.completed", item: change("a") },
  { type: "item.started", item: { id: "t", type: "todo_list", items: [{ text: "go", completed: false }] } },
  { type: "item.completed", item: message("first") },
  { type: "error", message: "Reconnecting 1/5" },
  { type: "item.updated", item: { id: "t", type: "todo_list", items: [{ text: "go", completed: true }] } },
  { type: "item.completed", item: change("a") },
  { type: "item.completed", item: message("last") },
  { type: "item.started", item: command("3", null) },
];

/** The run as it is recovered after so many of the printed lines; marked at each of them, or never. */
async function recovered(lines: number, markBytes: number | undefined, prune: boolean) {
  const dead = await createRunRig(markBytes === undefined ? {} : { markBytes });
  const { runId } = await dead.start();
  for (const line of PRINTED.slice(0, lines)) {
    dead.processes[0]?.print(line);
    await dead.store.settled();
  }
  const mark = dead.store.tables.mark.get(runMarkId(runId));
  if (prune && mark !== undefined) dead.store.dropUpTo(mark.seq - 1);
  const rig = await createRunRig({ from: dead, begin: false });
  await rig.runs.recover();
  const { commands, fileChanges, plan, finalMessage, summary, error } = await rig.runs.get(runId);
  const end = rig.store.events.find(({ type }) => type === "run.failed");
  assert.equal(rig.store.tables.mark.size, 0, "the end drops it");
  return {
    isMarked: mark !== undefined,
    run: { commands, fileChanges, plan, finalMessage, summary, error, threadId: end?.detail.threadId },
  };
}

test("however far a run has come, it is recovered from its mark as from its beginning", async () => {
  let marked = 0;
  for (let lines = 0; lines <= PRINTED.length; lines += 1) {
    const { run } = await recovered(lines, undefined, false);
    const fromMark = await recovered(lines, 1, true);
    assert.deepEqual(fromMark.run, run, `after ${lines} lines`);
    if (fromMark.isMarked) marked += 1;
  }
  assert.ok(marked > 8, `${marked} marked`);
});

test("the end of a run drops its mark, and the line is its own", async () => {
  const rig = await createRunRig({ markBytes: 1 });
  const { runId } = await rig.start();
  for (const line of PRINTED) {
    rig.processes[0]?.print(line);
    await rig.store.settled();
  }
  assert.equal(rig.store.tables.mark.size, 1);
  rig.processes[0]?.end({ ok: false, error: { message: "killed" } });
  await rig.settle();
  assert.equal(rig.store.tables.run.get(runId)?.status, "failed");
  assert.equal(rig.store.tables.mark.size, 0);
});

test("what is no state of this form is not read", () => {
  const work = { plan: null, commands: [], open: [], changes: [] };
  assert.deepEqual(readRunState({ version: 1, work, said: null, threadId: null })?.work, work);
  for (const damage of [null, {}, { version: 2, work }, { version: 1, work: { commands: [] } }]) {
    assert.equal(readRunState(damage), undefined);
  }
});
