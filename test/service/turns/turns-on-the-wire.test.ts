// What surprises in the order and the manner in which Codex tells of a turn, in transcripts of it, and what codexd
// makes of it: when a turn counts as begun and ended, what is in its receipt, what a reader of events is given.
//
// The receipts of other transcripts stand field by field in receipts-of-work.test.ts and receipts-of-trouble.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { CodexdEvent } from "../../../src/core/event.ts";
import { readLines, replayCapture, type Replay } from "../../support/replay.ts";
import type { ServiceRig } from "../../support/service-rig.ts";

type Item = Record<string, unknown>;

function eventsOf({ rig }: Replay, type: string): CodexdEvent[] {
  return rig.store.events.filter((event) => event.type === type);
}

/** Items of one type that have ended. */
function itemsOf(replay: Replay, type: string): Item[] {
  const items = eventsOf(replay, "app-server.item.completed").map(({ detail }) => detail["item"] as Item);
  return items.filter((item) => item["type"] === type);
}

/** How far the one turn is, and what the thread is said to be if that is what was told last. */
function stateOf({ open, store }: ServiceRig): string {
  const [turn] = open.all();
  const state = turn === undefined ? "none" : turn.receipt.started ? "begun" : turn.phase;
  const last = store.events.at(-1);
  const status = last?.type === "app-server.thread.status.changed" ? (last.detail["status"] as Item) : undefined;
  return status === undefined ? state : `${state}, thread ${String(status["type"])}`;
}

async function statesIn(name: string): Promise<string[]> {
  const states: string[] = [];
  await replayCapture(name, {
    onLine(rig) {
      const state = stateOf(rig);
      if (states.at(-1) !== state) states.push(state);
    },
  });
  return states;
}

for (const name of ["plain-turn", "v116-plan"]) {
  test(`${name}: begun by turn/started and not by its answer, ended behind the idle [trap 3.2.1, 3.2.2]`, async () => {
    assert.deepEqual(await statesIn(name), [
      "none", "submitted", "accepted", "accepted, thread active", "begun", "begun, thread idle", "none",
    ]);
  });
}

test("v116-cmd-fail: a command fails, and its turn does not; its end has all output [trap 3.3.1, 3.3.3]", async () => {
  const replay = await replayCapture("v116-cmd-fail");
  const [turn] = replay.turns;
  assert.deepEqual([turn?.status, turn?.error, turn?.finalMessage], ["completed", null, "tok0 "]);
  assert.deepEqual(turn?.commands.map(({ exitCode }) => exitCode), [2]);
  assert.deepEqual(eventsOf(replay, "app-server.item.output.delta"), []);
  const [command] = itemsOf(replay, "commandExecution");
  assert.deepEqual([command?.["status"], command?.["aggregatedOutput"]], ["failed", "hi\n"]);
});

test("turn-patch-fail: a patch that does not fit has changed nothing, and is nowhere [trap 3.4.2]", async () => {
  const replay = await replayCapture("turn-patch-fail");
  const [turn] = replay.turns;
  assert.deepEqual([turn?.status, turn?.diff, turn?.fileChanges, turn?.commands], ["completed", null, [], []]);
  const types = eventsOf(replay, "app-server.item.started").map(({ detail }) => (detail["item"] as Item)["type"]);
  assert.deepEqual(types, ["userMessage", "agentMessage"]);
});

test("v116-appr-file: output of a file change is no command's; three diffs are one [trap 3.4.1, 3.4.3]", async () => {
  const replay = await replayCapture("v116-appr-file");
  const [turn] = replay.turns;
  const output = eventsOf(replay, "app-server.item.output.delta");
  assert.deepEqual(output.map(({ detail }) => detail["itemId"]), Array<string>(4).fill("call_20_1"));
  assert.match(String(output.at(-2)?.detail["delta"]), /^Success/);
  assert.deepEqual([turn?.commands, turn?.fileChanges.map(({ kind }) => kind)], [[], ["add"]]);
  const diffs = eventsOf(replay, "app-server.turn.diff.updated").map(({ detail }) => detail["diff"]);
  assert.deepEqual([diffs.length, new Set(diffs)], [3, new Set([turn?.diff])]);
});

test("turn-reasoning: its parts come as they were told, and are no part of the answer [trap 3.5.2]", async () => {
  const replay = await replayCapture("turn-reasoning");
  const parts = eventsOf(replay, "app-server.turn.reasoning.delta").map(({ detail }) =>
    [detail["itemId"], detail["summaryIndex"] ?? null, detail["contentIndex"] ?? null, detail["delta"]]);
  assert.deepEqual(parts, [
    ["rs_3", 0, null, "**Thinking** "], ["rs_3", 0, null, "idea1 "], ["rs_3", 0, null, "idea2 "],
    ["rs_3", null, 0, "raw0 "], ["rs_3", null, 0, "raw1 "],
  ]);
  const [reasoning] = itemsOf(replay, "reasoning");
  assert.deepEqual(reasoning?.["summary"], ["**Thinking** idea1 idea2 "]);
  assert.deepEqual(replay.turns.map(({ finalMessage }) => finalMessage), ["tok0 tok1 "]);
});

