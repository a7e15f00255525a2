// Turns in the moments between two steps: while a thread is loaded, while Codex is asked, while it dies.
// Every wait is held in the test's hand, so that each order of things can be had at will.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import type { TurnRecord } from "../../../src/core/records.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { settle } from "../../support/fake-clock.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const code = (expected: string) => (error: unknown): boolean => {
  assert.ok(error instanceof CodexdError, String(error));
  assert.equal(error.code, expected);
  return true;
};

/** Holds the answer to turn/start. */
function holdTurnStart(rig: ServiceRig) {
  const answer = createDeferred<unknown>();
  rig.codex.on("turnStart", () => answer.promise);
  return answer;
}

/** Holds the second wait for the app-server of the next turn, which comes when it has been submitted. */
function holdReadyAfterSubmit(rig: ServiceRig) {
  const gate = createDeferred<void>();
  const { ready } = rig.codex;
  let calls = 0;
  rig.codex.ready = async () => {
    calls += 1;
    if (calls === 2) await gate.promise;
    return ready.call(rig.codex);
  };
  return gate;
}

function methods(rig: ServiceRig): string[] {
  return rig.codex.asked.map(({ method }) => method);
}

function newestTurn(rig: ServiceRig): TurnRecord {
  const { value } = rig.store.tables.turn.newestFirst().next();
  assert.ok(value);
  return value as TurnRecord;
}

function endsOf(rig: ServiceRig): unknown[] {
  return rig.store.events.filter(({ type }) => type === "turn.finished").map(({ detail }) => detail["status"]);
}

test("a turn goes to the new thread of its session when Codex has forgotten the old one", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.codex.on("turnStart", ({ threadId }) => {
    if (threadId === "thread-1") throw codexRefusal("thread not found: thread-1");
    return { turn: { id: "turn-9" } };
  });
  const accepted = await rig.start(sessionId);
  assert.equal(accepted.session.threadId, "thread-2");
  assert.equal(rig.open.onThread("thread-1"), undefined);
  assert.equal(rig.open.onThread("thread-2")?.record.turnId, "turn-9");
  assert.equal((await rig.turns.get("turn-9", 0)).threadId, "thread-2");
  rig.sayTurn("thread-2", "turn-9", "hi");
  const turn = await rig.turns.get("turn-9", 0);
  assert.deepEqual([turn.status, turn.finalMessage, turn.threadId], ["completed", "hi", "thread-2"]);
  assert.deepEqual([rig.open.ofSession(sessionId), rig.open.onThread("thread-2")], [undefined, undefined]);
});

test("a turn goes to the new thread when the child has died while the turn was written down", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.store.hold(true);
  const starting = rig.start(sessionId);
  await settle();
  rig.ingest.down("it died", "child_exited");
  rig.codex.restart();
  rig.store.hold(false);
  const { turnId } = await starting;
  assert.deepEqual(rig.codex.asked.at(-1)?.params["threadId"], "thread-2");
  assert.equal(rig.open.onThread("thread-1"), undefined);
  rig.sayTurn("thread-2", turnId ?? "", "hi");
  assert.deepEqual([(await rig.turns.get(turnId ?? "", 0)).status, endsOf(rig)], ["completed", ["completed"]]);
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("a whole turn on the new thread before the promise of turnStart goes on is still its own", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.codex.restart();
  rig.codex.on("turnStart", ({ threadId }) => {
    rig.sayTurn(String(threadId), "early", "quick");
    return { turn: { id: "early" } };
  });
  const { turn } = await rig.start(sessionId, { waitMs: 1000 });
  assert.deepEqual([turn?.finalMessage, turn?.threadId], ["quick", "thread-2"]);
  assert.equal(turn?.submissionId === null, false);
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("a turn that the child's death has ended while it waited for the child is not sent", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const gate = holdReadyAfterSubmit(rig);
  const starting = rig.start(sessionId, { waitMs: 60_000 });
  while (rig.open.ofSession(sessionId)?.phase !== "submitted") await settle();
  rig.ingest.down("a second child died at its start", "child_exited");
  assert.deepEqual(endsOf(rig), ["interrupted"]);
  gate.resolve();
  const { turnId, turn } = await starting;
  assert.deepEqual([turnId, turn?.status, turn?.error?.reason], [null, "interrupted", "child_exited"]);
  assert.equal(methods(rig).includes("turnStart"), false);
  assert.deepEqual(endsOf(rig), ["interrupted"]);
});

test("a turn that was interrupted while it waited for the child is not sent", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const gate = holdReadyAfterSubmit(rig);
  const starting = rig.start(sessionId);
  while (rig.open.ofSession(sessionId)?.phase !== "submitted") await settle();
  const interrupting = rig.sessions.interrupt(sessionId);
  gate.resolve();
  const { turn } = await interrupting;
  assert.deepEqual([turn?.status, turn?.error?.reason], ["interrupted", "interrupted"]);
  assert.equal((await starting).turnId, null);
  assert.equal(methods(rig).includes("turnStart"), false);
  assert.equal(methods(rig).includes("turnInterrupt"), false);
});

