// Waiting for a turn: its end, its questions, the time, the client; and that nothing is left of it.
// First the waiting alone, then what turns make of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLatch } from "../../../src/base/latch.ts";
import type { TurnRecord } from "../../../src/core/records.ts";
import type { OpenTurn } from "../../../src/service/turns/open-turn.ts";
import { createTurnWait } from "../../../src/service/turns/turn-wait.ts";
import { createWorkGate } from "../../../src/service/work-gate.ts";
import { createFakeInbox } from "../../support/fake-inbox.ts";
import { makeTurn } from "../../support/fake-services.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

function setUp() {
  const clock = createManualClock();
  const asked = createFakeInbox();
  const wait = createTurnWait({ clock, approvals: asked, gate: createWorkGate("app-server") });
  const ended = createLatch<TurnRecord | null>();
  const turn = { record: makeTurn(), ended } as OpenTurn;
  const clean = (): void => assert.deepEqual([clock.pending, asked.listeners], [0, 0]);
  return { clock, asked, wait, turn, ended, clean };
}

test("a question that is there is given at once, and one that comes when it comes", async () => {
  const { asked, wait, turn, clean } = setUp();
  const waiting = wait(turn, 1000, "approval");
  asked.ask("another turn");
  const first = asked.ask("turn-1");
  assert.deepEqual(await waiting, [first]);
  const second = asked.ask("turn-1");
  assert.deepEqual(await wait(turn, 1000, "approval"), [first, second]);
  assert.deepEqual(await wait(turn, 0, "approval"), [first, second]);
  clean();
});

test("a question that was answered in the same moment was still asked", async () => {
  const { asked, wait, turn } = setUp();
  const waiting = wait(turn, 1000, "approval");
  const approval = asked.ask("turn-1");
  asked.settle();
  assert.deepEqual(await waiting, [approval]);
});

test("who waits for the end hears of no question", async () => {
  const { asked, wait, turn, ended, clean } = setUp();
  asked.ask("turn-1");
  const waiting = wait(turn, 1000, "end");
  assert.equal(asked.listeners, 0);
  ended.set(makeTurn({ status: "completed" }));
  assert.deepEqual(await waiting, []);
  clean();
});

test("where turns outlive the daemon its stop ends the waiting", async () => {
  const { clock, asked, turn, clean } = setUp();
  const gate = createWorkGate("app-server");
  const wait = createTurnWait({ clock, approvals: asked, gate, remote: true });
  const waiting = wait(turn, 1000, "end");
  gate.drain();
  assert.deepEqual(await waiting, []);
  assert.deepEqual(await wait(turn, 1000, "end"), [], "nor does anybody wait anew");
  clean();
});

test("the end of the turn, the time and the client end the waiting, and leave nothing", async () => {
  const { clock, wait, turn, ended, clean } = setUp();
  const limited = wait(turn, 1000, "approval");
  clock.advance(1000);
  assert.deepEqual(await limited, []);
  clean();
  const abort = new AbortController();
  const left = wait(turn, 1000, "approval", abort.signal);
  abort.abort();
  assert.deepEqual(await left, []);
  clean();
  assert.deepEqual(await wait(turn, 1000, "approval", abort.signal), []);
  const over = wait(turn, 1000, "approval");
  ended.set(null);
  assert.deepEqual(await over, []);
  assert.deepEqual(await wait(turn, 1000, "approval"), []);
  clean();
});

test("a turn that ends with its question has ended", async () => {
  const { asked, wait, turn, ended } = setUp();
  asked.ask("turn-1");
  ended.set(makeTurn({ status: "interrupted" }));
  assert.deepEqual(await wait(turn, 1000, "approval"), []);
});

function askIn(rig: ServiceRig, threadId: string): void {
  const params = { threadId, turnId: "turn-1", itemId: "call_1", command: "ls", cwd: "/" };
  rig.approvals.ask(0, "item/commandExecution/requestApproval", params);
}

test("start answers with what the turn waits for, by default, and with waitFor end it does not", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const starting = rig.start(sessionId, { waitMs: 60_000 });
  await new Promise((resolve) => setImmediate(resolve));
  askIn(rig, threadId);
  const { turnId, turn, approvals } = await starting;
  assert.deepEqual([turnId, turn, approvals.map(({ status, command }) => [status, command])],
    ["turn-1", null, [["pending", "ls"]]]);

  const steered = await rig.start(sessionId, { whenBusy: "steer", waitMs: 60_000 });
  assert.deepEqual([steered.turnId, steered.approvals], ["turn-1", approvals]);
  assert.equal((await rig.turns.get("turn-1", 60_000, undefined, "approval")).status, "inProgress");

  const waiting = rig.start(sessionId, { expectedTurnId: "turn-1", waitMs: 60_000, waitFor: "end" });
  const reading = rig.turns.get("turn-1", 60_000);
  await new Promise((resolve) => setImmediate(resolve));
  rig.sayTurn(threadId, "turn-1", "done");
  const ended = await waiting;
  assert.deepEqual([ended.turn?.finalMessage, ended.approvals, (await reading).finalMessage], ["done", [], "done"]);
});

test("without waitMs nobody waits, and what is asked is journaled before it is told", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  const accepted = await rig.start(sessionId);
  assert.deepEqual([accepted.turn, accepted.approvals], [null, []]);
  rig.store.hold(true);
  let told = false;
  const starting = rig.start(sessionId, { whenBusy: "steer", waitMs: 60_000 }).finally(() => (told = true));
  askIn(rig, threadId);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told, false);
  rig.store.hold(false);
  assert.equal((await starting).approvals.length, 1);
  assert.deepEqual((await rig.start(sessionId, { whenBusy: "steer" })).approvals, []);
});

test("a turn's files are looked at before it is begun, and a session closed meanwhile refuses it", async () => {
  const rig = createServiceRig({ remote: true });
  const { sessionId } = await rig.session();
  rig.uploaded.set(`${sessionId}/upl_1`, "/up/upl_1.png");
  const input = [{ type: "image", uploadId: "upl_1" }];
  const starting = rig.start(sessionId, { input, prompt: undefined });
  await assert.rejects(starting, { path: "input[0].uploadId" }, "a remote app-server has no uploads");
  const local = createServiceRig();
  const session = await local.session();
  local.uploaded.set(`${session.sessionId}/upl_1`, "/up/upl_1.png");
  await local.start(session.sessionId, { input, prompt: undefined });
  assert.deepEqual(local.codex.asked.at(-1)?.params["input"], [{ type: "localImage", path: "/up/upl_1.png" }]);
  const other = await local.session();
  local.uploaded.set(`${other.sessionId}/upl_1`, "/up/upl_1.png");
  const late = local.start(other.sessionId, { input, prompt: undefined });
  const closing = local.sessions.close(other.sessionId);
  await assert.rejects(late, { code: "session_closed" });
  await closing;
});