test("compact-review: both are turns that nobody has sent an input for [trap 3.5.3, 3.5.4]", async () => {
  const { turns } = await replayCapture("compact-review");
  assert.deepEqual(turns.map(({ submissionId, input, finalMessage }) => [submissionId === null, input, finalMessage]), [
    [false, [{ type: "text", text: "one DELTAS=2" }], "tok0 tok1 "], [true, null, null], [true, null, "fine"],
  ]);
  assert.ok(turns.every(({ status }) => status === "completed"));
  const notified = readLines("compact-review").filter(({ dir, msg }) => dir === "in" && msg.id === undefined);
  const begun = notified.findLastIndex(({ msg }) => msg.method === "turn/started");
  const before = notified.slice(0, begun).map(({ msg }) => (msg.params?.["item"] as Item | undefined)?.["type"]);
  assert.equal(before.filter((type) => type === "enteredReviewMode").length, 2, "its start and its end");
});

/** What was told before the end, and Codex's word or object for the failure. */
const FAILURES = {
  "fail-401": { retries: 2, told: { httpConnectionFailed: { httpStatusCode: 401 } } },
  "fail-429": { retries: 2, told: { responseTooManyFailedAttempts: { httpStatusCode: 429 } } },
  "fail-500-retry": { retries: 2, told: "internalServerError" },
  "fail-quota": { retries: 0, told: "usageLimitExceeded" },
} as const;

for (const [name, { retries, told }] of Object.entries(FAILURES)) {
  test(`${name}: no try that fails ends it, nor does the thread's error [trap 3.6.1, 3.6.3, 3.6.4]`, async () => {
    const states: string[] = [];
    const replay = await replayCapture(name, {
      onLine({ open, store }) {
        const last = store.events.at(-1);
        if (last?.type !== "app-server.turn.error" || last.detail["willRetry"] !== true) return;
        states.push(...open.all().map((turn) => open.current(turn).liveness?.state ?? "none"));
      },
    });
    assert.deepEqual(states, Array<string>(retries).fill("reconnecting"));
    assert.deepEqual((await statesIn(name)).slice(-3), ["begun, thread systemError", "begun", "none"]);
    const tries = eventsOf(replay, "app-server.turn.error").map(({ detail }) => detail["willRetry"]);
    assert.deepEqual(tries, [...Array<boolean>(retries).fill(true), false]);
    assert.deepEqual(replay.turns.map(({ status, error }) => [status, error?.codexErrorInfo]), [["failed", told]]);
  });
}

for (const [name, why] of [["fail-hang", /idle timeout waiting/], ["v116-retry", /network error/]] as const) {
  test(`${name}: a message that is begun again counts once, in its second form [trap 3.6.2, 3.6.6]`, async () => {
    const replay = await replayCapture(name);
    const started = eventsOf(replay, "app-server.item.started").map(({ detail }) => detail["item"] as Item);
    const begun = started.filter((item) => item["type"] === "agentMessage").map((item) => item["id"]);
    const [message, ...more] = itemsOf(replay, "agentMessage");
    assert.deepEqual([begun.length, begun[1], more], [2, message?.["id"], []], "the first one has no end");
    const [turn] = replay.turns;
    assert.deepEqual([turn?.status, turn?.error, turn?.finalMessage], ["completed", null, message?.["text"]]);
    const [error] = eventsOf(replay, "app-server.turn.error").map(({ detail }) => detail["error"] as Item);
    assert.match(String(error?.["additionalDetails"]), why);
  });
}

test("provider-refused-interrupt: tried again, not failed, and over when it is stopped [trap 3.6.5]", async () => {
  const replay = await replayCapture("provider-refused-interrupt");
  const errors = eventsOf(replay, "app-server.turn.error").map(({ level, detail }) => [level, detail["willRetry"]]);
  assert.ok(errors.length > 0);
  assert.deepEqual(errors, errors.map(() => ["warn", true]));
  assert.deepEqual(replay.turns.map(({ status, error }) => [status, error]), [["interrupted", null]]);
});

test("steer-while-approval: a steer is taken while Codex asks, and the question waits on [trap 3.7.3]", async () => {
  const asked: string[] = [];
  const { rig, turns } = await replayCapture("steer-while-approval", {
    onLine({ codex, store }) {
      if (codex.asked.at(-1)?.method !== "turnSteer") return;
      asked.push([...store.tables.approval.newestFirst()].map(({ status }) => status).join());
    },
  });
  const steers = rig.codex.asked.filter(({ method }) => method === "turnSteer").map(({ params }) => params);
  assert.deepEqual(steers.map(({ expectedTurnId, input }) => [expectedTurnId, input]), [
    [turns[0]?.turnId, [{ type: "text", text: "hurry" }]],
  ]);
  assert.equal(asked[0], "pending");
  assert.deepEqual(turns.map(({ status, approvals }) => [status, approvals[0]?.decision]), [["completed", "accept"]]);
});

test("interrupt-then-start: the turn behind an interrupt is another, with its own answer [trap 3.8.5]", async () => {
  const { turns } = await replayCapture("interrupt-then-start");
  assert.deepEqual(turns.map(({ status, finalMessage }) => [status, finalMessage]), [
    ["interrupted", null], ["completed", "tok0 tok1 "],
  ]);
  assert.notEqual(turns[0]?.turnId, turns[1]?.turnId);
});