test("a turn that has begun runs on when its answer does not come in time", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const answer = holdTurnStart(rig);
  const starting = rig.start(sessionId);
  while (!methods(rig).includes("turnStart")) await settle();
  rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
  answer.reject(new CodexdError("timeout", "Codex did not answer turn/start within 60000 ms"));
  const accepted = await starting;
  assert.deepEqual([accepted.turnId, newestTurn(rig).status, endsOf(rig)], ["turn-1", "inProgress", []]);
  rig.sayTurn(threadId, "turn-1", "done");
  assert.deepEqual([newestTurn(rig).finalMessage, endsOf(rig)], ["done", ["completed"]]);
});

test("a turn that has begun runs on when its answer is nonsense", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  rig.codex.on("turnStart", () => {
    rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
    return {};
  });
  assert.equal((await rig.start(sessionId)).turnId, "turn-1");
  assert.deepEqual(endsOf(rig), []);
});

test("a turn that nothing was heard of ends failed when its answer does not come in time", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  const answer = holdTurnStart(rig);
  const starting = rig.start(sessionId);
  while (!methods(rig).includes("turnStart")) await settle();
  answer.reject(new CodexdError("timeout", "too late"));
  await assert.rejects(starting, code("timeout"));
  assert.deepEqual([newestTurn(rig).status, newestTurn(rig).error?.reason], ["failed", "timeout"]);
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("a child that goes before it has answered ends the turn as its death does, whoever tells it first", async () => {
  for (const deathFirst of [false, true]) {
    const rig = createServiceRig();
    const { sessionId } = await rig.session();
    const answer = holdTurnStart(rig);
    const starting = assert.rejects(rig.start(sessionId), code("child_restarted"));
    while (!methods(rig).includes("turnStart")) await settle();
    if (deathFirst) rig.ingest.down("it died", "child_exited");
    answer.reject(new CodexdError("child_restarted", "the app-server ended before it answered turn/start"));
    await starting;
    rig.ingest.down("it died", "child_exited");
    const { status, error } = newestTurn(rig);
    assert.deepEqual([status, error?.reason, endsOf(rig)], ["interrupted", "child_exited", ["interrupted"]]);
  }
});

test("a child that goes while codexd stops ends an unanswered turn because codexd stops", async () => {
  for (const why of ["child_restarted", "draining"] as const) {
    const rig = createServiceRig();
    const { sessionId } = await rig.session();
    const answer = holdTurnStart(rig);
    const starting = assert.rejects(rig.start(sessionId), code(why));
    while (!methods(rig).includes("turnStart")) await settle();
    rig.gate.drain();
    answer.reject(new CodexdError(why, "it ends"));
    await starting;
    assert.deepEqual([newestTurn(rig).status, newestTurn(rig).error?.reason], ["interrupted", "daemon_stopped"]);
  }
});

test("a turn that is not written down yet has no id that could be asked for", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.codex.restart();
  const thread = createDeferred<unknown>();
  rig.codex.on("threadStart", () => thread.promise);
  const starting = assert.rejects(rig.start(sessionId), code("timeout"));
  while (methods(rig).filter((method) => method === "threadStart").length < 2) await settle();
  await assert.rejects(rig.start(sessionId), (error) => {
    code("turn_in_progress")(error);
    assert.deepEqual((error as CodexdError).detail, { submissionId: null, turnId: null });
    assert.match((error as CodexdError).message, /^turn that is being started still runs/);
    return true;
  });
  const reserved = rig.open.ofSession(sessionId)?.record.submissionId ?? "";
  await assert.rejects(rig.turns.get(reserved, 0), code("not_found"));
  rig.ingest.down("it died", "child_exited");
  thread.reject(new CodexdError("timeout", "too late"));
  await starting;
  assert.equal(rig.open.ofSession(sessionId), undefined);
  assert.deepEqual(rig.store.types().filter((type) => type.startsWith("turn.")), []);
});
