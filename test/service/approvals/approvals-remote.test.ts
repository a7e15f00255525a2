// Approvals of an app-server that runs elsewhere: they outlive the connection and the daemon, and are asked again.
// Codex's side is a double; the real one's is in test/e2e/approval-restarts.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { approvalEvents, approvalOf, asking, COMMAND, newest, refused } from "../../support/asking.ts";
import { codexRefusal, threadAnswer } from "../../support/fake-app-server.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { comeBack, cut } from "../../support/outage.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const RUNNING = [{ id: "turn-1", status: "inProgress" }];

async function setUp(policy = { default: "ask", timeoutMs: null as number | null } as const) {
  const clock = createFakeClock();
  const rig = createServiceRig({ remote: true, clock, policy });
  return { clock, rig, ...(await asking(rig)) };
}

/** A daemon that is started on what another has left. */
async function restarted(before: ServiceRig, clock: FakeClock, timeoutMs: number | null = null) {
  await before.store.settled();
  const rig = createServiceRig({ remote: true, store: before.store, clock, policy: { default: "ask", timeoutMs } });
  const outliving = { open: rig.open, endpoint: "stdio://" };
  await endAbandonedTurns(rig.store, clock, outliving, undefined, rig.approvals);
  return rig;
}

test("what is asked again after a lost connection is the same approval, answered on the new one", async () => {
  const { rig, command, threadId, turn, end } = await setUp();
  const approvalId = command(0);
  cut(rig);
  assert.equal(approvalOf(rig, approvalId).status, "pending");
  await comeBack(rig, RUNNING);
  assert.equal(command(0), approvalId);
  assert.deepEqual([rig.store.tables.approval.size, approvalEvents(rig)], [1, ["approval.requested"]]);
  await rig.approvals.decide(approvalId, { decision: "accept" });
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "accept" } }]);
  rig.say("serverRequest/resolved", { threadId, requestId: 0 });
  assert.notEqual(command(0, { itemId: "call_9" }), approvalId, "about another item it is another");
  end();
  assert.deepEqual(turn().approvals.map(({ decision }) => decision), ["accept", null]);
});

test("an answer that was lost with the connection is given again, without another event", async () => {
  const { rig, command } = await setUp();
  const approvalId = command(0);
  await rig.approvals.decide(approvalId, { decision: "decline" });
  cut(rig);
  await comeBack(rig, RUNNING);
  assert.equal(command(0), approvalId);
  const answer = { id: 0, result: { decision: "decline" } };
  assert.deepEqual(rig.codex.answered, [answer, answer]);
  assert.deepEqual(approvalEvents(rig), ["approval.requested", "approval.resolved"]);
});

test("one that is decided, and whose record is dropped while its turn runs on, is in nobody's way", async () => {
  const { rig, command } = await setUp();
  const dropped = command(0);
  await rig.approvals.decide(dropped, { decision: "accept" });
  const pruned = { level: "info", type: "storage.pruned", message: "", detail: {} } as const;
  rig.store.append(pruned, { del: { approval: [dropped] } });
  const next = command(1);
  assert.deepEqual([rig.approvals.pending, approvalOf(rig, next).status], [1, "pending"]);
});

test("a decision that loses its connection while it is written stands, and is given when it is asked for", async () => {
  const { rig, command } = await setUp();
  const approvalId = command(0);
  await rig.store.settled();
  rig.store.hold(true);
  const deciding = rig.approvals.decide(approvalId, { decision: "accept" });
  cut(rig);
  rig.codex.restart();
  command(0);
  assert.deepEqual(rig.codex.answered, [], "it is not written yet");
  cut(rig);
  rig.store.hold(false);
  assert.equal((await deciding).status, "resolved");
  assert.deepEqual(rig.codex.answered, []);
  rig.codex.restart();
  command(0);
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "accept" } }]);
});

