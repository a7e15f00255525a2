// What the embedded agent says about a turn, as Codex 0.169 spells it: items, notifications, a turn's description.
//
// Pure: values in, messages out; the order in which they go stands in turns.ts and performance.ts. Invariant: the
// members that codexd reads are there under Codex's names; what is Codex's own affair is left out.

import type { RpcParams } from "../protocol/json-rpc.ts";
import type { Thread } from "./threads.ts";

export type Item = Record<string, unknown> & { readonly id: string };
export type Notify = (method: string, params: RpcParams) => void;

/** As much of a turn as a message about it needs. */
export interface TurnIdentity {
  readonly id: string;
  readonly thread: Thread;
  /** Wall time; null before it has started. */
  readonly startedAtMs: number | null;
}

export interface TurnEnd {
  readonly status: "completed" | "failed" | "interrupted";
  readonly error: TurnFailure | null;
}

export interface TurnFailure {
  readonly message: string;
  readonly codexErrorInfo: string;
  readonly additionalDetails: null;
}

export function turnFailure(message: string): TurnFailure {
  return { message, codexErrorInfo: "other", additionalDetails: null };
}

/** A turn that has no end yet. */
export function openTurn({ id, startedAtMs }: TurnIdentity): Record<string, unknown> {
  return {
    id, rootTurnId: id, items: [], itemsView: "notLoaded", status: "inProgress", error: null,
    startedAt: startedAtMs === null ? null : Math.floor(startedAtMs / 1000), completedAt: null, durationMs: null,
  };
}

export function endedTurn(
  turn: TurnIdentity,
  { status, error }: TurnEnd,
  { nowMs, lastMessage }: { nowMs: number; lastMessage: Item | null },
): Record<string, unknown> {
  const items = status === "completed" && lastMessage !== null ? [lastMessage] : [];
  return {
    ...openTurn(turn), status, error, items, itemsView: items.length > 0 ? "summary" : "notLoaded",
    completedAt: Math.floor(nowMs / 1000), durationMs: nowMs - (turn.startedAtMs ?? nowMs),
  };
}

export function userMessage(id: string, input: ReadonlyArray<Record<string, unknown>>, atMs: number): Item {
  const content = input.map((part) => (part["type"] === "text" ? { ...part, text_elements: [] } : part));
  return { type: "userMessage", id, clientId: null, content, startedAtMs: atMs, completedAtMs: atMs };
}

export function agentMessage(id: string, text: string, startedAtMs: number, completedAtMs: number | null): Item {
  return { type: "agentMessage", id, text, phase: null, startedAtMs, completedAtMs };
}

/** A command before it has ended; `processId` null while it waits for a decision. */
export function commandItem(id: string, command: string, cwd: string, startedAtMs: number): Item {
  return {
    type: "commandExecution", id, command, cwd, processId: null, source: "agent", status: "inProgress",
    commandActions: [{ type: "unknown", command }], aggregatedOutput: null, exitCode: null, durationMs: null,
    startedAtMs, completedAtMs: null,
  };
}

/** No tokens: nothing was asked of a model. */
export const NO_USAGE = {
  totalTokens: 0, inputTokens: 0, cachedInputTokens: 0, cacheWriteInputTokens: 0, outputTokens: 0,
  reasoningOutputTokens: 0,
} as const;

/** `flags` of an active thread. */
export function activeStatus(flags: readonly string[] = []): Record<string, unknown> {
  return { type: "active", activeFlags: flags };
}
