// Questions that end without an answer: with their turn, the child, the daemon; those of sub-agents with their own.
// Each is told once, in the record, the event and the receipt alike.

import assert from "node:assert/strict";
import { test } from "node:test";

import { systemClock } from "../../../src/base/clock.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createOpenItems } from "../../../src/service/approvals/open-items.ts";
import { createSubAgents } from "../../../src/service/turns/sub-agents.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { approvalOf, asking, COMMAND, newest, refused } from "../../support/asking.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

/** A sub-agent's turn begins, and asks. */
function subAgent(rig: ServiceRig, requestId: number, threadId = "agent", turnId = "agent-1"): string {
  rig.say("turn/started", { threadId, turn: { id: turnId, rootTurnId: "turn-1", status: "inProgress" } });
  rig.ingest.request(requestId, COMMAND, { threadId, turnId, itemId: "call", command: "ls" });
  return newest(rig).approvalId;
}

test("the end of its turn orphans a question, before that end is written", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId, turn, command, end } = await asking(rig);
  const approvalId = command();
  end();
  assert.deepEqual(rig.store.types().slice(-3), ["app-server.turn.completed", "approval.orphaned", "turn.finished"]);
  const event = rig.store.events.at(-2);
  assert.deepEqual([event?.level, event?.detail["orphanedBy"]], ["warn", "turn_ended"]);
  assert.deepEqual([event?.detail["sessionId"], event?.detail["decision"]], [sessionId, null]);
  assert.deepEqual(turn().approvals, [{ approvalId, kind: "command", decision: null, decidedBy: null }]);
  rig.say("serverRequest/resolved", { threadId, requestId: 0 });
  assert.equal(approvalOf(rig, approvalId).status, "orphaned", "which Codex tells behind the end");
});

test("the end of another turn leaves it waiting", async () => {
  const rig = createServiceRig();
  const { threadId, command } = await asking(rig);
  const approvalId = command();
  rig.say("turn/completed", { threadId, turn: { id: "turn-0", status: "completed" } });
  rig.say("turn/completed", { threadId: "other", turn: { id: "turn-1", status: "completed" } });
  assert.equal(approvalOf(rig, approvalId).status, "pending");
});

test("the child takes every question with it, those of no turn too", async () => {
  const rig = createServiceRig();
  const { turn, command } = await asking(rig);
  const own = command(0);
  rig.ingest.request(1, COMMAND, { threadId: "stranger", command: "ls" });
  rig.codex.goDown();
  rig.ingest.down("it died", "child_exited");
  assert.deepEqual([own, newest(rig).approvalId].map((id) => approvalOf(rig, id).orphanedBy), [
    "child_exited", "child_exited",
  ]);
  const types = rig.store.types();
  assert.ok(types.indexOf("approval.orphaned") < types.indexOf("turn.finished"));
  assert.equal(turn().approvals.length, 1);
});

test("a daemon that stops says so, also where Codex ends the turn as it was told", async () => {
  const rig = createServiceRig();
  const { command, end } = await asking(rig);
  const first = command(0);
  rig.gate.drain();
  end();
  rig.ingest.request(1, COMMAND, { threadId: "stranger", command: "ls" });
  rig.ingest.down("it was stopped", "daemon_stopped");
  for (const id of [first, newest(rig).approvalId]) assert.equal(approvalOf(rig, id).orphanedBy, "daemon_stopped");
});

test("what a sub-agent asks is its session's, keeps the turn waiting, and ends with the sub-agent's turn", async () => {
  const rig = createServiceRig();
  const { sessionId, submissionId, threadId } = await asking(rig);
  const decided = subAgent(rig, 0);
  const { sessionId: whose, threadId: where, turnId } = approvalOf(rig, decided);
  assert.deepEqual([whose, where, turnId], [sessionId, "agent", "agent-1"]);
  assert.equal(rig.store.events.at(-1)?.detail["rootTurnId"], "turn-1");
  assert.equal(rig.approvals.pendingOf({ threadId, turnId: "turn-1" }).length, 1);
  await rig.approvals.decide(decided, { decision: "accept" });
  const orphaned = subAgent(rig, 1);
  rig.say("turn/completed", { threadId: "agent", turn: { id: "agent-1", status: "interrupted" } });
  assert.equal(approvalOf(rig, orphaned).orphanedBy, "turn_ended");
  assert.deepEqual((await rig.turns.get(submissionId, 0)).approvals.map(({ decision }) => decision), ["accept", null]);
  const detail = { sessionId, turnId: "agent-1" };
  await assert.rejects(rig.approvals.decide(orphaned, { decision: "accept" }), refused("approval_orphaned", detail));
});

