// What comes behind the end of a turn: into the receipt where a command of it ran on, and nowhere else.
// That ingest asks for it with each event is shown with a whole transcript, in receipts-of-trouble.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import type { TurnRecord } from "../../../src/core/records.ts";
import { createLateTurns } from "../../../src/service/turns/late-turns.ts";
import { TURN_PARTS } from "../../../src/service/turns/turn-parts.ts";
import { makeTurn } from "../../support/fake-services.ts";

const turn = (submissionId: string, turnId: string | null = `turn-${submissionId}`): TurnRecord => makeTurn({
  submissionId, turnId, status: "interrupted", lastSeq: 9,
  commands: [
    { command: "a", cwd: "/", exitCode: 0, durationMs: 1 },
    { command: "b", cwd: "/", exitCode: null, durationMs: null },
    { command: "c", cwd: "/", exitCode: null, durationMs: null },
  ],
});

function setUp(most = 10) {
  const records = new Map<string, TurnRecord>();
  const tables = { turn: { get: (id: string) => records.get(id) } } as never;
  const late = createLateTurns({ tables }, most);
  const keep = (record: TurnRecord, running: ReadonlyArray<[string, number]> = [["b", 1], ["c", 2]]): void => {
    records.set(record.submissionId ?? "", record);
    late.keep(record, new Map(running), new Set(record.approvals.map(({ approvalId }) => approvalId)));
  };
  const tell = (turnId: string, itemId: string, more: Record<string, unknown> = {}): TurnRecord | undefined => {
    const item = { type: "commandExecution", id: itemId, status: "completed", exitCode: 7, durationMs: 8, ...more };
    const detail = { threadId: "thread-1", turnId, itemId, item };
    const changed = late.changes({ type: "app-server.item.completed", detail })?.put?.turn;
    if (changed !== undefined) records.set(changed.submissionId ?? "", changed);
    return changed;
  };
  const decide = (approvalId: string, decision: string | null): TurnRecord | undefined => {
    const type = decision === null ? "approval.orphaned" : "approval.resolved";
    const detail = { approvalId, decision, decidedBy: decision === null ? null : "client" };
    const changed = late.changes({ type, detail })?.put?.turn;
    if (changed !== undefined) records.set(changed.submissionId ?? "", changed);
    return changed;
  };
  return { records, late, keep, tell, decide };
}

test("each command's end comes into its place, once, and nothing else is changed", () => {
  const { keep, tell } = setUp();
  keep(turn("1"));
  const ends = (record: TurnRecord | undefined) =>
    record?.commands.map(({ exitCode, durationMs }) => [exitCode, durationMs]);
  const first = tell("turn-1", "c", { command: "another text", cwd: "/elsewhere" });
  assert.deepEqual(ends(first), [[0, 1], [null, null], [7, 8]]);
  assert.deepEqual({ ...first, commands: [] }, { ...turn("1"), commands: [] });
  assert.deepEqual(first?.commands[2], { command: "c", cwd: "/", exitCode: 7, durationMs: 8 });
  assert.equal(tell("turn-1", "c"), undefined);
  assert.deepEqual(ends(tell("turn-1", "b")), [[0, 1], [7, 8], [7, 8]]);
  assert.equal(tell("turn-1", "b"), undefined);
});

test("other turns, items and events change nothing", () => {
  const { late, records, keep, tell } = setUp();
  assert.equal(tell("turn-1", "b"), undefined, "nothing is kept");
  keep(turn("1"));
  keep(turn("2", null));
  keep(turn("3"), []);
  keep({ ...turn("4"), threadId: null });
  assert.deepEqual([tell("turn-9", "b"), tell("turn-1", "a"), tell("turn-3", "b"), tell("turn-4", "b")],
    [undefined, undefined, undefined, undefined]);
  const detail = { threadId: "thread-1", turnId: "turn-1", itemId: "b", item: "none" };
  assert.equal(late.changes({ type: "app-server.item.completed", detail }), undefined);
  assert.equal(late.changes({ type: "app-server.item.started", detail }), undefined);
  assert.equal(tell("turn-1", "b", { status: "declined" }), undefined);
  records.delete("1");
  assert.equal(tell("turn-1", "c"), undefined, "a record that is gone is not made again");
});

test("only so many turns are kept, the newest", () => {
  for (const [most, kept] of [[2, true], [1, false]] as const) {
    const { keep, tell } = setUp(most);
    keep(turn("1"));
    keep(turn("2"));
    assert.deepEqual([tell("turn-1", "b") !== undefined, tell("turn-2", "b") !== undefined], [kept, true]);
  }
});

const asked = (submissionId: string, ...ids: string[]): TurnRecord => ({
  ...turn(submissionId),
  approvals: ids.map((approvalId) => ({ approvalId, kind: "command", decision: null, decidedBy: null })),
});

test("a decision that comes behind the end is the receipt's too, and none again when Codex cannot be told", () => {
  const { keep, decide, records } = setUp();
  keep(asked("1", "a", "b"), []);
  const decided = decide("b", "accept");
  assert.deepEqual(decided?.approvals.map(({ decision, decidedBy }) => [decision, decidedBy]), [
    [null, null], ["accept", "client"],
  ]);
  assert.deepEqual({ ...decided, approvals: [] }, { ...asked("1"), approvals: [] });
  assert.deepEqual(decide("b", null), asked("1", "a", "b"));
  assert.equal(decide("a", null), undefined, "it was none");
  assert.equal(decide("c", "accept"), undefined, "no turn lists it");
  records.delete("1");
  assert.equal(decide("a", "accept"), undefined);
});

test("only so many undecided approvals are kept, the newest", () => {
  for (const [most, kept] of [[2, true], [1, false]] as const) {
    const { keep, decide } = setUp(most);
    keep(asked("1", "a", "b"), []);
    assert.deepEqual([decide("a", "accept") !== undefined, decide("b", "accept") !== undefined], [kept, true]);
  }
});

test("of a turn that is too long for its record the oldest are given up, and none is cut for good", () => {
  const { records, late, tell } = setUp(100);
  const diff = "d".repeat(LIMITS.inlineTurnResultBytesMax);
  for (let n = 1; n <= LIMITS.lateWholeTurnsKept + 1; n++) {
    const whole = { ...turn(String(n)), diff };
    records.set(String(n), TURN_PARTS.cut(whole, undefined).record);
    late.keep(whole, new Map([["b", 1], ["c", 2]]), new Set());
  }
  assert.equal(tell("turn-1", "b"), undefined);
  const told = tell("turn-2", "b");
  assert.deepEqual([told?.diff, told?.beside, told?.commands[1]?.exitCode], [diff, undefined, 7]);
  records.set("2", TURN_PARTS.cut({ ...turn("2"), diff, approvals: [] }, undefined).record);
  const again = tell("turn-2", "c");
  assert.deepEqual(again?.commands.map(({ exitCode }) => exitCode), [0, 7, 7], "what came before is kept");
});
