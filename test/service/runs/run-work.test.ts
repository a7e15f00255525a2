// The receipt of a run: what it printed while it ran, or what its executor told only at the end; and where it lies.
// The processes are doubles that print what real ones have printed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import { NO_WORK, type WorkReceipt } from "../../../src/core/records.ts";
import { runSummary, type RunRecord } from "../../../src/core/runs.ts";
import { endedRecord, ownEnd, queuedRecord, withWhole } from "../../../src/service/runs/run-records.ts";
import { readExecCapture } from "../../support/captures.ts";
import { createRunRig, type RunRig } from "../../support/run-rig.ts";

const SCHEMA = { type: "object" };

const workOf = ({ structuredOutput, structuredOutputError, plan, commands, fileChanges }: RunRecord): WorkReceipt =>
  ({ structuredOutput, structuredOutputError, plan, commands, fileChanges });

async function ended(rig: RunRig, runId: string): Promise<RunRecord> {
  await rig.until(() => rig.store.tables.run.get(runId)?.finishedAt != null);
  return rig.runs.get(runId);
}

test("what a run prints is in its record, and in its lists only what is short", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start();
  for (const name of ["exec-command", "exec-plan"] as const) {
    readExecCapture(name).events.forEach(rig.processes[0]!.print);
  }
  rig.processes[0]?.print({
    type: "item.completed",
    item: { id: "item_9", type: "file_change", changes: [{ path: "/a", kind: "add" }], status: "completed" },
  });
  rig.processes[0]?.succeed("done");
  const record = await ended(rig, runId);
  assert.deepEqual(workOf(record), {
    structuredOutput: null,
    structuredOutputError: null,
    plan: [{ step: "a", status: "pending" }, { step: "b", status: "pending" }, { step: "c", status: "pending" }],
    commands: [{ command: "/bin/bash -lc 'echo hi; exit 2'", cwd: null, exitCode: 2, durationMs: null }],
    fileChanges: [{ path: "/a", kind: "add" }],
  });
  const { records } = await rig.runs.list({ limit: 10, cursor: null, status: null });
  assert.deepEqual(records, [runSummary(record)]);
  assert.deepEqual(["commands" in records[0]!, "fileChanges" in records[0]!, "plan" in records[0]!],
    [false, false, true]);
});

test("an executor that tells all only at the end has told it all the same, and nothing twice", async () => {
  const { events } = readExecCapture("exec-command");
  for (const printed of [false, true]) {
    const rig = await createRunRig();
    const { runId } = await rig.start();
    if (printed) events.forEach(rig.processes[0]!.print);
    rig.processes[0]?.succeed("done", { jsonEvents: events });
    assert.equal((await ended(rig, runId)).commands.length, 1, `printed: ${printed}`);
  }
});

test("an executor that gives anything under these names breaks nothing", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start({ outputSchema: SCHEMA });
  rig.processes[0]?.end({ ok: true, result: { jsonEvents: "none", lastMessage: 7 } });
  const { commands, structuredOutputError } = await ended(rig, runId);
  assert.deepEqual([commands, structuredOutputError],
    [[], "there is no answer: the run was completed before it gave one"]);
});

test("the answer whose form was asked for is parsed, or it is said why not", async () => {
  const cases = [
    ['{"a":[1]}', { a: [1] }, null], ["no JSON", null, /^the answer is not JSON: /],
    [undefined, null, /^there is no answer: the run was completed/],
  ] as const;
  for (const [answer, value, error] of cases) {
    const rig = await createRunRig();
    const { runId } = await rig.start({ outputSchema: SCHEMA });
    rig.processes[0]?.succeed(answer);
    const record = await ended(rig, runId);
    assert.deepEqual(record.structuredOutput, value);
    if (error === null) assert.equal(record.structuredOutputError, null);
    else assert.match(record.structuredOutputError ?? "", error);
  }
  const rig = await createRunRig();
  const { runId } = await rig.start({ outputSchema: SCHEMA });
  rig.processes[0]?.fail(new Error("gone"));
  assert.match((await ended(rig, runId)).structuredOutputError ?? "", /^there is no answer: the run failed/);
});

test("work is inline up to its limit, and beside the line above it", () => {
  const run = queuedRecord("run_1", { prompt: "p", cwd: "/" }, "2026-01-01T00:00:00.000Z");
  const work = (chars: number): WorkReceipt => ({ ...NO_WORK, structuredOutput: "x".repeat(chars) });
  const room = LIMITS.inlineResultBytesMax - JSON.stringify(work(0)).length;
  const end = (chars: number) => endedRecord(run, { ...ownEnd("failed", "x", "x"), work: work(chars) }, "p", "");
  assert.deepEqual([end(room).whole, end(room).record.structuredOutput], [null, "x".repeat(room)]);
  const { record, whole } = end(room + 1);
  assert.deepEqual(workOf(record), NO_WORK);
  assert.deepEqual(workOf(withWhole(record, JSON.parse(JSON.stringify(whole)))), work(room + 1));
  const { work: _, ...older } = whole ?? {};
  assert.deepEqual(withWhole(record, older), record, "an older codexd has written none");
});
