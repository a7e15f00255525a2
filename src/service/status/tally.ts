// What is counted since the process started: ends of turns, runs and approvals, and replays.
//
// Deliberately nothing that happens once an event: whoever sees a thing end adds one, metrics.ts reads.

import type { ApprovalRecord } from "../../core/approvals.ts";
import type { RunStatus } from "../../core/runs.ts";
import type { OutcomeStatus } from "../receipts/receipts.ts";

type EndedRunStatus = Exclude<RunStatus, "queued" | "running">;

/** How many approvals of one kind have ended in one way. */
export interface ApprovalCount {
  readonly kind: ApprovalRecord["kind"];
  /** `unknown` where another client has answered. */
  readonly decision: NonNullable<ApprovalRecord["decision"]> | "orphaned" | "unknown";
  readonly decidedBy: NonNullable<ApprovalRecord["decidedBy"]> | "nobody";
  readonly count: number;
}

/** One for the whole process, shared by all who add to it. */
export interface Tally {
  readonly turns: Record<OutcomeStatus, number>;
  readonly runs: Record<EndedRunStatus, number>;
  /** By all that tells them apart; only what has happened is there. Counted with `countApproval`. */
  readonly approvals: Map<string, ApprovalCount>;
  /** Streams that read the journal behind its head: begun with a cursor, or fallen behind. */
  replays: number;
}

export function createTally(): Tally {
  return {
    turns: { completed: 0, failed: 0, interrupted: 0 },
    runs: { completed: 0, failed: 0, cancelled: 0 },
    approvals: new Map(),
    replays: 0,
  };
}

/** To be called once for each approval that is pending no more. All three words are from closed lists. */
export function countApproval(
  { approvals }: Pick<Tally, "approvals">, ended: Pick<ApprovalRecord, "kind" | "status" | "decision" | "decidedBy">,
): void {
  const { kind } = ended;
  const decision = ended.status === "orphaned" ? "orphaned" : ended.decision ?? "unknown";
  const decidedBy = ended.decidedBy ?? "nobody";
  const key = `${kind} ${decision} ${decidedBy}`;
  approvals.set(key, { kind, decision, decidedBy, count: (approvals.get(key)?.count ?? 0) + 1 });
}
