// Why a run is quiet: what each printed object says of it, and where a caller reads it.
//
// The clock and the process are the test's; how quiet a real one is stands in e2e/stalls.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import { createRunPulse } from "../../../src/service/runs/run-liveness.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { createRunRig } from "../../support/run-rig.ts";

const WARN_MS = 120_000;
const item = (event: string, type: string, id: unknown = "item_1") => ({ type: `item.${event}`, item: { id, type } });

test("what is printed says what the run does", () => {
  const pulse = createRunPulse(createFakeClock());
  const steps: Array<[Record<string, unknown>, string]> = [
    [{ type: "thread.started", thread_id: "t" }, "starting"],
    [{ type: "turn.started" }, "model"],
    [item("started", "command_execution"), "tool"],
    [item("started", "mcp_tool_call", "item_2"), "tool"],
    [item("completed", "command_execution"), "tool"],
    [item("completed", "mcp_tool_call", "item_2"), "model"],
    // A list of what is to do is open for as long as anything is.
    [item("started", "todo_list"), "model"],
    [item("started", "command_execution", 7), "model"],
    [{ type: "error", message: "Reconnecting... 1/5 (stream closed)" }, "reconnecting"],
    [item("completed", "reasoning"), "model"],
    [{ type: "error", message: "it is over" }, "model"],
    [{ type: "item.started", item: null }, "model"],
    [{ type: 7 }, "model"],
  ];
  for (const [event, activity] of steps) {
    pulse.note(event);
    assert.equal(pulse.activity, activity, JSON.stringify(event));
  }
});

test("a run of a version that prints no turn.started has begun with its first item", () => {
  const pulse = createRunPulse(createFakeClock());
  pulse.note(item("completed", "reasoning"));
  assert.equal(pulse.activity, "model");
});

test("stalled at the limit and not before; a try that fails is no progress, a tool is never stalled", async () => {
  const clock = createFakeClock();
  const pulse = createRunPulse(clock);
  assert.equal(pulse.progressMs, clock.monotonic());
  await clock.advance(WARN_MS - 1);
  assert.deepEqual(pulse.liveness(WARN_MS), { state: "starting", quietMs: WARN_MS - 1 });
  await clock.advance(1);
  assert.deepEqual(pulse.liveness(WARN_MS), { state: "stalled", quietMs: WARN_MS });
  assert.deepEqual(pulse.liveness(null), { state: "starting", quietMs: WARN_MS });
  pulse.note({ type: "error", message: "Reconnecting... 1/5" });
  assert.deepEqual(pulse.liveness(WARN_MS), { state: "reconnecting", quietMs: WARN_MS });
  pulse.note(item("started", "web_search"));
  await clock.advance(WARN_MS);
  assert.deepEqual(pulse.liveness(WARN_MS), { state: "tool", quietMs: WARN_MS });
});

test("tools that never end are counted up to the limit", () => {
  for (const [count, left] of [[LIMITS.receiptItemsMax, "tool"], [LIMITS.receiptItemsMax + 1, "model"]] as const) {
    const pulse = createRunPulse(createFakeClock());
    for (let i = 0; i < count; i += 1) pulse.note(item("started", "command_execution", `item_${i}`));
    // All but the last: that one is known only where there was room for it.
    for (let i = 0; i < count - 1; i += 1) pulse.note(item("completed", "command_execution", `item_${i}`));
    assert.equal(pulse.activity, left);
  }
});

test("a caller reads it while the run runs, also in lists; before and after it is null", async () => {
  const rig = await createRunRig({ max: 1, stallWarnMs: WARN_MS });
  const { runId, liveness } = await rig.start();
  const waiting = await rig.start();
  assert.deepEqual([liveness, waiting.liveness], [null, null]);
  const read = async () => (await rig.runs.get(runId)).liveness;
  assert.deepEqual(await read(), { state: "starting", quietMs: 0 });
  const [process] = rig.processes;
  process?.print({ type: "turn.started" });
  process?.print(item("started", "command_execution"));
  await rig.clock.advance(1500);
  assert.deepEqual(await read(), { state: "tool", quietMs: 1500 });
  const { records } = await rig.runs.list({ limit: 5, cursor: null, status: null });
  assert.deepEqual(records.map((run) => run.liveness), [null, { state: "tool", quietMs: 1500 }]);
  process?.print(item("completed", "command_execution"));
  await rig.clock.advance(WARN_MS);
  assert.deepEqual(await read(), { state: "stalled", quietMs: WARN_MS });
  assert.equal(rig.store.tables.run.get(runId)?.liveness, null, "it is not written down");
  process?.succeed();
  await rig.settle();
  assert.equal(await read(), null);
});
