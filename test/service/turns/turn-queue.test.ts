// Turns that wait for their session: in what order they start, what becomes of them when something dies or is ended.
// Codex's side is in the test's hand, so that each order of things can be had at will.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createDeferred } from "../../../src/base/deferred.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { createServiceRig, type ServiceRig, type ServiceRigOptions } from "../../support/service-rig.ts";

/** A session with a turn that runs and `count` that wait, with the texts `1`, `2`, … */
async function busyRig(count: number, options: ServiceRigOptions = {}) {
  const rig = createServiceRig(options);
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId, { prompt: "0" });
  const waiting: string[] = [];
  for (let n = 1; n <= count; n += 1) waiting.push(await queue(rig, sessionId, String(n)));
  return { rig, sessionId, threadId, waiting };
}

async function queue(rig: ServiceRig, sessionId: string, prompt: string): Promise<string> {
  const { submissionId, turnId } = await rig.start(sessionId, { prompt, whenBusy: "queue" });
  assert.equal(turnId, null);
  return submissionId ?? "";
}

/** The texts of the turns that Codex was asked for, in order. */
function asked(rig: ServiceRig): unknown[] {
  const starts = rig.codex.asked.filter(({ method }) => method === "turnStart");
  return starts.map(({ params }) => (params["input"] as Array<{ text: string }>)[0]?.text);
}

const statusOf = (rig: ServiceRig, id: string) => rig.store.tables.turn.get(id)?.status;
const statuses = (rig: ServiceRig, ids: string[]) => ids.map((id) => statusOf(rig, id));
const code = (expected: string) => ({ name: "CodexdError", code: expected });

test("turns start one after the other, in the order in which they came, with all that they brought", async () => {
  const { rig, sessionId, threadId, waiting: [first = ""] } = await busyRig(1);
  const overrides = { model: "m2", effort: "high", outputSchema: { type: "object" }, collaborationMode: "plan" };
  const { submissionId: second } = await rig.start(sessionId, { prompt: "2", whenBusy: "queue", ...overrides });
  const queued = await rig.turns.get(second ?? "", 0);
  assert.deepEqual(
    [queued.status, queued.turnId, queued.startedAt, queued.liveness, queued.lastSeq, queued.outputSchema],
    ["queued", null, null, null, null, { type: "object" }],
  );
  assert.equal(queued.queuedWith?.model, "m2");
  assert.deepEqual((await rig.turns.list({ limit: 9, cursor: null, sessionId, status: "queued" })).records.length, 2);

  assert.deepEqual(asked(rig), ["0"]);
  rig.sayTurn(threadId, "turn-1", "done");
  await settle();
  const statuses = [first, second ?? ""].map((id) => statusOf(rig, id));
  assert.deepEqual([asked(rig), statuses], [["0", "1"], ["inProgress", "queued"]]);
  rig.sayTurn(threadId, "turn-2", "done");
  await settle();
  const params = rig.codex.asked.at(-1)?.params ?? {};
  assert.deepEqual([params["model"], params["effort"], params["outputSchema"], params["collaborationMode"]],
    ["m2", "high", { type: "object" }, { mode: "plan" }]);
  const running = await rig.turns.get(second ?? "", 0);
  assert.deepEqual([running.turnId, running.status, "queuedWith" in running], ["turn-3", "inProgress", false]);
  assert.ok(running.startedAt !== null && running.firstSeq > queued.firstSeq);
  assert.equal(rig.store.tables.session.get(sessionId)?.model, "m2");
  rig.sayTurn(threadId, "turn-3", "{}");
  const own = rig.store.types().filter((type) => type.startsWith("turn."));
  const whole = ["turn.submitted", "turn.accepted", "turn.finished"];
  assert.deepEqual(own, ["turn.submitted", "turn.accepted", "turn.queued", "turn.queued", "turn.finished",
    ...whole, ...whole]);
  assert.equal(rig.queue.size, 0);
});

test("a session that is free starts a turn at once", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  assert.equal((await rig.start(sessionId, { whenBusy: "queue" })).turnId, "turn-1");
  assert.equal(rig.store.types().includes("turn.queued"), false);
});

test("a session lets so many wait and no more", async () => {
  const { rig, sessionId, threadId, waiting } = await busyRig(LIMITS.queuedTurnsMax);
  assert.equal(rig.queue.size, LIMITS.queuedTurnsMax);
  await assert.rejects(queue(rig, sessionId, "more"), code("too_many_turns"));
  const other = await rig.session();
  await rig.start(other.sessionId);
  await queue(rig, other.sessionId, "another session's");
  rig.sayTurn(threadId, "turn-1", "done");
  await settle();
  await queue(rig, sessionId, "more");
  assert.equal(statusOf(rig, waiting[0] ?? ""), "inProgress");
});

