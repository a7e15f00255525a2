// Turns that are quiet for too long: what they are called, the one event, and their end where that is wanted.
//
// Codex and the clock are the test's; when the watch looks at all is stall-watch.test.ts's matter.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { silentLogger, type Logger } from "../../../src/base/log.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { NOTHING_STOPPED } from "../../../src/core/processes.ts";
import { createStallWatch } from "../../../src/service/stall-watch.ts";
import { createInterrupts } from "../../../src/service/turns/interrupts.ts";
import { createQuietTurns } from "../../../src/service/turns/quiet-turns.ts";
import { createTurnStop } from "../../../src/service/turns/turn-stop.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const WARN_MS = 120_000;
const COMMAND = { type: "commandExecution", id: "c" };

/** A turn that has begun, watched. */
async function running(t: TestContext, { interruptMs = null as number | null, remote = false } = {}) {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock, remote, stallWarnMs: WARN_MS });
  const warned: string[] = [];
  const log: Logger = { ...silentLogger, warn: (message) => void warned.push(message) };
  const interrupts = createInterrupts(rig.codex, clock, rig.open);
  const cleaned: unknown[] = [];
  const leftovers = {
    look: async () => [],
    async end(names: unknown) {
      cleaned.push(names);
      return NOTHING_STOPPED;
    },
  };
  const stop = createTurnStop({ queue: rig.queue, interrupts, leftovers });
  const look = createQuietTurns({ store: rig.store, open: rig.open, stop, appServer: rig.codex, log });
  const stalls = createStallWatch({ stallWarnMs: WARN_MS, stallInterruptMs: interruptMs, clock, look });
  stalls.begin();
  t.after(() => stalls.stop());
  const { sessionId, threadId } = await rig.session();
  const { submissionId } = await rig.start(sessionId);
  const turnId = "turn-1";
  const names = { threadId, turnId };
  const read = () => rig.turns.get(submissionId ?? "", 0);
  return {
    ...rig, rig, clock, interrupts, warned, cleaned, read,
    say: (method: string, params: Record<string, unknown> = {}) => rig.say(method, { ...names, ...params }),
    begin: () => rig.say("turn/started", { threadId, turn: { id: turnId } }),
    end: (status: string) => rig.say("turn/completed", { threadId, turn: { id: turnId, status, items: [] } }),
    state: async () => (await read()).liveness,
    warnings: () => rig.store.events.filter(({ type }) => type === "turn.stalled"),
    turn: () => rig.open.onThread(threadId),
    ids: { submissionId, sessionId, ...names },
  };
}

test("a model that says nothing is stalled at the limit, with one event, until it speaks", async (t) => {
  const { clock, begin, say, state, warnings, ids } = await running(t);
  begin();
  await clock.advance(WARN_MS - 1);
  assert.deepEqual([await state(), warnings()], [{ state: "model", quietMs: WARN_MS - 1 }, []]);
  await clock.advance(1);
  assert.deepEqual(await state(), { state: "stalled", quietMs: WARN_MS });
  const [event] = warnings();
  assert.deepEqual([event?.level, event?.detail], ["warn", { ...ids, state: "model", quietMs: WARN_MS }]);
  assert.equal(event?.message, "the turn has been quiet for 120 s: the model says nothing");
  await clock.advance(10 * WARN_MS);
  assert.equal(warnings().length, 1);
  say("item/agentMessage/delta", { itemId: "m", delta: "a" });
  assert.deepEqual(await state(), { state: "model", quietMs: 0 });
  await clock.advance(WARN_MS);
  assert.equal(warnings().length, 2);
});

test("a turn that Codex never begins is stalled too", async (t) => {
  const { clock, state, warnings } = await running(t);
  await clock.advance(WARN_MS - 1);
  assert.equal((await state())?.state, "starting");
  await clock.advance(1);
  assert.equal((await state())?.state, "stalled");
  assert.equal(warnings()[0]?.detail["state"], "starting");
});

test("a command that prints nothing stays what it is, and is warned of", async (t) => {
  const { clock, begin, say, state, warnings } = await running(t);
  begin();
  say("item/started", { item: COMMAND });
  await clock.advance(WARN_MS + 1);
  assert.deepEqual(await state(), { state: "tool", quietMs: WARN_MS + 1 });
  assert.deepEqual(warnings().map(({ detail }) => detail["state"]), ["tool"]);
});

