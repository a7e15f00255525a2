// Long inputs and long work of turns, through the use cases: asked for and told whole, kept cut, over restarts too.
// The store in memory cuts as the real one does; what that does with files is in turn-parts.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import type { TurnRecord } from "../../../src/core/records.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const LONG = "p".repeat(2 * LIMITS.inlineInputBytesMax);
const INPUT = [{ type: "text", text: LONG }];

function kept(rig: ServiceRig, id: string | null): TurnRecord {
  const record = rig.store.tables.turn.get(id ?? "");
  assert.ok(record !== undefined);
  return record;
}

test("a turn is kept cut and told whole, while it runs and when it has ended", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const { submissionId } = await rig.start(sessionId, { prompt: LONG });
  assert.deepEqual([kept(rig, submissionId).input, kept(rig, submissionId).beside], [null, ["input"]]);
  assert.deepEqual((await rig.turns.get("turn-1", 0)).input, INPUT);
  rig.say("turn/diff/updated", { threadId, turnId: "turn-1", diff: `${"d".repeat(99)}\n`.repeat(1000) });
  rig.sayTurn(threadId, "turn-1", "done");
  assert.deepEqual([kept(rig, submissionId).diff, kept(rig, submissionId).finalMessage], [null, "done"]);
  const told = await rig.turns.get("turn-1", 0);
  assert.deepEqual([told.input, told.diff?.length, "beside" in told], [INPUT, 100_000, false]);
  const { records: [listed] } = await rig.turns.list({ limit: 9, cursor: null, sessionId: null, status: null });
  assert.equal(listed?.finalMessage, "done");
});

test("an interrupted turn is given whole", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  await rig.start(sessionId);
  const { submissionId } = await rig.turns.start({ sessionId, prompt: LONG, whenBusy: "queue" });
  const { turn } = await rig.turns.interrupt(submissionId ?? "");
  assert.deepEqual([turn.status, turn.input, "beside" in turn], ["interrupted", INPUT, false]);
});

test("one that waits is not held in memory, outlives the daemon, and is asked for whole", async () => {
  const clock = createFakeClock();
  const before = createServiceRig({ clock });
  const { sessionId, threadId } = await before.session();
  await before.start(sessionId);
  const collaborationMode = { mode: "plan", settings: { developer_instructions: LONG } };
  const asked = {
    sessionId, prompt: LONG, whenBusy: "queue" as const, outputSchema: { type: "object" }, collaborationMode,
  };
  const { submissionId } = await before.turns.start(asked);
  assert.equal(before.queue.find(submissionId ?? "")?.record.input, null);
  assert.deepEqual((await before.turns.get(submissionId ?? "", 0)).input, INPUT);

  const rig = createServiceRig({ clock, store: before.store });
  await endAbandonedTurns(rig.store, clock);
  rig.queue.resume();
  await settle();
  await rig.turns.get(submissionId ?? "", 0);
  await settle();
  const params = rig.codex.asked.filter(({ method }) => method === "turnStart").at(-1)?.params;
  assert.deepEqual([params?.["input"], params?.["outputSchema"], params?.["collaborationMode"]], [
    INPUT, { type: "object" }, collaborationMode,
  ]);
  const turn = await rig.turns.get(submissionId ?? "", 0);
  assert.deepEqual([turn.status, turn.input, turn.threadId], ["inProgress", INPUT, threadId]);
});

test("one that was cut short keeps its input, and is read with the form that its answer was to have", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock });
  const { sessionId, threadId } = await rig.session();
  const { submissionId } = await rig.start(sessionId, { prompt: LONG, outputSchema: { type: "object" } });
  const item = { type: "agentMessage", id: "m", text: `{"a":1}` };
  rig.say("turn/started", { threadId, turn: { id: "turn-1", status: "inProgress" } });
  rig.say("item/completed", { threadId, turnId: "turn-1", item });
  await endAbandonedTurns(rig.store, clock);
  const next = createServiceRig({ clock, store: rig.store });
  const turn = await next.turns.get(submissionId ?? "", 0);
  assert.deepEqual([turn.status, turn.input, turn.structuredOutput], ["interrupted", INPUT, { a: 1 }]);
});

test("what was too large for an event is in the receipt that is read back, and what is gone is told", async () => {
  for (const gone of [false, true]) {
    const rig = createServiceRig();
    const { sessionId, threadId } = await rig.session();
    const { submissionId } = await rig.start(sessionId);
    const item = { type: "agentMessage", id: "m", text: "much" };
    rig.say("item/completed", { threadId, turnId: "turn-1", item });
    const event = rig.store.events.at(-1);
    const whole = JSON.stringify(event?.detail);
    Object.assign(event?.detail ?? {}, { item: { type: "agentMessage", id: "m" }, truncated: true });
    rig.store.readDetail = async (seq) => (seq === event?.seq ? whole : null);
    const { firstSeq } = kept(rig, submissionId);
    if (gone) rig.store.dropUpTo(firstSeq);
    await endAbandonedTurns(rig.store, createFakeClock());
    const { finalMessage, error } = kept(rig, submissionId);
    assert.equal(finalMessage, "much");
    const missing = `; what it had done before event ${firstSeq + 1} is not in the journal any more`;
    assert.equal(error?.message, `the daemon died while the turn ran${gone ? missing : ""}`);
  }
});
