// The tables that codexd keeps in the store: their records, files and ids, and what records of older versions lack.
// The store knows them only by this description; what is not listed here is not kept.

import type { ApprovalRecord } from "../core/approvals.ts";
import type { CodexdPaths } from "../core/config.ts";
import { keptAnswerId, type KeptAnswer } from "../core/kept-answer.ts";
import type { ReceiptMark } from "../core/receipt-mark.ts";
import { NO_WORK, turnKey, type SessionRecord, type TurnRecord } from "../core/records.ts";
import type { RunRecord } from "../core/runs.ts";
import type { Store, TableSpec } from "../store/types.ts";
import { APPROVAL_PARTS } from "./approvals/approval-parts.ts";
import { ANSWER_PARTS } from "./idempotency/answer-parts.ts";
import { MARK_PARTS } from "./receipts/mark-parts.ts";
import { SESSION_PARTS } from "./sessions/session-parts.ts";
import { TURN_PARTS } from "./turns/turn-parts.ts";

export type CodexdTables = {
  readonly session: SessionRecord;
  readonly turn: TurnRecord;
  readonly run: RunRecord;
  readonly approval: ApprovalRecord;
  readonly answer: KeptAnswer;
  readonly mark: ReceiptMark;
};

export type CodexdStore = Store<CodexdTables>;

export function tableSpecs(paths: CodexdPaths): { readonly [K in keyof CodexdTables]: TableSpec<CodexdTables[K]> } {
  return {
    session: {
      path: paths.sessionRegistryPath, field: "sessions", idOf: (session) => session.sessionId,
      beside: SESSION_PARTS,
    },
    turn: {
      path: paths.turnRegistryPath, field: "turns", idOf: turnKey,
      otherIdOf: (turn) => turn.turnId,
      complete: (turn) => completed(turn, TURN_SINCE),
      beside: TURN_PARTS,
    },
    run: {
      path: paths.runRegistryPath, field: "runs", idOf: (run) => run.runId,
      complete: (run) => completed(run, RUN_SINCE),
    },
    approval: {
      path: paths.approvalRegistryPath, field: "approvals", idOf: (approval) => approval.approvalId,
      beside: APPROVAL_PARTS,
    },
    answer: { path: paths.answerRegistryPath, field: "answers", idOf: keptAnswerId, beside: ANSWER_PARTS },
    mark: { path: paths.markRegistryPath, field: "marks", idOf: (mark) => mark.markId, beside: MARK_PARTS },
  };
}

/** The members that turns have got since the first layout, as they are where nothing is known. */
const TURN_SINCE = { outputSchema: null, diff: null, ...NO_WORK, approvals: [], liveness: null } as const;

/** The same of runs. */
const RUN_SINCE = { ...NO_WORK, firstSeq: null, liveness: null } as const;

/** The record with what it lacks of `members`. */
function completed<R extends object>(record: R, members: Partial<R>): R {
  return Object.keys(members).every((name) => name in record) ? record : { ...members, ...record };
}
