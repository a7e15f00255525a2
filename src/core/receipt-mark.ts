// How far the receipt of a turn or a run under way had come at some event, so that no start reads all that was before.
//
// Only the shape: when one is put stands in service/receipts/receipt-marks.ts. Invariant: there is one for what is
// under way alone; the line that ends a turn or a run drops its mark.

export interface ReceiptMark {
  /** `turnMarkId` or `runMarkId`. */
  readonly markId: string;
  /** The state holds all that was told before this event, and nothing of it or of what came later. */
  readonly seq: number;
  /** As service/receipts/receipt-state.ts and service/runs/run-work.ts read it; null where it lies in a file. */
  readonly state: Readonly<Record<string, unknown>> | null;
}

/** @param key that of the turn's record. */
export function turnMarkId(key: string): string {
  return `turn ${key}`;
}

export function runMarkId(runId: string): string {
  return `run ${runId}`;
}
