// What a turn has done, folded out of its events as they pass: constant cost per event, no history.
//
// The same fold serves the live stream and recovery, which reads the events back from the journal. Invariant: text is
// taken from completed items only, so that a message whose stream broke off and was retried is never counted twice.

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
  /** Items that run something and have not ended. */
  readonly openTools: Set<string>;
  reconnecting: boolean;
  started: boolean;
}

export function createReceipt(): Receipt {
  return {
    finalMessage: null, error: null, tokenUsage: null, usageBefore: undefined, openTools: new Set(),
    reconnecting: false, started: false,
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
    if (isObject(item) && isTool(item) && typeof itemId === "string") receipt.openTools.add(itemId);
  }],
  ["app-server.item.completed", (receipt: Receipt, { item, itemId }: EventDetail) => {
    receipt.reconnecting = false;
    if (typeof itemId === "string") receipt.openTools.delete(itemId);
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

function takeUsage(receipt: Receipt, { tokenUsage }: EventDetail): void {
  if (!isObject(tokenUsage)) return;
  const total = readUsage(tokenUsage["total"]);
  const last = readUsage(tokenUsage["last"]);
  if (total === undefined) return;
  receipt.usageBefore ??= last === undefined ? undefined : subtract(total, last);
  receipt.tokenUsage = receipt.usageBefore === undefined ? total : subtract(total, receipt.usageBefore);
}

const COUNTS = ["totalTokens", "inputTokens", "cachedInputTokens", "outputTokens", "reasoningOutputTokens"] as const;

function readUsage(value: unknown): TokenUsage | undefined {
  if (!isObject(value)) return undefined;
  const entries = COUNTS.map((name) => [name, typeof value[name] === "number" ? value[name] : 0]);
  return Object.fromEntries(entries) as TokenUsage;
}

function subtract(total: TokenUsage, part: TokenUsage): TokenUsage {
  return Object.fromEntries(COUNTS.map((name) => [name, total[name] - part[name]])) as unknown as TokenUsage;
}
