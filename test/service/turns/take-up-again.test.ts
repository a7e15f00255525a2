// Turns that are found again by less than their id: the answer to their start was lost, or the daemon that had them.
// No turn is ever sent a second time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { createOpenTurns } from "../../../src/service/turns/open-turns.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { comeBack, CUT, cut, message, running, unanswered } from "../../support/outage.ts";
import { createServiceRig } from "../../support/service-rig.ts";

test("a turn whose answer was lost is known by the mark that it was sent with", async () => {
  const rig = createServiceRig({ remote: true });
  const { submissionId, record } = await unanswered(rig);
  const items = [{ type: "userMessage", clientId: submissionId }, message("hi")];
  await comeBack(rig, [
    { id: "stranger", status: "inProgress", items: [{ type: "userMessage", clientId: "other" }] },
    { id: "turn-9", status: "completed", items },
  ]);
  assert.deepEqual([record().turnId, record().status, record().finalMessage], ["turn-9", "completed", "hi"]);
  assert.ok(rig.store.events.some(({ type, detail }) => type === "turn.accepted" && detail.turnId === "turn-9"));
  const adopted = rig.open.ofSession(record().sessionId);
  assert.deepEqual([adopted?.record.turnId, adopted?.record.submissionId], ["stranger", null]);
  assert.equal(rig.codex.asked.filter(({ method }) => method === "turnStart").length, 1, "it is never sent again");
});

test("one without a mark is ours if it runs and nobody knows it, and else was never begun", async () => {
  for (const [turns, turnId, reason] of [
    [[{ id: "new", status: "inProgress", items: [{ type: "userMessage", clientId: null }] }], "new", undefined],
    [[{ id: "new", status: "completed" }], null, "not_answered"],
    [[{ id: "new", status: "inProgress", items: [{ type: "userMessage", clientId: "x" }] }], null, "not_answered"],
    [[], null, "not_answered"],
  ] as const) {
    const rig = createServiceRig({ remote: true });
    const { record } = await unanswered(rig);
    await comeBack(rig, [...turns]);
    assert.deepEqual([record().turnId, record().error?.reason], [turnId, reason]);
  }
});

test("a turn of before is not taken for it", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.sayTurn(threadId, "turn-1", "done");
  rig.codex.on("turnStart", () => {
    cut(rig);
    throw CUT;
  });
  await assert.rejects(rig.start(sessionId));
  const submissionId = rig.open.ofSession(sessionId)?.record.submissionId ?? "";
  await comeBack(rig, [{ id: "turn-1", status: "inProgress" }]);
  assert.equal(rig.store.tables.turn.get(submissionId)?.error?.reason, "not_answered");
});

test("a daemon that comes back takes up what the one before has left, on the same endpoint alone", async () => {
  for (const [endpoint, outcome] of [["stdio://", "completed"], ["ws://elsewhere", "daemon_restarted"]] as const) {
    const before = createServiceRig({ remote: true });
    const { threadId, sessionId, submissionId, record } = await running(before);
    before.say("item/completed", { threadId, turnId: "turn-1", item: message("so far") });
    await before.store.settled();
    const open = createOpenTurns(before.store, systemClock, () => "");
    const ended = await endAbandonedTurns(before.store, systemClock, { open, endpoint });
    assert.equal(ended, outcome === "completed" ? 0 : 1);
    const turn = open.ofSession(sessionId);
    if (outcome !== "completed") {
      assert.deepEqual([turn, record().error?.reason], [undefined, outcome]);
      continue;
    }
    assert.deepEqual([turn?.phase, turn?.asked, turn?.receipt.finalMessage], ["accepted", true, "so far"]);
    assert.equal(open.onThread(threadId), turn);
    assert.equal(turn?.record.submissionId, submissionId);
    open.finish(turn!, { status: "completed" });
    assert.equal(record().status, "completed");
  }
});

test("a turn that was submitted when the daemon died is opened again as such; a told end ends it", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId } = await unanswered(rig);
  const open = createOpenTurns(rig.store, systemClock, () => "");
  assert.equal(await endAbandonedTurns(rig.store, systemClock, { open, endpoint: "stdio://" }), 0);
  const turn = open.ofSession(sessionId);
  assert.deepEqual([turn?.phase, turn?.answered.isSet], ["submitted", false]);
});
