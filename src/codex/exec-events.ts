// What a run has come to, folded out of the objects that `codex exec --json` prints.
//
// Pure and lenient: what it does not know changes nothing. Invariant: only `turn.completed` is success; an `error` that
// announces another try is not the end, and neither is an item of type error, which is a warning.

import { isObject } from "../base/decode.ts";
import type { TokenUsage } from "../core/records.ts";

export interface ExecProgress {
  readonly threadId: string | null;
  /** The newest message of the agent. */
  readonly lastMessage: string | null;
  /** Of the thread, which for a run is the run's own. */
  readonly tokenUsage: TokenUsage | null;
  readonly completed: boolean;
  /** Why the turn failed, in Codex's words. */
  readonly failure: string | null;
}

export const NO_PROGRESS: ExecProgress = {
  threadId: null, lastMessage: null, tokenUsage: null, completed: false, failure: null,
};

const RETRY = /^Reconnecting\b/i;

type Step = (event: Record<string, unknown>, before: ExecProgress) => Partial<ExecProgress>;

const STEPS: ReadonlyMap<unknown, Step> = new Map<unknown, Step>([
  ["thread.started", (event, before) => ({ threadId: textOf(event["thread_id"]) ?? before.threadId })],
  ["item.completed", ({ item }, before) => {
    if (!isObject(item) || item["type"] !== "agent_message") return {};
    return { lastMessage: textOf(item["text"]) ?? before.lastMessage };
  }],
  ["turn.completed", ({ usage }) => ({ completed: true, failure: null, tokenUsage: usageOf(usage) })],
  ["turn.failed", ({ error }, before) => {
    const message = isObject(error) ? textOf(error["message"]) : null;
    return { completed: false, failure: message ?? before.failure ?? "the turn failed, and Codex did not say why" };
  }],
  ["error", ({ message }, before) => {
    const text = textOf(message);
    return text === null || RETRY.test(text) ? {} : { failure: before.failure ?? text };
  }],
]);

/** What stands after `event`; `before` itself where it says nothing new. */
export function foldExecEvent(before: ExecProgress, event: Record<string, unknown>): ExecProgress {
  const step = STEPS.get(event["type"]);
  return step === undefined ? before : { ...before, ...step(event, before) };
}

/** Whether it announces another try, and so neither an end nor any progress. */
export function isRetry({ type, message }: Record<string, unknown>): boolean {
  return type === "error" && typeof message === "string" && RETRY.test(message);
}

/** 0.116 leaves out what it does not count. */
function usageOf(usage: unknown): TokenUsage | null {
  if (!isObject(usage)) return null;
  const count = (name: string): number => {
    const value = usage[name];
    // JSON's 1e999 is Infinity, which no record can hold.
    return Number.isSafeInteger(value) ? Number(value) : 0;
  };
  const inputTokens = count("input_tokens");
  const outputTokens = count("output_tokens");
  return {
    totalTokens: inputTokens + outputTokens,
    inputTokens,
    cachedInputTokens: count("cached_input_tokens"),
    outputTokens,
    reasoningOutputTokens: count("reasoning_output_tokens"),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
