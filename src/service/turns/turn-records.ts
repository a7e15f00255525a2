// A turn's record from its beginning to its end, and what its end says and changes: pure, no store, no clock.
//
// Deliberately not when any of it is written (open-turns.ts, turn-recovery.ts). Invariant: how a turn has ended is said
// in one way, whoever has seen it end.

import { messageLine, type EventLevel } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import { NO_WORK, type SessionRecord, type TurnError, type TurnRecord, type TurnStatus } from "../../core/records.ts";
import type { AcceptedTurn } from "../../core/requests.ts";
import { receiptFields, type OutcomeStatus, type Receipt } from "../receipts/receipts.ts";
import { readStructuredOutput } from "../receipts/structured-output.ts";

/** The record of a turn that has ended, but for when; `error` beats what the stream has said. */
export function endedTurn(
  record: TurnRecord, receipt: Receipt, status: OutcomeStatus, error?: TurnError,
): TurnRecord {
  const fields = receiptFields(receipt);
  const structured = readStructuredOutput(record.outputSchema, fields.finalMessage, ENDED[status]);
  const { queuedWith: _waited, ...rest } = record;
  return { ...rest, ...fields, ...structured, error: error ?? fields.error, status, liveness: null };
}

const ENDED: Record<OutcomeStatus, string> = {
  completed: "the turn was completed", failed: "the turn failed", interrupted: "the turn was interrupted",
};

/** The record of a turn that waits no longer, if it did. */
export function startedTurn({ queuedWith: _waited, ...record }: TurnRecord, now: string): TurnRecord {
  return { ...record, status: "inProgress", startedAt: record.startedAt ?? now };
}

/** The event that ends a turn; `finalMessage` is cut, because the receipt has it whole. */
export function finishedEvent(record: TurnRecord, status: TurnStatus) {
  const finalMessage = record.finalMessage?.slice(0, LIMITS.finalMessageEventCharsMax) ?? null;
  const why = record.error === null ? "" : `: ${record.error.message}`;
  const level: EventLevel = status === "completed" ? "info" : status === "failed" ? "error" : "warn";
  const { turnId, error } = record;
  return {
    level,
    type: "turn.finished" as const,
    message: messageLine(`turn ${status}${why}`),
    detail: { ...idsOf(record), turnId, status, finalMessage, error },
  };
}

/** What the end of a turn changes on its session. */
export function sessionAfter(
  session: SessionRecord,
  turn: TurnRecord,
  byCodex: boolean,
  updatedAt: string,
): SessionRecord {
  return {
    ...session,
    updatedAt,
    currentTurnId: null,
    lastTurnId: turn.turnId ?? session.lastTurnId,
    lastTurnStatus: turn.status,
    // Codex keeps no ephemeral thread, however many turns it had.
    threadDurable: session.threadDurable || (byCodex && session.profile.ephemeral !== true),
  };
}

/** What its caller is told of a turn that has been taken. */
export function acceptedTurn(session: SessionRecord, { submissionId, turnId }: TurnRecord): AcceptedTurn {
  return { session, submissionId, turnId, turn: null, approvals: [] };
}

/** What names a turn before Codex does. */
export function idsOf({ submissionId, sessionId, threadId }: TurnRecord) {
  return { submissionId, sessionId, threadId };
}

/** A turn of which nothing is known yet. */
export function emptyTurn({ sessionId, threadId }: Pick<TurnRecord, "sessionId" | "threadId">): TurnRecord {
  return {
    submissionId: null, turnId: null, sessionId, threadId, status: "inProgress", startedAt: null, completedAt: null,
    durationMs: null, input: null, finalMessage: null, error: null, tokenUsage: null, outputSchema: null, diff: null,
    ...NO_WORK, approvals: [], liveness: null, firstSeq: 0, lastSeq: null,
  };
}

