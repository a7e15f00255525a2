// The turns of an app-server that outlives the connection: what becomes of them on the next one.
// Codex's side is a double; the real one's is in test/e2e/external.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { codexRefusal } from "../../support/fake-app-server.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { comeBack, CUT, cut, message, running } from "../../support/outage.ts";
import { createServiceRig } from "../../support/service-rig.ts";

test("a turn that goes on is listened to again, and what it has said meanwhile is in its receipt", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId, threadId, submissionId, record } = await running(rig);
  cut(rig);
  assert.equal(record().status, "inProgress");
  const command = { type: "commandExecution", id: "c", status: "inProgress" };
  await comeBack(rig, [{ id: "turn-1", status: "inProgress", items: [message("so far"), command] }]);
  const turn = rig.open.ofSession(sessionId);
  assert.deepEqual([turn?.phase, turn?.receipt.finalMessage, turn?.receipt.started], ["accepted", "so far", true]);
  assert.deepEqual([...turn?.receipt.openTools ?? []], ["c"]);
  assert.deepEqual(rig.codex.asked.slice(-2).map(({ method, params }) => [method, params["method"]]), [
    ["threadResume", undefined], ["call", "thread/turns/list"],
  ]);
  assert.equal(rig.store.events.at(-1)?.type, "session.resumed");
  rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "completed", items: [message("done")] } });
  assert.equal((await rig.turns.get(submissionId, 1000)).finalMessage, "done");
});

for (const status of ["completed", "failed", "interrupted"] as const) {
  test(`a turn that ended meanwhile as ${status} ends so, with its length and its error`, async () => {
    const rig = createServiceRig({ remote: true });
    const { sessionId, record } = await running(rig);
    cut(rig);
    const error = status === "failed" ? { message: "quota", codexErrorInfo: null, additionalDetails: null } : null;
    const told = { id: "turn-1", status, items: [message("all")], error, durationMs: 1500, completedAt: 1 };
    await comeBack(rig, [told]);
    assert.deepEqual([record().status, record().finalMessage, record().durationMs], [status, "all", 1500]);
    assert.equal(record().error?.message, error?.message);
    assert.equal(Date.parse(record().completedAt ?? "") - Date.parse(record().startedAt ?? ""), 1500);
    assert.equal(rig.store.events.at(-1)?.type, "turn.finished");
    const session = rig.store.tables.session.get(sessionId);
    assert.deepEqual([session?.currentTurnId, session?.lastTurnStatus, session?.threadDurable], [null, status, true]);
    assert.equal((await rig.start(sessionId)).turnId, "turn-2");
  });
}

test("where Codex tells no length, its own time of the end counts", async () => {
  const rig = createServiceRig({ remote: true });
  const { record } = await running(rig);
  cut(rig);
  await comeBack(rig, [{ id: "turn-1", status: "completed", completedAt: 1795374848 }]);
  assert.equal(record().completedAt, "2026-11-22T19:14:08.000Z");
});

test("it is looked for through the pages, and not for ever", async () => {
  const rig = createServiceRig({ remote: true });
  const found = await running(rig);
  cut(rig);
  const filler = Array.from({ length: 10 }, (_, i) => ({ id: `x-${i}`, status: "completed" }));
  await comeBack(rig, (cursor) => cursor === undefined
    ? { data: filler, nextCursor: "2" } : { data: [{ id: "turn-1", status: "completed" }], nextCursor: "3" });
  assert.equal(found.record().status, "completed");

  const other = createServiceRig({ remote: true });
  const lost = await running(other);
  cut(other);
  await comeBack(other, () => ({ data: filler, nextCursor: "more" }));
  assert.deepEqual([lost.record().status, lost.record().error?.reason], ["interrupted", "lost_by_codex"]);
  assert.equal(other.codex.asked.filter(({ method }) => method === "call").length, LIMITS.takeUpTurnsMax / 10);
});

test("a version without pages of turns gives the whole history", async () => {
  const rig = createServiceRig({ remote: true });
  const { record } = await running(rig);
  cut(rig);
  rig.codex.on("threadResume", ({ threadId, excludeTurns }) => ({
    thread: { id: threadId, turns: excludeTurns === true ? [] : [{ id: "turn-1", status: "completed" }] },
  }));
  await comeBack(rig, () => {
    throw codexRefusal("Invalid request: unknown variant `thread/turns/list`, expected one of `x`");
  });
  assert.equal(record().status, "completed");
});

