// What waits in a session starts when all of a turn's end is over: also what the turn has left running.
// The processes are a double's, which take their time in the test's hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../src/base/deferred.ts";
import { NOTHING_STOPPED, type StopReport } from "../../../src/core/processes.ts";
import { createInterrupts } from "../../../src/service/turns/interrupts.ts";
import { createTurnStop } from "../../../src/service/turns/turn-stop.ts";
import { settle } from "../../support/fake-clock.ts";
import { heldClock, createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

const ONE: StopReport = { stopped: [{ pid: 7, command: "sleep 301", signal: "SIGKILL" }], survived: [] };

/** A session with a turn that runs and obeys; its leftovers end when the test says so. */
async function setUp() {
  const swept = createDeferred<StopReport>();
  const rig = createServiceRig({ processes: { ofThread: async () => [], endThread: () => swept.promise } });
  const { sessionId, threadId } = await rig.session();
  const { submissionId } = await rig.start(sessionId);
  rig.codex.on("turnInterrupt", () => {
    rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "interrupted", items: [] } });
    return {};
  });
  return { rig, swept, sessionId, running: submissionId ?? "" };
}

const starts = (rig: ServiceRig): number => rig.codex.asked.filter(({ method }) => method === "turnStart").length;

for (const [how, stop] of [
  ["of the session", (rig: ServiceRig, { sessionId }: { sessionId: string }) => rig.sessions.interrupt(sessionId)],
  ["of the turn", (rig: ServiceRig, { running }: { running: string }) => rig.turns.interrupt(running)],
] as const) {
  test(`what comes in during an interrupt ${how} waits until the leftovers have ended`, async () => {
    const { rig, swept, ...ids } = await setUp();
    const stopping = stop(rig, ids);
    const next = await rig.start(ids.sessionId, { whenBusy: "queue" });
    await settle();
    const first = rig.store.tables.turn.get(ids.running)?.status;
    assert.deepEqual([first, starts(rig), next.turnId], ["interrupted", 1, null]);
    swept.resolve(ONE);
    const { turn, stopped } = await stopping;
    assert.deepEqual([turn?.status, stopped], ["interrupted", ONE.stopped]);
    await settle();
    assert.equal(rig.open.ofSession(ids.sessionId)?.record.submissionId, next.submissionId);
  });
}

test("an interrupt that fails lets the session go on", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  const next = await rig.start(sessionId, { whenBusy: "queue" });
  rig.codex.on("turnInterrupt", () => Promise.reject(new TypeError("a bug")));
  const interrupts = createInterrupts(rig.codex, heldClock, rig.open);
  const turn = rig.open.ofSession(sessionId);
  assert.ok(turn);
  await assert.rejects(createTurnStop({ ...rig, interrupts })(turn), TypeError);
  rig.sayTurn(threadId, "turn-1", "done");
  await settle();
  assert.equal(rig.open.ofSession(sessionId)?.record.submissionId, next.submissionId);
});

test("where nobody can end what is left nothing is told of it", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  const turn = rig.open.ofSession(sessionId);
  assert.ok(turn);
  const stopping = createTurnStop({ ...rig, interrupts: createInterrupts(rig.codex, heldClock, rig.open) })(turn);
  rig.say("turn/completed", { threadId, turn: { id: "turn-1", status: "interrupted", items: [] } });
  assert.deepEqual(await stopping, NOTHING_STOPPED);
});
