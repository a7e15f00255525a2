// What a dead daemon has left open is ended once, with what its events had said.
// A new daemon knows the records and the journal, nothing of what the dead one had in memory.

import assert from "node:assert/strict";
import { test } from "node:test";

import { systemClock } from "../../../src/base/clock.ts";
import { toEvent } from "../../../src/codex/notifications.ts";
import { createTally } from "../../../src/service/status/tally.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { createServiceRig, type ServiceRig } from "../../support/service-rig.ts";

test("a turn that ran ends as interrupted, its receipt read back from the journal", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session();
  await rig.start(sessionId);
  rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
  const item = (text: string) => ({ type: "agentMessage", id: "m", text });
  rig.say("item/completed", { threadId, turnId: "turn-1", item: item("so far") });
  rig.say("item/completed", { threadId, turnId: "other", item: item("not mine") });
  rig.say("item/completed", { threadId: "x", turnId: "turn-1", item: item("nor this") });
  await rig.store.settled();
  // A new daemon knows the records alone.
  const tally = createTally();
  assert.equal(await endAbandonedTurns(rig.store, systemClock, undefined, tally), 1);
  assert.deepEqual(tally.turns, { completed: 0, failed: 0, interrupted: 1 });
  const turn = rig.store.tables.turn.get((await rig.turns.list({
    limit: 1, cursor: null, sessionId, status: null,
  })).records[0]?.submissionId ?? "");
  assert.equal(turn?.status, "interrupted");
  assert.equal(turn?.error?.reason, "daemon_restarted");
  assert.equal(turn?.finalMessage, "so far");
  assert.equal(turn?.lastSeq, rig.store.events.length);
  assert.equal(rig.store.events.at(-1)?.type, "turn.finished");
  const session = rig.store.tables.session.get(sessionId);
  assert.equal(session?.currentTurnId, null);
  assert.equal(session?.lastTurnStatus, "interrupted");
  assert.equal(await endAbandonedTurns(rig.store, systemClock), 0, "once");
});

test("turns of several threads that ran at the same time each get what was said of them", async () => {
  const rig = createServiceRig();
  const sessions = [await rig.session(), await rig.session()];
  const ids: Array<string | null> = [];
  for (const { sessionId } of sessions) ids.push((await rig.start(sessionId)).submissionId);
  const turnIdOf = (id: string | null): string => rig.store.tables.turn.get(id ?? "")?.turnId ?? "";
  for (const word of ["one", "two"]) {
    for (const [at, { threadId }] of sessions.entries()) {
      const item = { type: "agentMessage", id: "m", text: `${word} of ${at}` };
      rig.say("item/completed", { threadId, turnId: turnIdOf(ids[at] ?? null), item });
    }
  }
  assert.equal(await endAbandonedTurns(rig.store, systemClock), 2);
  const messages = ids.map((id) => rig.store.tables.turn.get(id ?? "")?.finalMessage);
  assert.deepEqual(messages, ["two of 0", "two of 1"]);
});

test("a turn that Codex had not answered is never sent again, and says so", async () => {
  const rig = createServiceRig();
  const { sessionId } = await rig.session();
  rig.codex.on("turnStart", () => new Promise(() => undefined));
  void rig.start(sessionId);
  while (!rig.codex.asked.some(({ method }) => method === "turnStart")) await new Promise((go) => setImmediate(go));
  await endAbandonedTurns(rig.store, systemClock);
  const [turn] = (await rig.turns.list({ limit: 1, cursor: null, sessionId, status: "interrupted" })).records;
  assert.equal(turn?.error?.reason, "not_answered");
  assert.equal(turn?.turnId, null);
});

test("an end that Codex had told, and clients may have seen, is the one that is kept", async () => {
  for (const told of ["completed", "failed", "interrupted", "exploded"]) {
    const rig = createServiceRig();
    const { sessionId, threadId } = await rig.session();
    const { submissionId } = await rig.start(sessionId);
    const error = told === "failed" ? { message: "quota", codexErrorInfo: null, additionalDetails: null } : null;
    const items = [{ type: "agentMessage", id: "m", text: "all of it" }];
    appendTold(rig, { threadId, turn: { id: "turn-1", status: told, items, error } });
    await rig.store.settled();
    await endAbandonedTurns(rig.store, systemClock);
    const turn = rig.store.tables.turn.get(submissionId ?? "");
    assert.deepEqual([turn?.status, turn?.finalMessage], [told === "exploded" ? "failed" : told, "all of it"]);
    assert.deepEqual(turn?.error, error === null ? null : { ...error, reason: null });
    const completed = rig.store.events.findLast(({ type }) => type === "app-server.turn.completed");
    assert.equal(turn?.completedAt, completed?.createdAt);
    const session = rig.store.tables.session.get(sessionId);
    assert.deepEqual([session?.lastTurnStatus, session?.threadDurable], [turn?.status, true], "Codex has ended it");
  }
});

test("the end of another turn on the thread is not this one's; nor is an ephemeral thread durable", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session({ ephemeral: true });
  const { submissionId } = await rig.start(sessionId);
  appendTold(rig, { threadId, turn: { id: "turn-0", status: "completed", items: [] } });
  appendTold(rig, { threadId: "other", turn: { id: "turn-1", status: "completed", items: [] } });
  await rig.store.settled();
  await endAbandonedTurns(rig.store, systemClock);
  assert.equal(rig.store.tables.turn.get(submissionId ?? "")?.error?.reason, "daemon_restarted");
  assert.equal(rig.store.tables.session.get(sessionId)?.threadDurable, false);
});

test("an ephemeral thread stays so over an end that Codex had told", async () => {
  const rig = createServiceRig();
  const { sessionId, threadId } = await rig.session({ ephemeral: true });
  await rig.start(sessionId);
  appendTold(rig, { threadId, turn: { id: "turn-1", status: "completed", items: [] } });
  await rig.store.settled();
  await endAbandonedTurns(rig.store, systemClock);
  assert.equal(rig.store.tables.session.get(sessionId)?.lastTurnStatus, "completed");
  assert.equal(rig.store.tables.session.get(sessionId)?.threadDurable, false);
});

/** The event that Codex has ended a turn, without what the daemon would have written next. */
function appendTold(rig: ServiceRig, params: Record<string, unknown>): void {
  rig.store.append(toEvent({ method: "turn/completed", params, emittedAtMs: 1 }, null));
}