test("who waits for a person is neither warned of nor ended, and is quiet from the answer on", async (t) => {
  const { clock, rig, begin, say, state, warnings, turn, ids } = await running(t, { interruptMs: 2 * WARN_MS });
  begin();
  say("item/started", { item: COMMAND });
  const { threadId, turnId } = ids;
  rig.ingest.request(0, "item/commandExecution/requestApproval", { threadId, turnId, itemId: "c", command: "ls" });
  await clock.advance(10 * WARN_MS);
  assert.deepEqual([(await state())?.state, warnings()], ["awaiting_approval", []]);
  assert.equal(turn()?.interruptRequested, false);
  const [approval] = rig.store.tables.approval.newestFirst();
  await rig.approvals.decide(approval?.approvalId ?? "", { decision: "accept" });
  await clock.advance(WARN_MS - 1);
  assert.deepEqual(warnings(), []);
  await clock.advance(1);
  assert.equal(warnings().length, 1);
});

test("tries that fail are no progress: the turn is reconnecting for as long as it is", async (t) => {
  const { clock, begin, say, state, warnings } = await running(t);
  begin();
  for (let passed = 0; passed < WARN_MS; passed += 10_000) {
    say("error", { willRetry: true, error: { message: "Reconnecting... waiting for network" } });
    say("thread/tokenUsage/updated", { tokenUsage: { total: {}, last: {} } });
    await clock.advance(10_000);
  }
  assert.deepEqual(await state(), { state: "reconnecting", quietMs: WARN_MS });
  assert.deepEqual(warnings().map(({ detail }) => detail["state"]), ["reconnecting"]);
  say("item/started", { item: { type: "agentMessage", id: "m" } });
  assert.deepEqual(await state(), { state: "model", quietMs: 0 });
});

test("what a turn inside of it does is its progress; what other turns do is not", async (t) => {
  const { clock, begin, rig, state, ids } = await running(t);
  begin();
  const { threadId, turnId } = ids;
  rig.say("turn/started", { threadId, turn: { id: "inner", rootTurnId: turnId } });
  await clock.advance(1000);
  rig.say("item/started", { threadId, turnId: "stranger", item: COMMAND });
  assert.equal((await state())?.quietMs, 1000);
  rig.say("item/started", { threadId, turnId: "inner", item: COMMAND });
  assert.equal((await state())?.quietMs, 0);
});

test("it is interrupted at the limit and not before, with what it has left; its receipt says why", async (t) => {
  const { clock, begin, end, codex, read, turn, cleaned, ids } = await running(t, { interruptMs: 300_000 });
  codex.on("turnInterrupt", () => {
    end("interrupted");
    return {};
  });
  begin();
  await clock.advance(299_999);
  assert.equal(turn()?.interruptRequested, false);
  await clock.advance(1);
  const { status, error } = await read();
  const { submissionId, sessionId, threadId } = ids;
  assert.deepEqual(cleaned, [{ submissionId, sessionId, threadId }]);
  assert.deepEqual([status, error], ["interrupted", {
    message: "the turn was interrupted: it had been quiet for 300000 ms", reason: "stalled", codexErrorInfo: null,
    additionalDetails: null,
  }]);
});

test("a turn that ends by itself in the last moment has no such error", async (t) => {
  const { clock, begin, end, codex, read } = await running(t, { interruptMs: 300_000 });
  codex.on("turnInterrupt", () => {
    end("completed");
    return {};
  });
  begin();
  await clock.advance(300_000);
  const { status, error } = await read();
  assert.deepEqual([status, error], ["completed", null]);
});

test("whoever has asked for its end before is the reason", async (t) => {
  const { clock, begin, end, interrupts, read, turn } = await running(t, { interruptMs: 1000 });
  begin();
  const open = turn();
  assert.ok(open);
  const asked = interrupts.interrupt(open);
  await clock.advance(1000);
  end("interrupted");
  await asked;
  assert.deepEqual([(await read()).status, (await read()).error], ["interrupted", null]);
});

test("a Codex that does not heed it is asked again, and each refusal is logged", async (t) => {
  const { clock, begin, end, codex, warned, read } = await running(t, { interruptMs: 300_000 });
  let asked = 0;
  codex.on("turnInterrupt", () => {
    asked += 1;
    if (asked < 3) throw new CodexdError("app_server_error", "no");
    end("interrupted");
    return {};
  });
  begin();
  await clock.advance(300_000 + 2 * WARN_MS + LIMITS.interruptMs);
  assert.equal(asked, 3);
  assert.deepEqual(warned, Array(2).fill("a quiet turn could not be interrupted"));
  assert.equal((await read()).error?.reason, "stalled");
});

test("while nothing is connected no turn is ended, for nobody knows whether it is quiet", async (t) => {
  const { clock, begin, codex, ingest, state, turn } = await running(t, { interruptMs: 300_000, remote: true });
  begin();
  codex.goDown();
  ingest.disconnected();
  await clock.advance(600_000);
  assert.deepEqual(await state(), { state: "reconnecting", quietMs: 600_000 });
  assert.equal(turn()?.interruptRequested, false);
});
