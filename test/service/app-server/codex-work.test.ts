// What Codex begins by itself when it is asked to: compactions and reviews, on threads with a session and without.
// The order of what Codex says is that of its transcripts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createCodexRig, type CodexRig } from "../../support/codex-rig.ts";
import { codexRefusal, threadAnswer } from "../../support/fake-app-server.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { comeBack, cut } from "../../support/outage.ts";

const started = (id: string, rootTurnId = id) => ({ turn: { id, rootTurnId, status: "inProgress" } });

const CLOSED = { level: "info", type: "session.closed", message: "closed", detail: {} } as const;

function refusedWith(code: string) {
  return (error: unknown): boolean => error instanceof CodexdError && error.code === code;
}

/** As measured: what is started is a turn inside of the one that the answer, the items and the end name. */
function sayReview(rig: CodexRig, threadId: string): void {
  const entry = { type: "enteredReviewMode", id: "i", review: "r" };
  rig.say("item/started", { threadId, turnId: "outer", item: entry });
  rig.say("item/completed", { threadId, turnId: "outer", item: entry });
  rig.say("turn/started", { threadId, ...started("inner", "outer") });
}

function endReview(rig: CodexRig, threadId: string): void {
  rig.say("item/completed", { threadId, turnId: "outer", item: { type: "agentMessage", id: "m", text: "fine" } });
  rig.say("turn/completed", { threadId, turn: { id: "outer", rootTurnId: "outer", status: "completed", error: null } });
}

test("compact keeps its session until the turn has begun, which is adopted, and a turn waits for its end", async () => {
  const rig = createCodexRig();
  const { sessionId, threadId } = await rig.session();
  rig.answers.set("thread/compact/start", () => ({}));
  const compacting = rig.reach.threads.compact(threadId);
  await settle();
  await assert.rejects(rig.start(sessionId), refusedWith("turn_in_progress"));
  await assert.rejects(rig.reach.threads.compact(threadId), refusedWith("turn_in_progress"));
  rig.say("turn/started", { threadId, ...started("c") });
  await compacting;
  const turn = rig.open.ofSession(sessionId);
  assert.deepEqual([turn?.record.turnId, turn?.record.submissionId, turn?.phase], ["c", null, "accepted"]);
  await assert.rejects(rig.start(sessionId), refusedWith("turn_in_progress"));
  rig.say("turn/completed", { threadId, turn: { id: "c", status: "completed", error: null } });
  assert.equal((await rig.turns.get("c", 0)).status, "completed");
  await rig.start(sessionId);
});

