// What a turn has done, folded out of its events as they pass: constant cost per event, no history.
//
// The same fold serves the live stream and recovery, which reads the events back from the journal. Invariant: text is
// taken from completed items only, so that a message whose stream broke off and was retried is never counted twice.
// Neither are tokens: Codex tells the thread's total again at a steer and a retry, and 0.116 at every turn's start.

import { isObject } from "../base/decode.ts";
import type { EventDetail } from "../core/event.ts";
import type { TokenUsage, TurnError, TurnStatus } from "../core/records.ts";

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
}

export function createReceipt(): Receipt {
  return {
    finalMessage: null, error: null, tokenUsage: null, usageBefore: undefined, usageTotal: undefined,
    modelHasSpoken: false, openTools: new Set(), reconnecting: false, started: false,
  };
}

/** Takes one event of the turn in. Deltas change nothing and need not be shown. */
export function observe(receipt: Receipt, type: string, detail: EventDetail): void {
  OBSERVERS.get(type)?.(receipt, detail);
}

const OBSERVERS: ReadonlyMap<string, (receipt: Receipt, detail: EventDetail) => void> = new Map([
  ["app-server.turn.started", (receipt: Receipt) => {
    receipt.started = true;
  }],
  ["app-server.item.started", (receipt: Receipt, { item, itemId }: EventDetail) => {
    receipt.reconnecting = false;
    if (!isObject(item) || !isTool(item) || typeof itemId !== "string") return;
    receipt.openTools.add(itemId);
    receipt.modelHasSpoken = true;
  }],
  ["app-server.item.completed", (receipt: Receipt, { item, itemId }: EventDetail) => {
    receipt.reconnecting = false;
    if (typeof itemId === "string") receipt.openTools.delete(itemId);
    if (isObject(item) && item["type"] !== "userMessage") receipt.modelHasSpoken = true;
    takeMessage(receipt, item);
  }],
  ["app-server.turn.usage.updated", (receipt: Receipt, detail: EventDetail) => takeUsage(receipt, detail)],
  ["app-server.turn.error", (receipt: Receipt, detail: EventDetail) => {
    if (detail["willRetry"] === true) receipt.reconnecting = true;
    else receipt.error = readTurnError(detail["error"]) ?? receipt.error;
  }],
  ["app-server.turn.completed", (receipt: Receipt, { turn }: EventDetail) => {
    if (!isObject(turn)) return;
    for (const item of Array.isArray(turn["items"]) ? turn["items"] : []) takeMessage(receipt, item);
    receipt.error = readTurnError(turn["error"]) ?? receipt.error;
  }],
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

const TOOL_ITEMS = new Set([
  "commandExecution", "fileChange", "mcpToolCall", "dynamicToolCall", "webSearch", "collabToolCall",
]);

function isTool(item: Record<string, unknown>): boolean {
  return typeof item["type"] === "string" && TOOL_ITEMS.has(item["type"]);
}

function takeMessage(receipt: Receipt, item: unknown): void {
  if (isObject(item) && item["type"] === "agentMessage" && typeof item["text"] === "string") {
    receipt.finalMessage = item["text"];
  }
}

function takeUsage(receipt: Receipt, detail: EventDetail): void {
  const total = readUsageTotal(detail);
  if (total === undefined) return;
  const last = readUsage((detail["tokenUsage"] as Record<string, unknown>)["last"]);
  receipt.usageTotal = total;
  // Nobody has said what stood before: either the model has added `last` to it, or this is it.
  receipt.usageBefore ??= !receipt.modelHasSpoken ? total : last === undefined ? undefined : subtract(total, last);
  const { usageBefore } = receipt;
  const used = usageBefore === undefined ? total : subtract(total, usageBefore);
  if (COUNTS.some((name) => used[name] !== 0)) receipt.tokenUsage = used;
}

const COUNTS = Object.keys(NO_TOKENS) as ReadonlyArray<keyof TokenUsage>;

function readUsage(value: unknown): TokenUsage | undefined {
  if (!isObject(value)) return undefined;
  const entries = COUNTS.map((name) => [name, typeof value[name] === "number" ? value[name] : 0]);
  return Object.fromEntries(entries) as TokenUsage;
}

function subtract(total: TokenUsage, part: TokenUsage): TokenUsage {
  return Object.fromEntries(COUNTS.map((name) => [name, total[name] - part[name]])) as unknown as TokenUsage;
}
