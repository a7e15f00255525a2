// Codex's stream meeting codexd's state: matching, adopting, refusing, holding back.
// What each method becomes is the table's own test; here it is what moves, and in which order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import { createServiceRig } from "../../support/service-rig.ts";

test("the end of another turn or thread never ends this one", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.say("turn/completed", { threadId, turn: { id: "another", status: "completed" } });
  rig.say("turn/completed", { threadId: "child-thread", turn: { id: "turn-1", status: "completed" } });
  assert.equal((await rig.turns.get("turn-1", 0)).status, "inProgress");
  assert.equal(rig.store.events.at(-1)?.detail.sessionId, null);
});

test("a turn that codexd did not start is adopted, and named by Codex's id alone", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  rig.sayTurn(threadId, "foreign", "hi");
  const turn = await rig.turns.get("foreign", 0);
  assert.equal(turn.submissionId, null);
  assert.equal(turn.input, null);
  assert.equal(turn.finalMessage, "hi");
  assert.equal(turn.firstSeq, 2);
  assert.equal(rig.store.tables.session.get(sessionId)?.lastTurnId, "foreign");
});

test("a stranger's turn does not take the place of one that is being submitted", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  rig.store.hold(true);
  const starting = rig.start(sessionId);
  rig.say("turn/started", { threadId, turn: { id: "foreign" } });
  rig.store.hold(false);
  assert.equal((await starting).turnId, "turn-1");
});

test("a status that Codex invents still ends the turn, as failed", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "exploded" } });
  assert.equal((await rig.turns.get("turn-1", 0)).status, "failed");
});

test("a request that nobody can serve is refused at once, with an event, also for id 0", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  rig.ingest.request(0, "account/chatgptAuthTokens/refresh", { threadId, turnId: "t", itemId: "i" });
  rig.ingest.request(1, "attestation/generate", {});
  assert.deepEqual(rig.codex.answered, [{ id: 0, code: -32601 }, { id: 1, code: -32601 }]);
  const [known, unknown] = rig.store.events.filter(({ type }) => type === "app-server.request.refused");
  assert.deepEqual([known?.detail.sessionId, known?.detail["itemId"], known?.level], [sessionId, "i", "warn"]);
  assert.deepEqual([known?.detail["kind"], known?.detail["requestId"]], ["other", 0]);
  assert.deepEqual([unknown?.detail.sessionId, unknown?.detail["itemId"]], [null, null]);
  assert.equal(rig.store.tables.approval.size, 0);
});

test("when the journal cannot keep up Codex is not read, until half of it is on disk", async () => {
  const rig = createServiceRig();
  rig.store.setPending(LIMITS.journalPendingBytesMax);
  rig.say("warning", { message: "at the limit" });
  assert.deepEqual(rig.codex.flow, []);
  rig.store.setPending(LIMITS.journalPendingBytesMax + 1);
  rig.say("warning", { message: "above" });
  rig.say("warning", { message: "still above" });
  rig.store.setPending(LIMITS.journalPendingBytesMax / 2 + 1);
  assert.deepEqual(rig.codex.flow, ["pause"]);
  rig.store.setPending(LIMITS.journalPendingBytesMax / 2);
  assert.deepEqual(rig.codex.flow, ["pause", "resume"]);
});

test("what comes while there is no child to hold back does not keep the next one from being held back", async () => {
  const rig = createServiceRig();
  rig.codex.goDown();
  rig.store.setPending(LIMITS.journalPendingBytesMax + 1);
  rig.say("warning", { message: "nobody to hold back" });
  assert.deepEqual(rig.codex.flow, []);
  rig.codex.restart();
  rig.say("warning", { message: "one" });
  rig.say("warning", { message: "two" });
  assert.deepEqual(rig.codex.flow, ["pause"]);
});

test("a child that died while it was held back leaves the next one free, and free to be held back", async () => {
  const rig = createServiceRig();
  rig.store.setPending(LIMITS.journalPendingBytesMax + 1);
  rig.say("warning", { message: "one" });
  rig.ingest.down("it died", "child_exited");
  rig.codex.restart();
  rig.say("warning", { message: "two" });
  assert.deepEqual(rig.codex.flow, ["pause", "pause"]);
  rig.store.setPending(0);
  assert.deepEqual(rig.codex.flow, ["pause", "pause", "resume"]);
});
