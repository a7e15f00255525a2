// What a turn has done, folded out of its events as they pass: constant cost per event, no history.
//
// The same fold serves the live stream and recovery, which reads the events back from the journal. Invariant: text is
// taken from completed items only, so that a message whose stream broke off and was retried is never counted twice.
// Neither are tokens: Codex tells the thread's total again at a steer and a retry, and 0.116 at every turn's start.

import { isObject } from "../../base/decode.ts";
import { isTool, noteItemCompleted, noteItemStarted } from "../../codex/turn-items.ts";
import type { EventDetail } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import type { PlanStep, TokenUsage, TurnError, TurnRecord, TurnStatus } from "../../core/records.ts";
import { WorkLog } from "../../core/work-log.ts";
import { createApprovalLog, noteApproval, type ApprovalLog } from "./receipt-approvals.ts";

/** Grows while the turn runs. */
export interface Receipt {
  finalMessage: string | null;
  error: TurnError | null;
  tokenUsage: TokenUsage | null;
  /** Codex counts tokens over the whole thread: what it had counted before this turn. */
  usageBefore: TokenUsage | undefined;
  /** What it has counted with this turn; undefined while it has told nothing. */
  usageTotal: TokenUsage | undefined;
  /** The model has made something in this turn, so that a total may hold some of the turn's own tokens. */
  modelHasSpoken: boolean;
  /** Items that run something and have not ended. */
  readonly openTools: Set<string>;
  reconnecting: boolean;
  started: boolean;
  /** Codex's id of the turn, once it has begun. */
  turnId: string | null;
  /** As Codex told it last; cut where it is too long. */
  diff: string | null;
  readonly work: WorkLog;
  readonly approvals: ApprovalLog;
}

/** What the stream says of a turn's record. */
export type ReceiptFields = Pick<
  TurnRecord,
  "finalMessage" | "error" | "tokenUsage" | "diff" | "plan" | "commands" | "fileChanges" | "approvals"
>;

export function createReceipt(): Receipt {
  return {
    finalMessage: null, error: null, tokenUsage: null, usageBefore: undefined, usageTotal: undefined,
    modelHasSpoken: false, openTools: new Set(), reconnecting: false, started: false, turnId: null, diff: null,
    work: new WorkLog(), approvals: createApprovalLog(),
  };
}

/** The receipt as the record has it; costs as much as is in it. */
export function receiptFields({ finalMessage, error, tokenUsage, diff, work, approvals }: Receipt): ReceiptFields {
  return {
    finalMessage,
    error,
    tokenUsage,
    diff,
    plan: work.plan,
    commands: work.commands(),
    fileChanges: work.fileChanges(),
    approvals: [...approvals.asked.values()],
  };
}

/** Takes one event of the turn in. Deltas change nothing and need not be shown. */
export function observe(receipt: Receipt, type: string, detail: EventDetail): void {
  OBSERVERS.get(type)?.(receipt, detail);
}

type Observer = (receipt: Receipt, detail: EventDetail) => void;

const OBSERVERS: ReadonlyMap<string, Observer> = new Map<string, Observer>([
  ["app-server.turn.started", (receipt, { turnId }) => {
    receipt.started = true;
    receipt.turnId = turnId ?? null;
  }],
  ["app-server.item.started", (receipt, { item, itemId }) => {
    receipt.reconnecting = false;
    if (!isObject(item) || !isTool(item) || typeof itemId !== "string") return;
    receipt.openTools.add(itemId);
    receipt.modelHasSpoken = true;
    noteItemStarted(receipt.work, itemId, item);
  }],
  ["app-server.item.completed", (receipt, { item, itemId }) => {
    receipt.reconnecting = false;
    if (typeof itemId === "string") receipt.openTools.delete(itemId);
    if (!isObject(item)) return;
    if (item["type"] !== "userMessage") receipt.modelHasSpoken = true;
    if (typeof itemId === "string") noteItemCompleted(receipt.work, itemId, item);
    takeMessage(receipt, item);
  }],
  ["app-server.turn.plan.updated", (receipt, { plan }) => {
    if (Array.isArray(plan)) receipt.work.plan = readPlan(plan);
  }],
  ["app-server.turn.diff.updated", (receipt, { diff }) => {
    if (typeof diff === "string") receipt.diff = cutDiff(diff);
  }],
  ["app-server.turn.usage.updated", takeUsage],
  ["app-server.turn.error", (receipt, detail) => {
    if (detail["willRetry"] === true) receipt.reconnecting = true;
    else receipt.error = readTurnError(detail["error"]) ?? receipt.error;
  }],
  ["app-server.turn.completed", (receipt, { turn }) => {
    if (!isObject(turn)) return;
    for (const item of Array.isArray(turn["items"]) ? turn["items"] : []) takeMessage(receipt, item);
    receipt.error = readTurnError(turn["error"]) ?? receipt.error;
  }],
  ...(["approval.requested", "approval.resolved", "approval.orphaned"] as const).map((type): [string, Observer] => [
    type, ({ approvals, work, turnId }, detail) => noteApproval(approvals, work, turnId, type, detail),
  ]),
]);

