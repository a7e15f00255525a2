// What Codex asks, in a test's hand, for those that only look whether a turn waits.
// Deliberately without answers, events and records.

import type { ApprovalRecord } from "../../src/core/approvals.ts";
import type { Approvals } from "../../src/service/approvals/approvals.ts";
import { makeApproval } from "./fake-services.ts";

export interface FakeInbox extends Pick<Approvals, "pendingOf" | "onPending"> {
  /** Codex asks in this turn. */
  ask(turnId: string): ApprovalRecord;
  /** Nobody waits for any answer any more. */
  settle(): void;
  readonly listeners: number;
}

export function createFakeInbox(): FakeInbox {
  const listeners = new Set<(approval: ApprovalRecord) => void>();
  let pending: ApprovalRecord[] = [];
  return {
    pendingOf: ({ turnId }) => pending.filter((approval) => approval.turnId === turnId),
    onPending(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ask(turnId) {
      const approval = makeApproval({ approvalId: `apr_${pending.length + 1}`, turnId });
      pending.push(approval);
      for (const listener of [...listeners]) listener(approval);
      return approval;
    },
    settle() {
      pending = [];
    },
    get listeners() {
      return listeners.size;
    },
  };
}