test("a sub-agent outlives the turn that it works for, and is still answered", async () => {
  const rig = createServiceRig();
  const { sessionId, turn, end } = await asking(rig);
  const before = subAgent(rig, 0);
  end("completed");
  const { lastSeq } = turn();
  const after = subAgent(rig, 1, "agent", "agent-2");
  assert.equal(approvalOf(rig, after).sessionId, sessionId);
  for (const id of [before, after]) await rig.approvals.decide(id, { decision: "accept" });
  assert.deepEqual(rig.codex.answered.map(({ id }) => id), [0, 1]);
  // What was asked in the turn is in its receipt, whenever it was decided.
  const listed = [{ approvalId: before, kind: "command", decision: "accept", decidedBy: "client" }];
  assert.deepEqual([turn().approvals, turn().lastSeq], [listed, lastSeq]);
});

test("a daemon that died has orphaned what waited, before the turn's own end, its sub-agents' too", async () => {
  const before = createServiceRig();
  const { submissionId, turn, command } = await asking(before);
  const decided = command(0);
  await before.approvals.decide(decided, { decision: "accept" });
  const waiting = command(1);
  const agents = subAgent(before, 2);
  before.ingest.request(3, COMMAND, { threadId: "stranger", command: "ls" });
  const strangers = newest(before).approvalId;
  await before.store.settled();

  const rig = createServiceRig({ store: before.store });
  assert.equal(rig.approvals.pending, 3);
  await endAbandonedTurns(rig.store, systemClock, undefined, undefined, rig.approvals);
  assert.equal(rig.approvals.pending, 0);
  for (const id of [waiting, agents, strangers]) assert.equal(approvalOf(rig, id).orphanedBy, "daemon_restarted");
  assert.equal(approvalOf(rig, decided).status, "resolved");
  const types = rig.store.types();
  assert.equal(types.lastIndexOf("turn.finished") - types.indexOf("approval.orphaned"), 2);
  assert.deepEqual(turn().approvals.map(({ approvalId, decision }) => [approvalId, decision]), [
    [decided, "accept"], [waiting, null], [agents, null],
  ]);
  await assert.rejects(rig.approvals.decide(waiting, { decision: "accept" }), refused("approval_orphaned", {
    turnId: "turn-1", submissionId, orphanedBy: "daemon_restarted",
  }));
});

test("a service that has stopped decides and times nothing any more", async () => {
  const rig = createServiceRig({ policy: { default: "ask", timeoutMs: LIMITS.timerMsMax } });
  const { command } = await asking(rig);
  const approvalId = command();
  rig.approvals.stop();
  await assert.rejects(rig.approvals.decide(approvalId, { decision: "accept" }), refused("draining"));
  assert.equal(approvalOf(rig, approvalId).status, "pending");
});

test("of open items and of sub-agents as many are kept as may be, the newest", () => {
  const items = createOpenItems(2);
  const item = (id: string, type = "commandExecution") => ({ id, type });
  for (const id of ["a", "b"]) items.begun("t", "1", item(id));
  assert.deepEqual(items.get("t", "a"), item("a"));
  items.begun("t", "2", item("c"));
  assert.deepEqual([items.get("t", "a"), items.size], [undefined, 2]);
  items.begun("t", "1", item("message", "agentMessage"));
  items.begun("t", "1", { type: "fileChange" });
  items.begun("t", "1", null);
  items.ended("t", "1", null);
  items.ended("u", "1", item("b"));
  items.ended("t", "1", item("c"));
  assert.equal(items.size, 2, "neither another thread's nor another turn's item of that name has ended");
  items.turnEnded("t", "1");
  assert.deepEqual([items.get("t", "b"), items.get("t", "c")], [undefined, item("c")]);
  items.begun("t", "2", item("d"));
  items.ended("t", "2", item("d"));
  assert.deepEqual([items.get("t", "d"), items.size], [undefined, 1]);
  items.clear();
  assert.equal(items.size, 0);

  const root = { record: { turnId: "root", threadId: "main", sessionId: "ses_1" } };
  let open = [root];
  const agents = createSubAgents({ all: () => open as never }, 2);
  for (const id of ["x", "y", "z"]) agents.begun(id, "root");
  agents.begun("w", "another");
  assert.deepEqual(["x", "y", "z", "w"].map((id) => agents.rootOf(id)?.sessionId), [
    undefined, "ses_1", "ses_1", undefined,
  ]);
  open = [];
  agents.begun("y", "root");
  agents.begun("y", "root");
  assert.deepEqual(agents.rootOf("y"), { threadId: "main", turnId: "root", sessionId: "ses_1" });
  agents.clear();
  assert.equal(agents.rootOf("y"), undefined);
});