test("nothing overtakes those that wait, also in the moment when none runs", async () => {
  const { rig, sessionId, threadId, waiting: [first] } = await busyRig(1);
  rig.codex.goDown();
  rig.ingest.down("gone", "child_exited");
  assert.equal(rig.open.ofSession(sessionId), undefined);
  for (const whenBusy of ["reject", "steer"] as const) {
    await assert.rejects(rig.start(sessionId, { whenBusy }), (error: CodexdError) => {
      assert.deepEqual([error.code, error.detail], ["turn_in_progress", { submissionId: first, turnId: null }]);
      return true;
    });
  }
  await queue(rig, sessionId, "2");
  rig.codex.restart();
  rig.queue.resume();
  await settle();
  rig.sayTurn(threadId, "turn-2", "done");
  await settle();
  assert.deepEqual(asked(rig), ["0", "1", "2"]);
});

test("who waits for a queued turn is answered at its end; the daemon's stop ends the waiting alone", async () => {
  const { rig, sessionId, threadId } = await busyRig(0);
  const waits = rig.start(sessionId, { prompt: "1", whenBusy: "queue", waitMs: 60_000 });
  await settle();
  rig.sayTurn(threadId, "turn-1", "done");
  await settle();
  rig.sayTurn(threadId, "turn-2", "the answer");
  assert.equal((await waits).turn?.finalMessage, "the answer");

  await rig.start(sessionId);
  const [id = ""] = [await queue(rig, sessionId, "3")];
  const reads = rig.turns.get(id, 60_000);
  rig.gate.drain();
  assert.equal((await reads).status, "queued");
  rig.sayTurn(threadId, "turn-3", "done");
  await settle();
  assert.equal(statusOf(rig, id), "queued");
  await assert.rejects(queue(rig, sessionId, "4"), code("draining"));
});

test("interrupt and close end what waits before what runs, and list it", async () => {
  for (const how of ["interrupt", "close"] as const) {
    const { rig, sessionId, threadId, waiting } = await busyRig(3);
    rig.codex.on("turnInterrupt", () => {
      rig.sayTurn(threadId, "turn-1", "", "interrupted");
      return {};
    });
    const outcome = await rig.sessions[how](sessionId);
    assert.deepEqual(outcome.queuedTurns.map(({ submissionId }) => submissionId), waiting);
    assert.deepEqual(outcome.queuedTurns.map(({ status, error }) => [status, error?.reason]),
      waiting.map(() => ["interrupted", "interrupted"]));
    assert.equal("input" in (outcome.queuedTurns[0] ?? {}), false);
    assert.equal(outcome.turn?.turnId, "turn-1");
    await settle();
    assert.deepEqual([asked(rig), rig.queue.size], [["0"], 0]);
    const { durationMs, startedAt } = await rig.turns.get(waiting[0] ?? "", 0);
    assert.deepEqual([durationMs, startedAt], [null, null]);
    assert.equal(rig.store.tables.session.get(sessionId)?.lastTurnId, "turn-1");
  }
});

test("a turn that waits is withdrawn by its id, and no other; one that runs is interrupted", async () => {
  const { rig, sessionId, threadId, waiting: [first = "", second = "", third = ""] } = await busyRig(3);
  const withdrawn = await rig.turns.interrupt(second);
  assert.deepEqual([withdrawn.turn.status, withdrawn.stopped], ["interrupted", []]);
  assert.deepEqual(await rig.turns.interrupt(second), withdrawn);
  assert.equal(rig.store.tables.session.get(sessionId)?.currentTurnId, "turn-1");
  rig.codex.on("turnInterrupt", ({ turnId }) => {
    rig.sayTurn(threadId, String(turnId), "", "interrupted");
    return {};
  });
  assert.equal((await rig.turns.interrupt("turn-1")).turn.status, "interrupted");
  await settle();
  assert.deepEqual([asked(rig), statuses(rig, [first, second, third])],
    [["0", "1"], ["inProgress", "interrupted", "queued"]]);
  assert.equal((await rig.turns.interrupt("turn-1")).turn.status, "interrupted");
  await assert.rejects(rig.turns.interrupt("sub_x"), code("not_found"));
});

test("one that is interrupted while its thread is loaded does not start, and the next one does", async () => {
  const { rig, threadId, waiting: [first = "", second = ""] } = await busyRig(2);
  const loaded = createDeferred<void>();
  const { ready } = rig.codex;
  rig.codex.ready = async () => {
    await loaded.promise;
    return ready.call(rig.codex);
  };
  rig.sayTurn(threadId, "turn-1", "done");
  const interrupting = rig.turns.interrupt(first);
  assert.equal((await rig.turns.get(first, 0)).status, "queued");
  loaded.resolve();
  assert.equal((await interrupting).turn.status, "interrupted");
  await settle();
  assert.deepEqual([asked(rig), statuses(rig, [first, second])], [["0", "2"], ["interrupted", "inProgress"]]);
});

