// The little that records do: a key for a turn, and its short form.
//
// What they hold is a type's to say, and the contract's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { turnKey, turnSummary, type TurnRecord } from "../../src/core/records.ts";

const TURN: TurnRecord = {
  submissionId: "sub_1", turnId: "turn-1", sessionId: "ses_1", threadId: "thread-1", status: "completed",
  startedAt: null, completedAt: null, durationMs: 5, input: [{ type: "text", text: "long" }], finalMessage: "done",
  error: null, tokenUsage: null, outputSchema: { type: "object" }, structuredOutput: null, structuredOutputError: null,
  diff: "diff", plan: null, commands: [], fileChanges: [], approvals: [], liveness: null, firstSeq: 1, lastSeq: 2,
};

test("a turn is kept under its submission, an adopted one under Codex's id", () => {
  assert.equal(turnKey(TURN), "sub_1");
  assert.equal(turnKey({ submissionId: "sub_1", turnId: null }), "sub_1");
  assert.equal(turnKey({ submissionId: null, turnId: "turn-1" }), "turn-1");
  assert.equal(turnKey({ submissionId: null, turnId: null }), "");
});

test("the short form has all but what can be large, and leaves the record as it was", () => {
  const { input, outputSchema: _o, diff: _d, commands: _c, fileChanges: _f, ...rest } = TURN;
  assert.deepEqual(turnSummary(TURN), rest);
  assert.equal(TURN.input, input);
});