test("a compaction that never begins gives the session back", async () => {
  const clock = createFakeClock();
  const rig = createCodexRig({ clock });
  const { sessionId, threadId } = await rig.session();
  rig.answers.set("thread/compact/start", () => ({}));
  const compacting = rig.reach.threads.compact(threadId);
  await settle();
  await clock.advance(LIMITS.turnBeginMs - 1);
  assert.ok(rig.open.ofSession(sessionId) !== undefined);
  await clock.advance(1);
  await compacting;
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("a refused compaction, and one of a session that is closed meanwhile, give it back too", async () => {
  const rig = createCodexRig();
  const { sessionId, threadId } = await rig.session();
  await assert.rejects(rig.reach.threads.compact(threadId), refusedWith("app_server_error"));
  assert.equal(rig.open.ofSession(sessionId), undefined);
  const { turnId } = await rig.start(sessionId);
  rig.sayTurn(threadId, turnId ?? "", "done");
  rig.codex.restart();
  rig.codex.on("threadResume", () => {
    throw codexRefusal("a bad day");
  });
  await assert.rejects(rig.reach.threads.compact(threadId), refusedWith("app_server_error"));
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("an interrupt that meets the compaction before its turn ends that turn", async () => {
  const rig = createCodexRig();
  const { sessionId, threadId } = await rig.session();
  rig.answers.set("thread/compact/start", () => ({}));
  const compacting = rig.reach.threads.compact(threadId);
  await settle();
  const interrupted = rig.sessions.interrupt(sessionId);
  rig.say("turn/started", { threadId, ...started("c") });
  await Promise.all([compacting, interrupted]);
  await settle();
  const { params } = rig.codex.asked.findLast(({ method }) => method === "turnInterrupt") ?? {};
  assert.deepEqual(params, { threadId, turnId: "c" });
  rig.say("turn/completed", { threadId, turn: { id: "c", status: "interrupted", error: null } });
});

test("a review is the session's turn from Codex's answer to its end, under the name that both have", async () => {
  const rig = createCodexRig();
  const { sessionId, threadId } = await rig.session();
  rig.answers.set("review/start", () => ({ turn: { id: "outer" }, reviewThreadId: threadId }));
  assert.deepEqual(await rig.reach.threads.review(threadId, {}), { turnId: "outer", threadId });
  assert.deepEqual(rig.paramsOf("review/start"), { threadId, target: { type: "uncommittedChanges" } });
  assert.equal(rig.open.ofSession(sessionId)?.record.turnId, "outer");
  sayReview(rig, threadId);
  const interrupted = rig.sessions.interrupt(sessionId);
  await settle();
  const { params } = rig.codex.asked.findLast(({ method }) => method === "turnInterrupt") ?? {};
  assert.deepEqual(params, { threadId, turnId: "inner" }, "0.169 ends it by this name alone");
  endReview(rig, threadId);
  const { turn } = await interrupted;
  assert.deepEqual([turn?.turnId, turn?.finalMessage], ["outer", "fine"]);
  await rig.start(sessionId);
});

test("a review that another client begins is adopted by the name that ends it", async () => {
  const rig = createCodexRig();
  const { sessionId, threadId } = await rig.session();
  sayReview(rig, threadId);
  assert.equal(rig.open.ofSession(sessionId)?.record.turnId, "outer");
  endReview(rig, threadId);
  assert.equal((await rig.turns.get("outer", 0)).status, "completed");
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("a review that goes on without codexd is found again by the turn inside of it, and nobody else's is", async () => {
  const rig = createCodexRig();
  const { sessionId, threadId } = await rig.session();
  rig.answers.set("review/start", () => ({ turn: { id: "outer" }, reviewThreadId: threadId }));
  await rig.reach.threads.review(threadId, {});
  cut(rig);
  await comeBack(rig, [{ id: "inner", rootTurnId: "outer", status: "inProgress" }]);
  const turn = rig.open.ofSession(sessionId);
  assert.deepEqual([turn?.record.turnId, turn?.innerTurnId, turn?.phase], ["outer", "inner", "accepted"]);
  cut(rig);
  const stranger = { id: "inner-2", rootTurnId: "outer-2", status: "inProgress" };
  await comeBack(rig, [stranger, { id: "outer", rootTurnId: "outer", status: "completed" }]);
  assert.equal((await rig.turns.get("outer", 0)).status, "completed");
  assert.equal(rig.open.ofSession(sessionId), undefined, "its end would be told under a name that nobody knows");
});

test("a session that is closed, or taken by another's turn, while its thread is loaded is not worked on", async () => {
  const rig = createCodexRig();
  rig.answers.set("thread/compact/start", () => ({}));
  for (const how of ["closed", "taken"] as const) {
    const { sessionId } = await rig.session({ threadId: how });
    rig.codex.restart();
    rig.codex.on("threadResume", ({ threadId }) => {
      const session = rig.store.tables.session.get(sessionId);
      assert.ok(session !== undefined);
      if (how === "taken") rig.say("turn/started", { threadId, ...started("theirs") });
      else rig.store.append(CLOSED, { put: { session: { ...session, status: "closed" } } });
      return threadAnswer(String(threadId));
    });
    const code = how === "closed" ? "session_closed" : "turn_in_progress";
    await assert.rejects(rig.reach.threads.compact(how), refusedWith(code));
  }
  assert.deepEqual(rig.methods(), []);
});

test("a review elsewhere, or one that Codex answers without a turn, leaves the session free", async () => {
  const rig = createCodexRig();
  const { sessionId, threadId } = await rig.session();
  rig.answers.set("review/start", () => ({ turn: { id: "r" }, reviewThreadId: "detached" }));
  const review = await rig.reach.threads.review(threadId, { delivery: "detached" });
  assert.deepEqual([review, rig.open.ofSession(sessionId)], [{ turnId: "r", threadId: "detached" }, undefined]);
  rig.answers.set("review/start", () => ({}));
  assert.deepEqual(await rig.reach.threads.review(threadId, {}), { turnId: null, threadId });
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("a thread that Codex has not loaded is loaded, once, with the settings of whoever had it", async () => {
  const rig = createCodexRig();
  let refusals = 0;
  rig.answers.set("review/start", ({ threadId }) => {
    if (refusals-- > 0) throw codexRefusal(`thread not found: ${String(threadId)}`);
    return { turn: { id: "r" }, reviewThreadId: threadId };
  });
  const resumed = () => rig.codex.asked.filter(({ method }) => method === "threadResume").map(({ params }) => params);

  refusals = 1;
  assert.deepEqual(await rig.reach.threads.review("alone", {}), { turnId: "r", threadId: "alone" });
  assert.deepEqual(resumed(), [{ threadId: "alone", excludeTurns: true }]);

  const session = await rig.session({ threadId: "had" });
  refusals = 1;
  await rig.reach.threads.review("had", {});
  assert.equal(resumed().length, 3, "once for the session, once because Codex has lost it");
  rig.say("turn/completed", { threadId: "had", turn: { id: "r", status: "completed", error: null } });
  await rig.sessions.close(session.sessionId);
  refusals = 1;
  await rig.reach.threads.review("had", {});
  assert.deepEqual([resumed().length, resumed()[3]?.["approvalPolicy"]], [4, "on-request"]);

  refusals = 2;
  await assert.rejects(rig.reach.threads.review("alone", {}), refusedWith("app_server_error"));
});
