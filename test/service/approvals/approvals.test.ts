// What Codex asks becomes a record and an event, waits, and is answered once.
// Races are in approvals-races.test.ts, ends without an answer in approvals-ends.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DecodeError } from "../../../src/base/decode.ts";
import { approvalEvents, approvalOf, asking, COMMAND, FILE_CHANGE, newest, refused } from "../../support/asking.ts";
import { createServiceRig } from "../../support/service-rig.ts";

test("a command that is asked about is written down in one line, waits, and is accepted", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId, submissionId, command } = await asking(rig);
  const approvalId = command(0);
  const record = approvalOf(rig, approvalId);
  assert.deepEqual([record.status, record.kind, record.command, record.cwd, record.itemId, record.requestId], [
    "pending", "command", "/bin/bash -lc 'echo esc'", "/work", "call_0", 0,
  ]);
  assert.deepEqual([record.sessionId, record.threadId, record.turnId], [sessionId, threadId, "turn-1"]);
  const event = rig.store.events.at(-1);
  assert.equal(event?.type, "approval.requested");
  assert.equal(event?.message, `Codex asks: ${record.summary}`);
  const { decision, decidedBy, allowedDecisions, expiresAt, itemId, method } = event?.detail ?? {};
  assert.deepEqual([decision, decidedBy, allowedDecisions, expiresAt, itemId, method], [
    null, null, record.allowedDecisions, null, "call_0", COMMAND,
  ]);
  assert.deepEqual([rig.codex.answered, rig.approvals.pending], [[], 1]);
  assert.deepEqual(rig.approvals.pendingOf({ threadId, turnId: "turn-1" }), [record]);
  assert.deepEqual(rig.approvals.pendingOf({ threadId, turnId: "turn-2" }), []);

  const decided = await rig.approvals.decide(approvalId, { decision: "accept" });
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "accept" } }]);
  assert.deepEqual([decided.status, decided.decision, decided.decidedBy, decided.rule], [
    "resolved", "accept", "client", null,
  ]);
  assert.notEqual(decided.decidedAt, null);
  assert.deepEqual([rig.approvals.pending, rig.store.events.at(-1)?.type], [0, "approval.resolved"]);
  assert.equal(rig.store.events.at(-1)?.message, `accept by client: ${record.summary}`);
  rig.say("serverRequest/resolved", { threadId, requestId: 0 });
  assert.deepEqual(approvalEvents(rig), ["approval.requested", "approval.resolved"], "codexd itself has answered it");
  const turn = await rig.turns.get(submissionId, 0);
  assert.deepEqual(turn.approvals, [{ approvalId, kind: "command", decision: "accept", decidedBy: "client" }]);
});

test("the answer goes out only when the decision is in the journal", async () => {
  const rig = createServiceRig();
  const { command } = await asking(rig);
  const approvalId = command();
  await rig.store.settled();
  rig.store.hold(true);
  const deciding = rig.approvals.decide(approvalId, { decision: "decline" });
  await Promise.resolve();
  assert.equal(approvalOf(rig, approvalId).status, "resolved", "memory knows at once");
  assert.deepEqual(rig.codex.answered, []);
  rig.store.hold(false);
  await deciding;
  assert.deepEqual(rig.codex.answered, [{ id: 0, result: { decision: "decline" } }]);
});

test("a whole result is taken in the place of a word", async () => {
  const rig = createServiceRig();
  const { ask } = await asking(rig);
  const question = { id: "q", header: "H", question: "Which?", isOther: false, isSecret: false, options: null };
  const approvalId = ask(3, "item/tool/requestUserInput", { questions: [question] });
  const result = { answers: { q: { answers: ["this"] } } };
  const decided = await rig.approvals.decide(approvalId, { result });
  assert.deepEqual([decided.decision, decided.result], ["answered", result]);
  assert.deepEqual(rig.codex.answered, [{ id: 3, result }]);
});

test("an answer that is none changes nothing", async () => {
  const rig = createServiceRig();
  const { command, ask } = await asking(rig);
  const approvalId = command();
  const inputId = ask(1, "item/tool/requestUserInput", { questions: [] });
  const before = rig.store.events.length;
  const none = async (id: string, input: object, path: RegExp): Promise<void> => assert.rejects(
    rig.approvals.decide(id, input), (error) => error instanceof DecodeError && path.test(error.path),
  );
  await none(approvalId, {}, /^decision$/);
  await none(approvalId, { decision: "accept", result: {} }, /^result$/);
  await none(approvalId, { result: { decision: "perhaps" } }, /^result/);
  await none(inputId, { decision: "accept" }, /^decision$/);
  await assert.rejects(rig.approvals.decide("apr_none", { decision: "accept" }), refused("not_found"));
  await assert.rejects(rig.approvals.get("apr_none"), refused("not_found"));
  assert.deepEqual([rig.store.events.length, rig.codex.answered], [before, []]);
  assert.equal((await rig.approvals.get(approvalId)).status, "pending");
});

