// Receipts where turns meet the rest: what a caller reads while a turn runs, an answer whose form was asked for, what
// recovery reads back, and what a history tells again.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { TurnRecord } from "../../../src/core/records.ts";
import { endAbandonedTurns } from "../../../src/service/turns/turn-recovery.ts";
import { CAPTURES } from "../../support/captures.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { comeBack, cut, running } from "../../support/outage.ts";
import { replayCapture } from "../../support/replay.ts";
import { createServiceRig } from "../../support/service-rig.ts";

const SCHEMA = { type: "object" };

test("a turn that runs is read with what it has done so far, and why it is quiet; in a list too", async () => {
  const clock = createFakeClock();
  const rig = createServiceRig({ clock });
  const { submissionId, threadId, sessionId } = await running(rig);
  const turnId = "turn-1";
  const item = { type: "commandExecution", id: "c", command: "ls", cwd: "/", processId: "7" };
  rig.say("item/started", { threadId, turnId, item });
  rig.say("turn/plan/updated", { threadId, turnId, plan: [{ step: "a", status: "inProgress" }] });
  await clock.advance(1500);
  const turn = await rig.turns.get(submissionId, 0);
  assert.deepEqual(turn.commands, [{ command: "ls", cwd: "/", exitCode: null, durationMs: null }]);
  assert.deepEqual(turn.plan, [{ step: "a", status: "inProgress" }]);
  assert.deepEqual(turn.liveness, { state: "tool", quietMs: 1500 });
  const { records } = await rig.turns.list({ limit: 1, cursor: null, sessionId, status: null });
  assert.deepEqual(records, [turn]);
  assert.equal(rig.store.tables.turn.get(submissionId)?.liveness, null, "it is not written down");
  rig.sayTurn(threadId, turnId, "done");
  assert.equal((await rig.turns.get(submissionId, 0)).liveness, null);
});

test("an answer whose form was asked for is parsed at the end of the turn, and not before", async () => {
  const cases = [
    { answer: '{"a":1}', status: "completed", output: { a: 1 }, error: null },
    { answer: "sorry", status: "completed", output: null, error: /^the answer is not JSON/ },
    { answer: null, status: "failed", output: null, error: /^there is no answer: the turn failed before it gave one$/ },
    { answer: null, status: "interrupted", output: null, error: /^there is no answer: the turn was interrupted/ },
  ];
  for (const { answer, status, output, error } of cases) {
    const rig = createServiceRig();
    const { sessionId, threadId } = await rig.session();
    const { submissionId } = await rig.start(sessionId, { outputSchema: SCHEMA });
    const read = (): Promise<TurnRecord> => rig.turns.get(submissionId ?? "", 0);
    assert.deepEqual((await read()).outputSchema, SCHEMA);
    rig.say("turn/started", { threadId, turn: { id: "turn-1" } });
    const item = { type: "agentMessage", id: "m", text: answer };
    if (answer !== null) rig.say("item/completed", { threadId, turnId: "turn-1", item });
    const { structuredOutput, structuredOutputError } = await read();
    assert.deepEqual([structuredOutput, structuredOutputError], [null, null]);
    rig.say("turn/completed", { threadId, turn: { id: "turn-1", status, items: [] } });
    const ended = await read();
    assert.deepEqual(ended.structuredOutput, output);
    if (error === null) assert.equal(ended.structuredOutputError, null);
    else assert.match(ended.structuredOutputError ?? "", error);
  }
});

test("a turn that codexd did not start asked for no form", async () => {
  const rig = createServiceRig();
  const { threadId } = await rig.session();
  rig.sayTurn(threadId, "turn-9", "plain");
  const [turn] = [...rig.store.tables.turn.newestFirst()];
  assert.deepEqual([turn?.outputSchema, turn?.structuredOutputError, turn?.finalMessage], [null, null, "plain"]);
});