test("a decision waits until Codex asks again, and is none when it does not", async () => {
  const { clock, rig, command, threadId, end } = await setUp();
  const approvalId = command(0);
  cut(rig);
  const events = rig.store.events.length;
  const early = rig.approvals.decide(approvalId, { decision: "accept" });
  const refusal = assert.rejects(early, refused("not_ready", { approvalId }));
  await clock.advance(LIMITS.approvalAskedAgainMs - 1);
  assert.equal(rig.store.events.length, events, "nothing is written");
  await clock.advance(1);
  await refusal;
  assert.equal(approvalOf(rig, approvalId).status, "pending");

  const first = rig.approvals.decide(approvalId, { decision: "accept" });
  const second = rig.approvals.decide(approvalId, { decision: "decline" });
  await clock.advance(LIMITS.approvalAskedAgainMs - 1);
  rig.codex.restart();
  command(0);
  assert.equal((await first).decision, "accept");
  await assert.rejects(second, refused("approval_resolved", { decision: "accept" }));
  assert.deepEqual(clock.dueInMs, []);
  rig.say("serverRequest/resolved", { threadId, requestId: 0 });

  const last = command(1);
  cut(rig);
  const late = rig.approvals.decide(last, { decision: "accept" });
  end();
  await assert.rejects(late, refused("approval_orphaned"));
});

test("the turn that ended meanwhile has orphaned it; what another client has answered is not asked again", async () => {
  const ended = await setUp();
  const orphaned = ended.command(0);
  cut(ended.rig);
  await comeBack(ended.rig, [{ id: "turn-1", status: "completed" }]);
  assert.equal(approvalOf(ended.rig, orphaned).orphanedBy, "turn_ended");
  assert.equal(ended.turn().approvals.length, 1);

  const { clock, rig, command } = await setUp();
  const answered = command(0);
  const again = command(1);
  cut(rig);
  await comeBack(rig, RUNNING);
  command(1);
  await clock.advance(LIMITS.approvalAskedAgainMs - 1);
  assert.equal(approvalOf(rig, answered).status, "pending");
  await clock.advance(1);
  assert.equal(approvalOf(rig, answered).decidedBy, "elsewhere");
  assert.equal(approvalOf(rig, again).status, "pending");
});

test("a connection that is lost once more decides nothing about what was not asked on it", async () => {
  const { clock, rig, command } = await setUp();
  const approvalId = command(0);
  cut(rig);
  await comeBack(rig, RUNNING);
  cut(rig);
  await clock.advance(LIMITS.approvalAskedAgainMs);
  assert.equal(approvalOf(rig, approvalId).status, "pending");
});

test("the time limit goes on without a connection, and its answer waits for the next", async () => {
  const { clock, rig, command } = await setUp({ default: "ask", timeoutMs: 1000 } as never);
  const approvalId = command(0);
  cut(rig);
  await clock.advance(1000);
  assert.deepEqual([approvalOf(rig, approvalId).decidedBy, rig.codex.answered], ["timeout", []]);
  rig.codex.restart();
  command(0);
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "decline" } }]);
});

test("a daemon that is started again has the same approval; its time limit goes on", async () => {
  const before = await setUp({ default: "ask", timeoutMs: 5000 } as never);
  const approvalId = before.command(0);
  await before.clock.advance(2000);
  before.rig.gate.drain();
  const rig = await restarted(before.rig, before.clock, 9999);
  assert.deepEqual([rig.approvals.pending, approvalEvents(rig)], [1, ["approval.requested"]]);
  assert.equal(rig.approvals.pendingOf({ threadId: before.threadId, turnId: "turn-1" }).length, 1);
  rig.ingest.request(0, COMMAND, { threadId: before.threadId, turnId: "turn-1", itemId: "call_0" });
  assert.equal(newest(rig).approvalId, approvalId);
  await before.clock.advance(2999);
  assert.equal(approvalOf(rig, approvalId).status, "pending");
  await before.clock.advance(1);
  assert.equal(approvalOf(rig, approvalId).decidedBy, "timeout");
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "decline" } }]);
});

