// Interrupts against a Codex that denies, forgets, keeps silent, or dies.
// Time is the test's: an interrupt's ten seconds pass in none.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const NO_TURN = "no active turn to interrupt";

function setUp() {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock });
  const refuse = (message: string): void => rig.codex.on("turnInterrupt", () => {
    throw codexRefusal(message);
  });
  return { rig, clock, refuse };
}

/** A session whose turn `turn-1` has been accepted, and has begun if so wished. */
async function running(rig: ServiceRig, { begun }: { begun: boolean }) {
  const session = await rig.session();
  await rig.start(session.sessionId);
  if (begun) rig.say("turn/started", { threadId: session.threadId, turn: { id: "turn-1" } });
  return session;
}

/** What becomes of a promise, for looking at before it has settled. */
function watch(promise: Promise<unknown>): { value?: unknown; error?: unknown } {
  const outcome: { value?: unknown; error?: unknown } = {};
  promise.then((value) => (outcome.value = value), (error: unknown) => (outcome.error = error));
  return outcome;
}

function interruptsAsked(rig: ServiceRig): number {
  return rig.codex.asked.filter(({ method }) => method === "turnInterrupt").length;
}

async function settleUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

for (const message of ["thread not found: thread-1", "expected active turn id turn-1 but found turn-2"]) {
  test(`a turn that Codex does not have any more is ended: ${message}`, async () => {
    const { rig, refuse } = setUp();
    const { sessionId } = await running(rig, { begun: false });
    refuse(message);
    const { turn, session } = await rig.sessions.interrupt(sessionId);
    assert.deepEqual([turn?.status, turn?.error?.reason], ["interrupted", "lost_by_codex"]);
    assert.deepEqual([session.currentTurnId, session.lastTurnStatus, interruptsAsked(rig)], [null, "interrupted", 1]);
    assert.equal(session.threadDurable, false, "Codex has not ended it");
    assert.equal((await rig.sessions.close(sessionId)).session.status, "closed");
  });
}

test("a turn that has begun and that Codex denies to the last is lost, and not before", async () => {
  const { rig, clock, refuse } = setUp();
  const { sessionId } = await running(rig, { begun: true });
  refuse(NO_TURN);
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(LIMITS.interruptMs - 1);
  assert.deepEqual(outcome, {});
  assert.equal(rig.open.ofSession(sessionId)?.phase, "accepted");
  await clock.advance(1);
  assert.equal((outcome.value as { turn: { error: { reason: string } } }).turn.error.reason, "lost_by_codex");
  assert.equal(rig.open.ofSession(sessionId), undefined);
  await rig.start(sessionId);
});

test("a turn that has not begun may still do so: to be denied is no end", async () => {
  const { rig, clock, refuse } = setUp();
  const { sessionId, threadId } = await running(rig, { begun: false });
  refuse(NO_TURN);
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(LIMITS.interruptMs);
  const { error } = outcome;
  assert.ok(error instanceof CodexdError);
  assert.deepEqual([error.code, error.detail?.["turnId"]], ["timeout", "turn-1"]);
  assert.equal(rig.open.ofSession(sessionId)?.phase, "accepted");
  rig.sayTurn(threadId, "turn-1", "after all");
  assert.equal((await rig.turns.get("turn-1", 0)).status, "completed");
});

test("a turn that Codex has taken the interrupt of is waited for, and asked once", async () => {
  const { rig, clock } = setUp();
  const { sessionId } = await running(rig, { begun: true });
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(LIMITS.interruptMs);
  assert.equal((outcome.error as CodexdError).code, "timeout");
  assert.equal(interruptsAsked(rig), 1);
  assert.equal(rig.open.ofSession(sessionId)?.phase, "accepted", "it may only be slow");
  assert.deepEqual(clock.dueInMs, []);
});

test("a Codex that does not answer is asked again, and the turn is not called lost", async () => {
  const { rig, clock } = setUp();
  const { sessionId, threadId } = await running(rig, { begun: true });
  rig.codex.on("turnInterrupt", () => {
    if (interruptsAsked(rig) < 3) throw new CodexdError("timeout", "no answer");
    rig.sayTurn(threadId, "turn-1", "cut", "interrupted");
    return {};
  });
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(3 * LIMITS.interruptRetryMs);
  assert.equal((outcome.value as { turn: { error: null } }).turn.error, null);
  assert.equal(interruptsAsked(rig), 3);
});

for (const begun of [true, false]) {
  test(`a turn that Codex is silent about has been lost when it calls the thread idle, begun: ${begun}`, async () => {
    const { rig, clock } = setUp();
    const { sessionId, threadId } = await running(rig, { begun });
    rig.codex.on("turnInterrupt", () => Promise.reject(new CodexdError("timeout", "no answer")));
    rig.codex.on("call", () => ({ thread: { id: threadId, status: { type: "idle" } } }));
    const outcome = watch(rig.sessions.interrupt(sessionId));
    await clock.advance(LIMITS.interruptMs - 1);
    assert.deepEqual(outcome, {});
    await clock.advance(1);
    assert.equal((outcome.value as { turn: { error: { reason: string } } }).turn.error.reason, "lost_by_codex");
    assert.equal(rig.open.ofSession(sessionId), undefined);
    const asked = rig.codex.asked.filter(({ method }) => method === "call").map(({ params }) => params);
    assert.deepEqual(asked, [{ method: "thread/read", threadId }]);
  });
}

