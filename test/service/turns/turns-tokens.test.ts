// The tokens of turns on one thread, of which Codex tells the sum: in the order that each version tells it.
//
// 0.116 tells the sum again at the start of every turn, 0.169 at a steer, at a retry and when a thread is resumed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

function sayUsage(rig: ServiceRig, threadId: string, turnId: string, total: number): void {
  const count = (tokens: number) => ({ totalTokens: tokens, inputTokens: tokens });
  const tokenUsage = { total: count(total), last: count(110), modelContextWindow: null };
  rig.say("thread/tokenUsage/updated", { threadId, turnId, tokenUsage });
}

/** A turn during which Codex tells these sums; its call of a command, if it has one, is shown after the first. */
async function runTurn(rig: ServiceRig, sessionId: string, sums: readonly number[]): Promise<number | null> {
  const { turnId, session } = await rig.start(sessionId);
  const [threadId, id] = [session.threadId ?? "", turnId ?? ""];
  rig.say("turn/started", { threadId, turn: { id } });
  const [first, ...rest] = sums;
  if (first !== undefined) sayUsage(rig, threadId, id, first);
  rig.say("item/started", { threadId, turnId: id, item: { type: "commandExecution", id: "c" } });
  rig.say("item/completed", { threadId, turnId: id, item: { type: "commandExecution", id: "c" } });
  for (const sum of rest) sayUsage(rig, threadId, id, sum);
  rig.say("turn/completed", { threadId, turn: { id, status: "completed", error: null, items: [] } });
  return (await rig.turns.get(id, 0)).tokenUsage?.totalTokens ?? null;
}

test("the first turn of a thread has all that was counted, before any item of the model's is shown", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  assert.equal(await runTurn(rig, sessionId, [110, 220]), 220);
});

test("0.116: a sum that is told again belongs to the turn before", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  assert.equal(await runTurn(rig, sessionId, [110]), 110);
  assert.equal(await runTurn(rig, sessionId, [110, 220]), 110);
  assert.equal(await runTurn(rig, sessionId, [220, 220, 330, 440]), 220);
  assert.equal(await runTurn(rig, sessionId, [440]), null, "its model has failed");
});

test("0.169: nothing is told again, and the call of a command is shown after its tokens", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  assert.equal(await runTurn(rig, sessionId, [110]), 110);
  assert.equal(await runTurn(rig, sessionId, [220, 330]), 220);
});

test("a thread of unknown history is told its sum when it is resumed, or at the start of the turn", async () => {
  for (const toldAtResume of [true, false]) {
    const rig = createServiceRig();
    const { sessionId, threadId } = await rig.session({ threadId: "old" });
    if (toldAtResume) sayUsage(rig, threadId, "an old turn", 500);
    assert.equal(await runTurn(rig, sessionId, toldAtResume ? [610, 720] : [500, 720]), 220);
  }
});

test("a sum that comes when the turn has been accepted already counts as what stood before", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session({ threadId: "old" });
  const { turnId } = await rig.start(sessionId);
  sayUsage(rig, threadId, "an old turn", 500);
  rig.say("turn/started", { threadId, turn: { id: turnId } });
  sayUsage(rig, threadId, turnId ?? "", 610);
  rig.say("turn/completed", { threadId, turn: { id: turnId, status: "completed", error: null, items: [] } });
  assert.equal((await rig.turns.get(turnId ?? "", 0)).tokenUsage?.totalTokens, 110);
});
