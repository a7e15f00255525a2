// What Codex has asked in a turn, as its receipt lists it, and which of it waits.
//
// Folded out of the events of approvals (approvals.ts), live and at recovery alike; constant cost per event. Invariant:
// a command that was asked about is listed as one only when somebody has allowed it, or it is seen to have run.

import type { ApprovalKind, ApprovalReceipt } from "../../core/approvals.ts";
import type { EventDetail } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import type { WorkLog } from "../../core/work-log.ts";

export interface ApprovalLog {
  /** In the order in which they were asked; `LIMITS.receiptApprovalsMax` at most. */
  readonly asked: Map<string, ApprovalReceipt>;
  readonly pending: Set<string>;
}

export function createApprovalLog(): ApprovalLog {
  return { asked: new Map(), pending: new Set() };
}

/** @param turnId the receipt's own turn; null while that is not known. A sub-agent's items are none of its own. */
export function noteApproval(
  { asked, pending }: ApprovalLog,
  work: WorkLog,
  turnId: string | null,
  type: "approval.requested" | "approval.resolved" | "approval.orphaned",
  detail: EventDetail,
): void {
  const { approvalId, itemId } = detail;
  if (typeof approvalId !== "string") return;
  const item = typeof itemId === "string" && (turnId ?? detail.turnId) === detail.turnId ? itemId : null;
  if (type === "approval.requested") {
    pending.add(approvalId);
    if (item !== null) work.holdCommand(item);
    if (asked.size >= LIMITS.receiptApprovalsMax) return;
    asked.set(approvalId, { approvalId, kind: detail["kind"] as ApprovalKind, decision: null, decidedBy: null });
    return;
  }
  pending.delete(approvalId);
  const { decision, decidedBy } = detail as unknown as Pick<ApprovalReceipt, "decision" | "decidedBy">;
  const receipt = asked.get(approvalId);
  // Also where it is orphaned: a decision that could not be told to Codex any more has become none.
  if (receipt !== undefined) asked.set(approvalId, { ...receipt, decision, decidedBy });
  if (item === null || decision === "decline" || decision === "cancel") return;
  if (type === "approval.orphaned") {
    if (receipt !== undefined && receipt.decision !== null) work.revokeCommand(item);
    return;
  }
  // Who has answered elsewhere may have said no: then the item's end will say so.
  work.releaseCommand(item, decision !== null);
}
