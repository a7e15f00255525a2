// A receipt in two parts: what Codex has said, which a transcript tells, and what is codexd's own.
// The transcripts' clock stands still, so that all times of codexd's own are one.

import assert from "node:assert/strict";

import type { TurnRecord } from "../../src/core/records.ts";

type OwnField = "submissionId" | "sessionId" | "startedAt" | "completedAt" | "firstSeq" | "lastSeq";

export type CodexFields = Omit<TurnRecord, OwnField>;

export function codexFields(turn: TurnRecord): CodexFields {
  const {
    submissionId: _submission, sessionId: _session, startedAt: _started, completedAt: _completed, firstSeq: _first,
    lastSeq: _last, ...fields
  } = turn;
  return fields;
}

export function assertOwnFields(turn: TurnRecord): void {
  assert.match(turn.submissionId ?? "", /^sub_/);
  assert.match(turn.sessionId, /^ses_/);
  assert.deepEqual([turn.startedAt, turn.completedAt], ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"]);
  assert.ok(turn.firstSeq > 0 && turn.lastSeq !== null && turn.lastSeq > turn.firstSeq);
}