for (const [name, read] of Object.entries<() => unknown>({
  active: () => ({ thread: { status: { type: "active", activeFlags: [] } } }),
  silent: () => Promise.reject(new CodexdError("timeout", "no answer")),
  nonsense: () => ({ thread: null }),
})) {
  test(`a turn that Codex is silent about may still run on a thread that is ${name}`, async () => {
    const { rig, clock } = setUp();
    const { sessionId } = await running(rig, { begun: true });
    rig.codex.on("turnInterrupt", () => Promise.reject(new CodexdError("timeout", "no answer")));
    rig.codex.on("call", read);
    const outcome = watch(rig.sessions.interrupt(sessionId));
    await clock.advance(LIMITS.interruptMs);
    assert.equal((outcome.error as CodexdError).code, "timeout");
    assert.equal(rig.open.ofSession(sessionId)?.phase, "accepted");
  });
}

test("a turn that ends while the thread is asked for has ended by itself", async () => {
  const { rig, clock } = setUp();
  const { sessionId, threadId } = await running(rig, { begun: true });
  rig.codex.on("call", () => {
    rig.sayTurn(threadId, "turn-1", "after all");
    return { thread: { status: { type: "idle" } } };
  });
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(LIMITS.interruptMs);
  assert.equal((outcome.value as { turn: { status: string } }).turn.status, "completed");
});

test("an interrupt that is never answered ends with the turn all the same", async () => {
  const { rig, clock } = setUp();
  const { sessionId, threadId } = await running(rig, { begun: true });
  const never = createDeferred<unknown>();
  rig.codex.on("turnInterrupt", () => never.promise);
  const interrupting = rig.sessions.interrupt(sessionId);
  await settleUntil(() => interruptsAsked(rig) === 1);
  rig.sayTurn(threadId, "turn-1", "said");
  assert.equal((await interrupting).turn?.finalMessage, "said");
  assert.deepEqual(clock.dueInMs, []);
  never.resolve({});
});

test("without a child the turn's end comes with the child's, and nothing is asked", async () => {
  for (const error of [undefined, new CodexdError("child_restarted", "it died")]) {
    const { rig } = setUp();
    const { sessionId } = await running(rig, { begun: true });
    if (error === undefined) rig.codex.goDown();
    else rig.codex.on("turnInterrupt", () => Promise.reject(error));
    const interrupting = rig.sessions.interrupt(sessionId);
    await settle();
    assert.equal(interruptsAsked(rig), error === undefined ? 0 : 1);
    rig.ingest.down("it died", "child_exited");
    assert.equal((await interrupting).turn?.error?.reason, "child_exited");
  }
});

test("a refusal that nobody knows is the caller's", async () => {
  const { rig, refuse } = setUp();
  const { sessionId } = await running(rig, { begun: true });
  refuse("the moon is full");
  await assert.rejects(rig.sessions.interrupt(sessionId), { code: "app_server_error" });
  assert.equal(rig.open.ofSession(sessionId)?.phase, "accepted");
});

test("an interrupt that gave up before Codex had answered is carried out when it answers", async () => {
  const { rig, clock } = setUp();
  const { sessionId, threadId } = await rig.session();
  const answer = createDeferred<unknown>();
  rig.codex.on("turnStart", () => answer.promise);
  rig.codex.on("turnInterrupt", ({ turnId }) => {
    rig.sayTurn(threadId, String(turnId), "cut", "interrupted");
    return {};
  });
  const starting = rig.start(sessionId);
  await settleUntil(() => rig.open.ofSession(sessionId)?.phase === "submitted");
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(LIMITS.interruptMs);
  assert.equal((outcome.error as CodexdError).code, "timeout");
  assert.equal(interruptsAsked(rig), 0);
  answer.resolve({ turn: { id: "late" } });
  await starting;
  await settleUntil(() => rig.open.ofSession(sessionId) === undefined);
  assert.equal((await rig.turns.get("late", 0)).status, "interrupted");
  assert.equal(interruptsAsked(rig), 1);
});

test("it is carried out too when only the turn's events have told its name", async () => {
  const { rig, clock } = setUp();
  const { sessionId, threadId } = await rig.session();
  const answer = createDeferred<unknown>();
  rig.codex.on("turnStart", () => answer.promise);
  const starting = rig.start(sessionId);
  await settleUntil(() => rig.open.ofSession(sessionId)?.phase === "submitted");
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(LIMITS.interruptMs);
  assert.equal((outcome.error as CodexdError).code, "timeout");
  rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
  answer.reject(new CodexdError("timeout", "Codex did not answer turn/start"));
  assert.equal((await starting).turnId, "turn-1");
  await settle();
  assert.equal(interruptsAsked(rig), 1);
});

test("a wish that nobody could carry out rejects nothing behind the caller's back", async () => {
  const { rig, clock, refuse } = setUp();
  const { sessionId } = await rig.session();
  const answer = createDeferred<unknown>();
  rig.codex.on("turnStart", () => answer.promise);
  refuse("the moon is full");
  const starting = rig.start(sessionId);
  await settleUntil(() => rig.open.ofSession(sessionId)?.phase === "submitted");
  const outcome = watch(rig.sessions.interrupt(sessionId));
  await clock.advance(LIMITS.interruptMs);
  assert.ok(outcome.error);
  answer.resolve({ turn: { id: "late" } });
  assert.equal((await starting).turnId, "late");
  await settle();
  assert.equal(rig.open.ofSession(sessionId)?.phase, "accepted");
});