test("one that Codex refuses has failed, and the next one starts", async () => {
  const { rig, sessionId, threadId, waiting } = await busyRig(3);
  let refusals = 0;
  rig.codex.on("turnStart", () => {
    refusals += 1;
    if (refusals === 1) throw codexRefusal("no");
    return { turn: { id: `turn-${refusals + 1}` } };
  });
  rig.codex.on("threadResume", () => {
    throw codexRefusal("no such thread");
  });
  rig.sayTurn(threadId, "turn-1", "done");
  await settle();
  assert.deepEqual(statuses(rig, waiting), ["failed", "inProgress", "queued"]);
  // Before it is submitted, too: its thread cannot be loaded.
  rig.index.markUnloaded(threadId);
  rig.sayTurn(threadId, "turn-3", "done");
  await settle();
  assert.deepEqual(statuses(rig, waiting), ["failed", "completed", "failed"]);
  const { error, durationMs, lastSeq } = await rig.turns.get(waiting[2] ?? "", 0);
  assert.deepEqual([error?.reason, durationMs, lastSeq === null], ["app_server_error", null, false]);
  assert.equal(rig.open.ofSession(sessionId), undefined);
});

test("what the child or the disk keeps from being submitted waits on in its place", async () => {
  const clock = createFakeClock();
  const { rig, sessionId, threadId, waiting } = await busyRig(2, { clock });
  rig.codex.on("threadResume", () => {
    throw new CodexdError("child_restarted", "it has gone");
  });
  rig.index.markUnloaded(threadId);
  rig.sayTurn(threadId, "turn-1", "done");
  await settle();
  assert.deepEqual(statuses(rig, waiting), ["queued", "queued"]);
  await assert.rejects(rig.start(sessionId), code("turn_in_progress"));
  rig.codex.on("threadResume", () => ({ thread: { id: threadId } }));
  rig.store.full(true);
  clock.advance(LIMITS.queuedTurnRetryMs);
  await settle();
  assert.deepEqual(statuses(rig, waiting), ["queued", "queued"]);
  assert.equal((await rig.turns.get(waiting[0] ?? "", 0)).turnId, null);
  rig.store.full(false);
  clock.advance(LIMITS.queuedTurnRetryMs - 1);
  await settle();
  assert.deepEqual(asked(rig), ["0"]);
  clock.advance(1);
  await settle();
  assert.deepEqual([asked(rig), statuses(rig, waiting)], [["0", "1"], ["inProgress", "queued"]]);
});

test("a queue outlives the daemon, in order and with its settings, and waits for the app-server", async () => {
  const before = await busyRig(2);
  const { sessionId, threadId, waiting } = before;
  await before.rig.start(sessionId, { prompt: "3", whenBusy: "queue", model: "m3", effort: "low" });
  before.rig.sayTurn(threadId, "turn-1", "done");
  // The first one was about to be submitted.
  before.rig.gate.drain();
  await settle();
  const { rig: { store } } = before;
  const rig = createServiceRig({ store });
  rig.codex.goDown();
  rig.queue.resume();
  await settle();
  assert.equal((await rig.turns.get(waiting[1] ?? "", 0)).status, "queued");
  rig.codex.restart();
  rig.codex.on("turnStart", () => ({ turn: { id: `again-${asked(rig).length}` } }));
  const waits = rig.turns.get(waiting[1] ?? "", 60_000);
  rig.queue.resume();
  await settle();
  for (const n of [1, 2, 3]) {
    rig.sayTurn(threadId, `again-${n}`, "done");
    await settle();
  }
  assert.equal((await waits).status, "completed");
  assert.deepEqual(asked(rig), ["1", "2", "3"]);
  assert.equal(rig.codex.asked.filter(({ method }) => method === "turnStart").at(-1)?.params["effort"], "low");
  assert.equal(rig.store.tables.session.get(sessionId)?.model, "m3");
});

test("a turn that the disk refuses was never there", async () => {
  const { rig, sessionId, threadId } = await busyRig(0);
  rig.store.full(true);
  await assert.rejects(queue(rig, sessionId, "1"), code("storage_full"));
  assert.equal(rig.queue.size, 0);
  rig.store.full(false);
  // One that is withdrawn in the moment when it is written ends after it was written.
  rig.store.hold(true);
  const queued = rig.start(sessionId, { prompt: "2", whenBusy: "queue" });
  await settle();
  const { submissionId = "" } = rig.queue.first(sessionId)?.record ?? {};
  assert.equal(rig.queue.find(submissionId ?? ""), undefined);
  const withdrawn = rig.queue.withdrawAll(sessionId);
  rig.sayTurn(threadId, "turn-1", "done");
  rig.store.hold(false);
  assert.deepEqual((await withdrawn).map(({ status }) => status), ["interrupted"]);
  await queued;
  assert.deepEqual([asked(rig), statusOf(rig, submissionId ?? "")], [["0"], "interrupted"]);
});

test("a session that is paused starts nothing until all who paused it go on", async () => {
  const { rig, sessionId, threadId } = await busyRig(1);
  const first = rig.queue.pause(sessionId);
  const second = rig.queue.pause(sessionId);
  rig.sayTurn(threadId, "turn-1", "done");
  first();
  await settle();
  assert.deepEqual(asked(rig), ["0"]);
  second();
  await settle();
  assert.deepEqual(asked(rig), ["0", "1"]);
});