test("what was decided before the daemon died is answered again, and stays decided when its turn ends", async () => {
  const before = await setUp();
  const approvalId = before.command(0);
  await before.rig.approvals.decide(approvalId, { decision: "accept" });
  const rig = await restarted(before.rig, before.clock);
  rig.ingest.request(0, COMMAND, { threadId: before.threadId, turnId: "turn-1", itemId: "call_0" });
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "accept" } }]);
  rig.say("turn/completed", { threadId: before.threadId, turn: { id: "turn-1", status: "completed" } });
  assert.equal(approvalOf(rig, approvalId).decision, "accept");
  assert.deepEqual(before.turn().approvals.map(({ decision }) => decision), ["accept"]);
});

test("questions of turns that are not open again are orphaned; a sub-agent's wait with its session's", async () => {
  const before = await setUp();
  const { threadId, sessionId, submissionId } = before;
  before.rig.say("turn/started", { threadId: "agent", turn: { id: "agent-1", rootTurnId: "turn-1" } });
  before.rig.ingest.request(0, COMMAND, { threadId: "agent", turnId: "agent-1", itemId: "c", command: "ls" });
  const agents = newest(before.rig).approvalId;
  before.rig.ingest.request(1, COMMAND, { threadId: "stranger", turnId: "t", command: "ls" });
  const strangers = newest(before.rig).approvalId;
  before.ask(2, COMMAND, { turnId: "turn-0" });
  const earlier = newest(before.rig).approvalId;
  const rig = await restarted(before.rig, before.clock);
  assert.deepEqual([strangers, earlier].map((id) => approvalOf(rig, id).orphanedBy), [
    "daemon_restarted", "daemon_restarted",
  ]);
  const waiting = rig.approvals.pendingOf({ threadId, turnId: "turn-1" });
  assert.deepEqual(waiting.map(({ approvalId }) => approvalId), [agents]);

  await comeBack(rig, RUNNING);
  assert.deepEqual(rig.codex.asked.at(-1), {
    method: "threadResume", params: { threadId: "agent", excludeTurns: true },
  });
  rig.ingest.request(0, COMMAND, { threadId: "agent", turnId: "agent-1", itemId: "c", command: "ls" });
  const { sessionId: whose } = await rig.approvals.decide(agents, { decision: "accept" });
  assert.deepEqual([whose, rig.codex.answered.length], [sessionId, 1]);
  assert.deepEqual((await rig.turns.get(submissionId, 0)).approvals.map(({ decision }) => decision), ["accept"]);
});

test("a sub-agent that is idle or gone on the next connection has no questions any more", async () => {
  for (const [status, orphanedBy] of [["idle", "turn_ended"], ["gone", "lost_by_codex"], ["active", null]] as const) {
    const { rig } = await setUp();
    rig.say("turn/started", { threadId: "agent", turn: { id: "agent-1", rootTurnId: "turn-1" } });
    rig.ingest.request(0, COMMAND, { threadId: "agent", turnId: "agent-1", itemId: "c", command: "ls" });
    const { approvalId } = newest(rig);
    cut(rig);
    rig.codex.on("threadResume", ({ threadId }) => {
      if (threadId === "agent" && status === "gone") throw codexRefusal("no rollout found for thread id agent");
      return threadAnswer(String(threadId), { thread: { id: threadId, status: { type: status } } });
    });
    await comeBack(rig, RUNNING);
    assert.equal(approvalOf(rig, approvalId).orphanedBy, orphanedBy);
    rig.approvals.stop();
  }
});

test("a daemon that stops refuses the decision that waits for Codex to ask again", async () => {
  const { clock, rig, command } = await setUp();
  const approvalId = command(0);
  cut(rig);
  const due = clock.dueInMs;
  const waiting = rig.approvals.decide(approvalId, { decision: "accept" });
  const refusal = assert.rejects(waiting, refused("draining"));
  rig.gate.drain();
  await refusal;
  assert.equal(approvalOf(rig, approvalId).status, "pending");
  assert.deepEqual(clock.dueInMs, due, "no timer is left");
});
