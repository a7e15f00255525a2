// What is kept of an approval once it is over: no secret that a person has told Codex. What is long is in
// approval-parts.test.ts.
//
// The store is in memory, so all that would be on disk can be looked through.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { approvalEvents, approvalOf, asking, COMMAND, FILE_CHANGE, newest, refused } from "../../support/asking.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { comeBack, cut } from "../../support/outage.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const ASK = "item/tool/requestUserInput";
const TOOL = "item/tool/call";
const QUESTIONS = {
  questions: [{ id: "user", question: "Who?" }, { id: "password", question: "And?", isSecret: true }],
};
const ANSWERS = { answers: { user: { answers: ["bob"] }, password: { answers: ["hunter2"] } } };
const SHOWN = { answers: { user: { answers: ["bob"] }, password: { answers: ["[redacted]"] } } };

async function setUp({ remote = false, timeoutMs = null as number | null } = {}) {
  const clock = createFakeClock();
  const rig = createServiceRig({ remote, clock, policy: { default: "ask", timeoutMs } });
  return { clock, rig, ...(await asking(rig)) };
}

test("Codex is told what was answered in secret, and nothing else of codexd is", async () => {
  const { rig, ask, turn, end } = await setUp();
  const approvalId = ask(0, ASK, QUESTIONS);
  const decided = await rig.approvals.decide(approvalId, { result: ANSWERS });
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: ANSWERS }]);
  assert.deepEqual([decided.result, decided.decision], [SHOWN, "answered"]);
  end("completed");
  const kept = JSON.stringify([approvalOf(rig, approvalId), turn(), rig.store.events]);
  assert.doesNotMatch(kept, /hunter2/);
  assert.equal((await rig.approvals.list({ status: "all", limit: 9, cursor: null, sessionId: null, waitMs: 0 })).records
    .some(({ result }) => JSON.stringify(result).includes("hunter2")), false);
});

test("a secret that was lost with the connection is told again; one of two who answer is heard", async () => {
  const { rig, ask } = await setUp({ remote: true });
  const approvalId = ask(0, ASK, QUESTIONS);
  const first = rig.approvals.decide(approvalId, { result: ANSWERS });
  const other = { answers: { user: { answers: ["eve"] }, password: { answers: ["other"] } } };
  const second = rig.approvals.decide(approvalId, { result: other });
  await first;
  await assert.rejects(second, refused("approval_resolved", { decision: "answered" }));
  cut(rig);
  await comeBack(rig, [{ id: "turn-1", status: "inProgress" }]);
  assert.equal(ask(0, ASK, QUESTIONS), approvalId);
  const answer = { id: 0, result: ANSWERS };
  assert.deepEqual(rig.codex.answered, [answer, answer]);
});

test("a secret that was lost with its daemon is asked for anew, and what stands for it is no answer", async () => {
  const before = await setUp({ remote: true });
  const lost = before.ask(0, ASK, QUESTIONS);
  await before.rig.approvals.decide(lost, { result: ANSWERS });
  await before.rig.store.settled();
  const { clock } = before;
  const policy = { default: "ask", timeoutMs: 9 } as const;
  const rig = createServiceRig({ remote: true, store: before.rig.store, clock, policy });
  await endAbandonedTurns(rig.store, clock, { open: rig.open, endpoint: "stdio://" }, undefined, rig.approvals);
  const askAgain = (): void =>
    rig.ingest.request(0, ASK, { threadId: before.threadId, turnId: "turn-1", itemId: "call_0", ...QUESTIONS });
  askAgain();
  const anew = newest(rig);
  assert.notEqual(anew.approvalId, lost);
  assert.deepEqual([anew.status, rig.approvals.pending, rig.codex.answered], ["pending", 1, []]);
  assert.equal(approvalOf(rig, lost).orphanedBy, "answer_lost");
  await assert.rejects(rig.approvals.decide(lost, { decision: "decline" }), (error: Error) =>
    refused("approval_orphaned", { orphanedBy: "answer_lost" })(error as never) && /asked again/.test(error.message));
  // Nobody is there to say it once more.
  await clock.advance(9);
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { answers: {} } }]);
  cut(rig);
  rig.codex.restart();
  askAgain();
  assert.equal(rig.codex.answered.length, 2, "what holds no secret is told again");
  assert.deepEqual(approvalEvents(rig), [
    "approval.requested", "approval.resolved", "approval.orphaned", "approval.requested", "approval.resolved",
  ]);
  const { approvals } = await rig.turns.get(before.submissionId, 0);
  assert.deepEqual(approvals.map(({ decision, decidedBy }) => [decision, decidedBy]), [
    [null, null], ["decline", "timeout"],
  ]);
});

test("what is not long stays as it was", async () => {
  const { rig, ask, threadId } = await setUp();
  const changes = [{ path: "/x/a", kind: { type: "add" }, diff: "\n".repeat(LIMITS.inlineApprovalBytesMax / 4) }];
  rig.say("item/started", { threadId, turnId: "turn-1", item: { type: "fileChange", id: "call_0", changes } });
  const ids = [
    ask(0, FILE_CHANGE), ask(1, COMMAND, { command: "ls", additionalPermissions: { network: null } }),
    ask(2, ASK, QUESTIONS), ask(3, TOOL, { arguments: { text: "x".repeat(LIMITS.inlineApprovalBytesMax / 2) } }),
  ];
  for (const id of ids) {
    const { params, command, permissions, questions, changes: asked } = approvalOf(rig, id);
    await rig.approvals.decide(id, { decision: "decline" });
    const over = approvalOf(rig, id);
    assert.deepEqual([over.params, over.command, over.permissions, over.questions, over.changes],
      [params, command, permissions, questions, asked]);
  }
});