test("the diff of a file change is joined from its item, which is forgotten with its end", async () => {
  const rig = createServiceRig();
  const { threadId, ask } = await asking(rig);
  const change = { path: "/project/a.txt", kind: { type: "add", move_path: null }, diff: "+hello" };
  const item = (id: string) => ({ type: "fileChange", id, changes: [change], status: "inProgress" });
  rig.say("item/started", { threadId, turnId: "turn-1", item: item("call_1") });
  rig.say("item/started", { threadId, turnId: "turn-1", item: item("call_2") });
  rig.say("item/started", { threadId: "other", turnId: "turn-1", item: item("call_3") });
  rig.say("item/completed", { threadId, turnId: "turn-1", item: item("call_2") });
  ask(1, FILE_CHANGE);
  assert.deepEqual(newest(rig).changes, [{ path: "/project/a.txt", kind: "add", diff: "+hello" }]);
  ask(2, FILE_CHANGE);
  assert.equal(newest(rig).changes, null, "it has ended");
  ask(3, FILE_CHANGE);
  assert.equal(newest(rig).changes, null, "that is another thread's");
  rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "completed" } });
  ask(4, FILE_CHANGE, { itemId: "call_1" });
  assert.equal(newest(rig).changes, null, "its turn has ended");
});

test("what no session has, and what names no turn, is asked all the same", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId, turn, submissionId } = await asking(rig);
  rig.ingest.request(0, COMMAND, { threadId: "stranger", turnId: "t", command: "ls" });
  const stranger = newest(rig);
  assert.deepEqual([stranger.sessionId, stranger.threadId, stranger.itemId], [null, "stranger", null]);
  rig.ingest.request(1, COMMAND, { command: "ls" });
  const nobodys = newest(rig);
  assert.deepEqual([nobodys.sessionId, nobodys.threadId, nobodys.turnId], [null, null, null]);
  rig.ingest.request(2, "mcpServer/elicitation/request", { threadId, serverName: "s", message: "?", mode: "url" });
  const elicited = newest(rig);
  assert.deepEqual([elicited.sessionId, elicited.turnId], [sessionId, "turn-1"], "it keeps the turn waiting that runs");
  rig.ingest.request(3, "item/tool/call", { threadId, turnId: "turn-1", callId: "c1", tool: "t", arguments: {} });
  assert.equal(newest(rig).itemId, "c1");
  assert.equal((await rig.turns.get(submissionId, 0)).approvals.length, 2);
  for (const { approvalId } of [stranger, nobodys]) await rig.approvals.decide(approvalId, { decision: "cancel" });
  assert.deepEqual(rig.codex.answered.map(({ id }) => id), [0, 1]);
  assert.equal(turn().status, "inProgress");
});

test("a turn within the running one, such as a review's, asks for that one", async () => {
  const rig = createServiceRig();
  const { threadId, ask, end } = await asking(rig);
  const running = rig.open.onThread(threadId);
  assert.ok(running !== undefined);
  running.innerTurnId = "inner";
  const approvalId = ask(0, COMMAND, { turnId: "inner" });
  assert.equal(approvalOf(rig, approvalId).turnId, "inner");
  assert.equal(rig.approvals.pendingOf({ threadId, turnId: "turn-1" }).length, 1);
  end();
  assert.deepEqual([approvalOf(rig, approvalId).status, rig.approvals.pending], ["orphaned", 0]);
});

test("who waits for a turn's question is told, once a question, and not of those that a rule answers", async () => {
  const rig = createServiceRig({
    rules: { judge: ({ command }) => (command === "ls" ? { decision: "accept", rule: "r" } : null) },
  });
  const { command } = await asking(rig);
  const told: string[] = [];
  const leave = rig.approvals.onPending(({ approvalId }) => told.push(approvalId));
  command(0, { command: "ls" });
  const approvalId = command(1);
  leave();
  command(2);
  assert.deepEqual(told, [approvalId]);
});

test("more questions than anybody can answer are refused, and a place that gets free is taken", async () => {
  const rig = createServiceRig({ waitingMax: 2 });
  const { threadId, command } = await asking(rig);
  const first = command(0);
  const ask = (id: number): void => rig.approvals.ask(id, COMMAND, { threadId, command: "ls" });
  ask(1);
  assert.equal(rig.approvals.pending, 2);
  ask(2);
  assert.equal(rig.approvals.pending, 2);
  assert.equal(rig.store.events.at(-1)?.message, `refused ${COMMAND}: too many questions wait for an answer`);
  assert.deepEqual(rig.codex.answered, [{ id: 2, code: -32_001 }]);
  await rig.approvals.decide(first, { decision: "decline" });
  ask(3);
  assert.equal(rig.approvals.pending, 2);
});