/** What Codex had counted before a turn was in the memory of the daemon that has died. */
const told = ({ tokenUsage: _tokens, completedAt: _at, durationMs: _ms, lastSeq: _last, ...rest }: TurnRecord) => rest;

for (const name of CAPTURES.filter((capture) => capture !== "ws-midstream-b")) {
  test(`${name}: recovery reads the same receipt out of the journal as the stream gave`, async () => {
    const { rig, turns } = await replayCapture(name, { outputSchema: SCHEMA });
    const ended = turns.filter(({ status }) => status !== "inProgress");
    assert.ok(ended.every(({ structuredOutputError, submissionId }) =>
      submissionId === null || structuredOutputError !== null), "none of them answers in JSON");
    for (const turn of ended) {
      // As it was written down when Codex accepted it, which is all that a daemon that died has left.
      const { submissionId, turnId, sessionId, threadId, startedAt, input, outputSchema, firstSeq } = turn;
      const left: TurnRecord = {
        ...{ submissionId, turnId, sessionId, threadId, startedAt, input, outputSchema, firstSeq },
        status: "inProgress", completedAt: null, durationMs: null, finalMessage: null, error: null, tokenUsage: null,
        structuredOutput: null, structuredOutputError: null, diff: null, plan: null, commands: [], fileChanges: [],
        approvals: [], liveness: null, lastSeq: null,
      };
      rig.store.append({ level: "info", type: "turn.accepted", message: "", detail: {} }, { put: { turn: left } });
    }
    await rig.store.settled();
    assert.equal(await endAbandonedTurns(rig.store, createFakeClock()), turns.length);
    for (const turn of ended) {
      const read = rig.store.tables.turn.get(turn.submissionId ?? turn.turnId ?? "");
      assert.deepEqual(read === undefined ? null : told(read), told(turn));
    }
  });
}

const COMMAND = { type: "commandExecution", command: "ls", cwd: "/", processId: "7", status: "completed", exitCode: 0 };
const CHANGE = { type: "fileChange", status: "completed", changes: [{ path: "/a", kind: { type: "add" } }] };

for (const [version, ids] of [["0.169", ["call_1", "call_2", "call_3"]], ["0.116", ["item-1", "item-2", "item-3"]]]) {
  test(`what a history of ${version} tells again is not listed twice, and what was missed is`, async () => {
    const rig = createServiceRig({ remote: true });
    const { threadId, record } = await running(rig);
    const items = [{ ...COMMAND, id: "call_1" }, { ...CHANGE, id: "call_2" }];
    const [command, change] = items;
    rig.say("item/started", { threadId, turnId: "turn-1", item: { ...command, status: "inProgress", exitCode: null } });
    rig.say("item/completed", { threadId, turnId: "turn-1", item: change });
    cut(rig);
    const missed = { ...COMMAND, command: "pwd", exitCode: 1, durationMs: 5 };
    const history = [command, change, missed].map((item, at) => ({ ...item, id: ids?.[at] }));
    await comeBack(rig, [{ id: "turn-1", status: "completed", items: history }]);
    assert.deepEqual(record().commands, [
      { command: "ls", cwd: "/", exitCode: 0, durationMs: null },
      { command: "pwd", cwd: "/", exitCode: 1, durationMs: 5 },
    ]);
    assert.deepEqual(record().fileChanges, [{ path: "/a", kind: "add" }]);
  });
}

test("a turn says that the connection to its app-server is away, until it is taken up again", async () => {
  const rig = createServiceRig({ remote: true });
  const { threadId, submissionId } = await running(rig);
  const item = { ...COMMAND, id: "call_1", status: "inProgress", exitCode: null };
  rig.say("item/started", { threadId, turnId: "turn-1", item });
  const state = async () => (await rig.turns.get(submissionId, 0)).liveness?.state;
  assert.equal(await state(), "tool");
  cut(rig);
  assert.equal(await state(), "reconnecting");
  await comeBack(rig, [{ id: "turn-1", status: "inProgress", items: [item] }]);
  assert.equal(await state(), "tool");
});
