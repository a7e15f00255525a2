// What is written and said of an approval: its record, its events, and the errors of who comes too late.
//
// Pure. Deliberately not: when any of it happens (approvals.ts). Invariant: an event says what its record says.

import type { ApprovalFacts, ApprovalRecord } from "../../core/approvals.ts";
import { CodexdError } from "../../core/errors.ts";
import { messageLine, type EventDraft } from "../../core/event.ts";
import type { TurnRecord } from "../../core/records.ts";

/** The turn whose receipt lists an approval: of a sub-agent's it is the one that the sub-agent works for. */
export interface TurnName {
  readonly threadId: string;
  readonly turnId: string;
}

/** The request as it came, and whose it is. */
export type AskedRequest = Pick<
  ApprovalRecord,
  "approvalId" | "sessionId" | "threadId" | "turnId" | "itemId" | "method" | "params" | "requestId" | "createdAt"
  | "expiresAt"
>;

/** How somebody, or something, has decided, and when. */
export type Decided = Pick<ApprovalRecord, "decision" | "decidedBy" | "decidedAt" | "rule" | "result">;
export type Decision = Omit<Decided, "decidedAt">;

/** The daemon that had been told a secret is gone, nothing on disk holds it, and Codex has not heard it. */
export const ANSWER_LOST = "answer_lost";

const UNDECIDED: Decided = { decision: null, decidedBy: null, decidedAt: null, rule: null, result: null };

export function pendingRecord(request: AskedRequest, facts: ApprovalFacts): ApprovalRecord {
  return { ...request, ...facts, status: "pending", ...UNDECIDED, orphanedBy: null };
}

export function resolvedRecord(approval: ApprovalRecord, decided: Decided): ApprovalRecord {
  return { ...undecided(approval), status: "resolved", ...decided };
}

/** A decision that has not reached Codex goes with it: it has changed nothing. */
export function orphanedRecord(approval: ApprovalRecord, orphanedBy: string): ApprovalRecord {
  return { ...undecided(approval), status: "orphaned", ...UNDECIDED, orphanedBy };
}

/** `root` is null for an approval of no turn. */
export function requestedEvent(approval: ApprovalRecord, root: TurnName | null): EventDraft {
  const { command, cwd, allowedDecisions, expiresAt, method } = approval;
  return {
    level: "info",
    type: "approval.requested",
    message: messageLine(`Codex asks: ${approval.summary}`),
    detail: { ...detailOf(approval, root), method, command, cwd, allowedDecisions, expiresAt },
  };
}

export function resolvedEvent(approval: ApprovalRecord, root: TurnName | null): EventDraft {
  return {
    level: "info",
    type: "approval.resolved",
    message: messageLine(`${decisionWords(approval)}: ${approval.summary}`),
    detail: { ...detailOf(approval, root), rule: approval.rule },
  };
}

export function orphanedEvent(approval: ApprovalRecord, root: TurnName | null): EventDraft {
  const { orphanedBy } = approval;
  return {
    level: "warn",
    type: "approval.orphaned",
    message: messageLine(`nobody can answer any more (${orphanedBy}): ${approval.summary}`),
    detail: { ...detailOf(approval, root), orphanedBy },
  };
}

/**
 * For who wants to decide what is decided or orphaned.
 *
 * @param turn The one that had asked, or for which a sub-agent had; undefined where it is not known any more.
 */
export function standsError(approval: ApprovalRecord, turn: TurnRecord | undefined): CodexdError {
  const { approvalId, sessionId, threadId, kind, status, decision, decidedBy, decidedAt, rule, orphanedBy } = approval;
  const turnId = approval.turnId ?? turn?.turnId ?? null;
  const ids = { approvalId, kind, status, sessionId, threadId, turnId, submissionId: turn?.submissionId ?? null };
  if (status === "orphaned") {
    const whose = turnId === null ? "what asked" : `turn ${turnId}`;
    const where = sessionId === null ? "" : ` of session ${sessionId}`;
    const message = orphanedBy === ANSWER_LOST
      ? `the secret answer to approval ${approvalId} was lost with the daemon that had it; Codex has asked again`
      : `approval ${approvalId} was not answered in time: ${whose}${where} has ended (${orphanedBy})`;
    return new CodexdError("approval_orphaned", message, { ...ids, orphanedBy });
  }
  const message = `approval ${approvalId} is not open any more: ${decisionWords(approval)}`;
  return new CodexdError("approval_resolved", message, { ...ids, decision, decidedBy, decidedAt, rule });
}

/** Without the answer that it may have had, which may lie beside it. */
function undecided({ beside = [], ...approval }: ApprovalRecord): ApprovalRecord {
  const left = beside.filter((part) => part !== "answer");
  return left.length === 0 ? approval : { ...approval, beside: left };
}

function decisionWords({ decision, decidedBy, rule }: ApprovalRecord): string {
  if (decidedBy === "elsewhere") return "settled by another client of Codex, or by Codex itself";
  return `${decision} by ${decidedBy}${rule === null ? "" : ` ${rule}`}`;
}

function detailOf(approval: ApprovalRecord, root: TurnName | null) {
  const { approvalId, kind, summary, sessionId, threadId, turnId, itemId, decision, decidedBy } = approval;
  const detail = { approvalId, kind, summary, sessionId, threadId, turnId, itemId, decision, decidedBy };
  // Of a sub-agent's: so that the receipt of the turn that it works for can be read back from the journal.
  return root === null || root.turnId === turnId ? detail : { ...detail, rootTurnId: root.turnId };
}
