// A turn's receipt as JSON and back, while the turn is under way: with all that its fold goes by, nothing lost.
//
// Deliberately not the receipt as a record has it (receipts.ts), out of which no fold could go on. Invariant: what is
// read back behaves as what was written, event for event.

import { isObject } from "../../base/decode.ts";
import type { ApprovalReceipt } from "../../core/approvals.ts";
import { turnMarkId } from "../../core/receipt-mark.ts";
import { turnKey } from "../../core/records.ts";
import { WorkLog, type WorkLogState } from "../../core/work-log.ts";
import type { OpenTurns } from "../turns/open-turns.ts";
import type { Marked } from "./receipt-marks.ts";
import { createReceipt, type Receipt } from "./receipts.ts";

/** Members of JSON's own kinds, as they are. */
type Plain = Pick<
  Receipt,
  "finalMessage" | "error" | "tokenUsage" | "modelHasSpoken" | "reconnecting" | "started" | "turnId" | "diff"
>;

interface ReceiptState extends Plain {
  /** Of this form; another is not read. */
  readonly version: typeof VERSION;
  /** Null for undefined. */
  readonly usageBefore: Receipt["tokenUsage"];
  readonly usageTotal: Receipt["tokenUsage"];
  readonly openTools: readonly string[];
  readonly work: WorkLogState;
  readonly asked: readonly ApprovalReceipt[];
  readonly pending: readonly string[];
}

const VERSION = 1;

/** Costs as much as is in the receipt; shares with it what is never changed in place. */
export function receiptState(receipt: Receipt): Readonly<Record<string, unknown>> {
  const { finalMessage, error, tokenUsage, modelHasSpoken, reconnecting, started, turnId, diff } = receipt;
  const state: ReceiptState = {
    version: VERSION, finalMessage, error, tokenUsage, modelHasSpoken, reconnecting, started, turnId, diff,
    usageBefore: receipt.usageBefore ?? null,
    usageTotal: receipt.usageTotal ?? null,
    openTools: [...receipt.openTools],
    work: receipt.work.state(),
    asked: [...receipt.approvals.asked.values()],
    pending: [...receipt.approvals.pending],
  };
  return { ...state };
}

/** The open turns that have begun in the journal. While a decision is being written no receipt is up to date. */
export function markedTurns(
  open: Pick<OpenTurns, "all">, approvals: { readonly isCommitting: boolean },
): Marked[] {
  return open.all().filter(({ record }) => record.firstSeq > 0).map((turn) => ({
    markId: turnMarkId(turnKey(turn.record)),
    firstSeq: turn.record.firstSeq,
    // What is not accepted yet is not read back either.
    state: () => (turn.phase !== "accepted" || approvals.isCommitting ? null : receiptState(turn.receipt)),
  }));
}

/** Undefined where it is not a state of this form. */
export function readReceiptState(value: Readonly<Record<string, unknown>> | null): Receipt | undefined {
  if (value === null || !isReceiptState(value)) return undefined;
  const { finalMessage, error, tokenUsage, modelHasSpoken, reconnecting, started, turnId, diff } = value;
  const receipt: Receipt = {
    ...createReceipt(),
    finalMessage, error, tokenUsage, modelHasSpoken, reconnecting, started, turnId, diff,
    usageBefore: value.usageBefore ?? undefined,
    usageTotal: value.usageTotal ?? undefined,
    openTools: new Set(value.openTools),
    work: WorkLog.of(value.work),
  };
  for (const approval of value.asked) receipt.approvals.asked.set(approval.approvalId, approval);
  for (const approvalId of value.pending) receipt.approvals.pending.add(approvalId);
  return receipt;
}

/** Codexd has written it itself: what is looked at is whether it is all there. */
function isReceiptState(value: object): value is ReceiptState {
  const { version, openTools, work, asked, pending } = value as Partial<ReceiptState>;
  return version === VERSION && [openTools, asked, pending].every(Array.isArray) && isWorkLogState(work);
}

export function isWorkLogState(value: unknown): value is WorkLogState {
  return isObject(value) && [value["commands"], value["open"], value["changes"]].every(Array.isArray);
}