test("a thread that Codex does not have any more, or that another holds, has lost its turn", async () => {
  for (const refusal of ["thread not loaded: x", "session x is archived", "thread x already has an active writer"]) {
    const clock = createFakeClock();
    const rig = createServiceRig({ remote: true, clock });
    const { record, sessionId } = await running(rig);
    cut(rig);
    rig.codex.on("threadResume", () => {
      throw codexRefusal(refusal);
    });
    const back = comeBack(rig, []);
    await clock.advance(LIMITS.threadLockedRetryMs + 1000);
    await back;
    assert.deepEqual([record().status, record().error?.reason], ["interrupted", "lost_by_codex"], refusal);
    assert.equal(rig.open.ofSession(sessionId), undefined);
  }
});

test("a thread that Codex denies is asked for again, since its first turn may not be written down yet", async () => {
  for (const [denials, ephemeral, status] of [
    [2, false, "inProgress"], [3, false, "interrupted"], [1, true, "interrupted"],
  ] as const) {
    const clock = createFakeClock();
    const rig = createServiceRig({ remote: true, clock });
    const session = await rig.session({ ephemeral });
    const { submissionId } = await rig.start(session.sessionId);
    cut(rig);
    let denied = 0;
    rig.codex.on("threadResume", ({ threadId }) => {
      denied += 1;
      if (denied <= denials) throw codexRefusal("no rollout found for thread id x");
      return { thread: { id: threadId } };
    });
    const back = comeBack(rig, [{ id: "turn-1", status: "inProgress" }]);
    await clock.advance(3 * LIMITS.takeUpRetryMs);
    await back;
    assert.equal(rig.store.tables.turn.get(submissionId ?? "")?.status, status);
  }
});

test("no answer, and no room, are asked again; a connection that is lost again waits for the next", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ remote: true, clock });
  const { record } = await running(rig);
  cut(rig);
  const refusals = [new CodexdError("timeout", "late"), codexRefusal("Server overloaded; retry later.", -32001)];
  rig.codex.on("threadResume", ({ threadId }) => {
    const refusal = refusals.shift();
    if (refusal !== undefined) throw refusal;
    return { thread: { id: threadId } };
  });
  const back = comeBack(rig, () => {
    cut(rig);
    throw CUT;
  });
  await clock.advance(3 * LIMITS.takeUpRetryMs);
  await back;
  assert.deepEqual([refusals.length, record().status], [0, "inProgress"]);
  await comeBack(rig, [{ id: "turn-1", status: "completed" }]);
  assert.equal(record().status, "completed");
});

test("a turn that Codex was not sent has ended where it stood, and a refused one too", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId } = await rig.session();
  rig.codex.on("turnStart", () => {
    throw codexRefusal("no");
  });
  await assert.rejects(rig.start(sessionId));
  assert.equal(rig.open.ofSession(sessionId), undefined);
  cut(rig);
  await assert.rejects(rig.start(sessionId));
  assert.equal(rig.open.ofSession(sessionId), undefined);
  rig.codex.restart();
  const held = rig.open.reserve(rig.store.tables.session.get(sessionId)!, (session) => session);
  await rig.takeUp.run(rig.codex.current!);
  assert.equal(held.phase, "reserved");
});

test("an end that comes on the stream while its thread is asked for is the one that counts", async () => {
  const rig = createServiceRig({ remote: true });
  const { threadId, record } = await running(rig);
  cut(rig);
  await comeBack(rig, () => {
    rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "completed", items: [message("live")] } });
    return { data: [{ id: "turn-1", status: "inProgress", items: [] }] };
  });
  assert.deepEqual([record().status, record().finalMessage], ["completed", "live"]);
});

test("an interrupt that could not be said is said when its turn is back", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId, threadId, record } = await running(rig);
  cut(rig);
  const interrupted = rig.sessions.interrupt(sessionId);
  rig.codex.on("turnInterrupt", () => {
    rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "interrupted", items: [] } });
    return {};
  });
  await comeBack(rig, [{ id: "turn-1", status: "inProgress" }]);
  assert.equal((await interrupted).turn?.status, "interrupted");
  assert.equal(record().status, "interrupted");
});

test("a steer in that moment resumes the thread and never starts another", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId, threadId } = await running(rig);
  cut(rig);
  rig.codex.restart();
  await rig.start(sessionId, { expectedTurnId: "turn-1" });
  assert.deepEqual(rig.codex.asked.slice(-2).map(({ method }) => method), ["threadResume", "turnSteer"]);
  rig.codex.restart();
  rig.codex.on("threadResume", () => {
    throw codexRefusal("no rollout found for thread id x");
  });
  await assert.rejects(rig.start(sessionId, { expectedTurnId: "turn-1" }), /no rollout/);
  assert.equal(rig.store.tables.session.get(sessionId)?.threadId, threadId);
});

test("directories of another machine are not looked for on this one", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId } = await rig.session({ cwd: "/only/there" });
  await rig.start(sessionId, { cwd: "/there/too" });
  const here = createServiceRig();
  await assert.rejects(here.session({ cwd: "/only/there" }), /cwd/);
});