/** The usage of a thread that no model has worked on. */
export const NO_TOKENS: TokenUsage = {
  totalTokens: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 0,
};

export type OutcomeStatus = Extract<TurnStatus, "completed" | "failed" | "interrupted">;

const OUTCOMES: ReadonlySet<unknown> = new Set<OutcomeStatus>(["completed", "failed", "interrupted"]);

/** How Codex says a turn has ended; one that it calls by any other word has ended all the same. */
export function outcomeStatus(status: unknown): OutcomeStatus {
  return OUTCOMES.has(status) ? (status as OutcomeStatus) : "failed";
}

/** Codex's error object as a receipt has it; undefined where there is none. */
export function readTurnError(error: unknown): TurnError | undefined {
  if (!isObject(error)) return undefined;
  const { message, codexErrorInfo, additionalDetails } = error;
  return {
    message: typeof message === "string" ? message : "Codex gave no message",
    reason: null,
    codexErrorInfo: codexErrorInfo ?? null,
    additionalDetails: typeof additionalDetails === "string" ? additionalDetails : null,
  };
}

/** The error of a turn that codexd ended itself. */
export function ownTurnError(reason: string, message: string): TurnError {
  return { message, reason, codexErrorInfo: null, additionalDetails: null };
}

/** What Codex has counted on the whole thread; undefined where an event of usage does not say. */
export function readUsageTotal({ tokenUsage }: Record<string, unknown>): TokenUsage | undefined {
  return isObject(tokenUsage) ? readUsage(tokenUsage["total"]) : undefined;
}

function takeMessage(receipt: Receipt, item: unknown): void {
  if (isObject(item) && item["type"] === "agentMessage" && typeof item["text"] === "string") {
    receipt.finalMessage = item["text"];
  }
}

function takeUsage(receipt: Receipt, detail: EventDetail): void {
  const total = readUsageTotal(detail);
  if (total === undefined) return;
  receipt.usageTotal = total;
  receipt.usageBefore ??= usageBeforeThis(receipt, detail, total);
  const { usageBefore } = receipt;
  const used = usageBefore === undefined ? total : subtract(total, usageBefore);
  if (COUNTS.some((name) => used[name] !== 0)) receipt.tokenUsage = used;
}

/** Nobody has said what stood before: either the model has added `last` to it, or this is it. */
function usageBeforeThis(receipt: Receipt, detail: EventDetail, total: TokenUsage): TokenUsage | undefined {
  if (!receipt.modelHasSpoken) return total;
  const last = readUsage((detail["tokenUsage"] as Record<string, unknown>)["last"]);
  return last === undefined ? undefined : subtract(total, last);
}

function readPlan(plan: readonly unknown[]): PlanStep[] {
  return plan.slice(0, LIMITS.receiptItemsMax).filter(isObject).map(({ step, status }) => ({
    step: typeof step === "string" ? step : "",
    status: typeof status === "string" ? status : "pending",
  }));
}

/** Whole lines of it; the last one says that there were more. */
function cutDiff(diff: string): string {
  const most = LIMITS.receiptDiffCharsMax;
  if (diff.length <= most) return diff;
  const end = diff.lastIndexOf("\n", most - 1) + 1;
  const note = `[cut by codexd: ${diff.length} characters; the turn's newest app-server.turn.diff.updated has all]`;
  return `${diff.slice(0, end === 0 ? most : end)}${note}\n`;
}

const COUNTS = Object.keys(NO_TOKENS) as ReadonlyArray<keyof TokenUsage>;

function readUsage(value: unknown): TokenUsage | undefined {
  if (!isObject(value)) return undefined;
  const { totalTokens, inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens } = value;
  return {
    totalTokens: countOf(totalTokens),
    inputTokens: countOf(inputTokens),
    cachedInputTokens: countOf(cachedInputTokens),
    outputTokens: countOf(outputTokens),
    reasoningOutputTokens: countOf(reasoningOutputTokens),
  };
}

function countOf(value: unknown): number {
  // JSON's 1e999 is Infinity, which no record can hold.
  return Number.isFinite(value) ? Number(value) : 0;
}

function subtract(total: TokenUsage, part: TokenUsage): TokenUsage {
  return {
    totalTokens: total.totalTokens - part.totalTokens,
    inputTokens: total.inputTokens - part.inputTokens,
    cachedInputTokens: total.cachedInputTokens - part.cachedInputTokens,
    outputTokens: total.outputTokens - part.outputTokens,
    reasoningOutputTokens: total.reasoningOutputTokens - part.reasoningOutputTokens,
  };
}
