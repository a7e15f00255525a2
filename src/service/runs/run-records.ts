// A run's record from its beginning to its end, and the events that say so: pure, no files, no processes.
//
// Invariants: what a record holds inline is bounded, and what was cut from it is in the whole that goes beside it;
// the environment is in neither.

import { isObject } from "../../base/decode.ts";
import { errorMessage } from "../../core/errors.ts";
import { messageLine, type EventDetail, type EventDraft, type EventLevel, type EventType } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import { NOTHING_STOPPED, type StopReport } from "../../core/processes.ts";
import { NO_WORK, type WorkReceipt } from "../../core/records.ts";
import type {
  CodexExecRequest, RunInvocation, RunOutcome, RunRecord, RunResult, RunStatus, StartRunInput,
} from "../../core/runs.ts";
import { cutText } from "../long-values.ts";

/** A request as it lies beside the line: all that the executor is asked for. */
export type StoredRequest = Omit<StartRunInput, "sessionId" | "metadata" | "waitMs"> & { readonly cwd: string };

/** Of what an error says, as much as of an answer. */
const ERROR_BYTES_MAX = LIMITS.finalMessageEventCharsMax;

/** How a run has ended. */
export interface RunEnd {
  readonly status: Extract<RunStatus, "completed" | "failed" | "cancelled">;
  readonly error: RunRecord["error"];
  readonly invocation: RunInvocation | null;
  readonly result: RunResult | null;
  readonly stop: StopReport;
  /** What it has done; null where it has not begun. */
  readonly work: WorkReceipt | null;
  /** Its last message, of a run that has no result to hold it. */
  readonly said: string | null;
  readonly threadId: string | null;
  /** Bytes of its output that could not be written. */
  readonly lostBytes: number;
}

/** What the record would hold if nothing were too long for it. */
export interface RunWhole {
  readonly prompt: string;
  readonly finalMessage: string | null;
  readonly result: RunRecord["result"];
  /** Left out of files that an older codexd has written. */
  readonly work?: WorkReceipt;
  /** Left out where the record has it whole. */
  readonly error?: RunRecord["error"];
}

export function queuedRecord(
  runId: string, input: StartRunInput & { readonly cwd: string }, now: string,
): RunRecord {
  return {
    runId, sessionId: input.sessionId ?? null, status: "queued", adapter: "codex-exec",
    prompt: cutText(input.prompt, LIMITS.inlineInputBytesMax), purpose: input.purpose ?? "fallback-worker",
    cwd: input.cwd, createdAt: now, updatedAt: now, startedAt: null, finishedAt: null, error: null, summary: null,
    finalMessage: null, exitCode: null, tokenUsage: null, metadata: input.metadata ?? {}, result: null,
    ...NO_WORK, firstSeq: null, liveness: null,
  };
}

/** False where the record may hold its prompt cut, so that the whole one is beside the line. */
export function hasWholePrompt({ prompt }: RunRecord): boolean {
  // A cut leaves out a character that is not whole, of four bytes at most.
  return Buffer.byteLength(prompt) <= LIMITS.inlineInputBytesMax - 4;
}

/** The record of a run that has ended; `whole` is what must lie beside it, null when all of it is inline. */
export function endedRecord(
  run: RunRecord, end: RunEnd, prompt: string, now: string,
): { readonly record: RunRecord; readonly whole: RunWhole | null } {
  const { result, invocation } = end;
  const finalMessage = result?.lastMessage ?? end.said;
  const exitCode = result?.exitCode ?? null;
  const summary = finalMessage ?? (exitCode === null ? null : `exit_code:${exitCode}`);
  const both = invocation === null ? null : { invocation, result };
  const work = end.work ?? NO_WORK;
  const record: RunRecord = {
    ...run,
    ...work,
    status: end.status,
    updatedAt: now,
    finishedAt: now,
    error: end.error === null ? null : { ...end.error, message: cutText(end.error.message, ERROR_BYTES_MAX) },
    summary: summary === null ? null : cutText(summary, LIMITS.finalMessageEventCharsMax),
    finalMessage,
    exitCode,
    tokenUsage: result?.tokenUsage ?? null,
    result: both,
  };
  const isShort = hasWholePrompt(run) && Buffer.byteLength(finalMessage ?? "") <= LIMITS.inlineInputBytesMax &&
    Buffer.byteLength(JSON.stringify(both)) <= LIMITS.inlineResultBytesMax;
  const isShortWork = Buffer.byteLength(JSON.stringify(work)) <= LIMITS.inlineResultBytesMax;
  const isShortError = record.error?.message === end.error?.message;
  if (isShort && isShortWork && isShortError) return { record, whole: null };
  const cut = { finalMessage: cutOrNull(finalMessage, LIMITS.inlineInputBytesMax), result: cutResult(both) };
  return {
    record: {
      ...record,
      ...(isShort ? {} : cut),
      // Its error stays, so that a value that is only elsewhere is not taken for one that did not parse.
      ...(isShortWork ? {} : { ...NO_WORK, structuredOutputError: work.structuredOutputError }),
    },
    whole: { prompt, finalMessage, result: both, work, ...(isShortError ? {} : { error: end.error }) },
  };
}

/** The record with what was cut from it put back. */
export function withWhole(run: RunRecord, whole: Record<string, unknown>): RunRecord {
  const { prompt, finalMessage, result, work, error } = whole as unknown as Partial<RunWhole>;
  return {
    ...run,
    ...work,
    prompt: prompt ?? run.prompt,
    finalMessage: finalMessage ?? run.finalMessage,
    result: result ?? run.result,
    error: error ?? run.error,
  };
}

const END_LEVELS: Record<RunEnd["status"], EventLevel> = { completed: "info", failed: "error", cancelled: "warn" };
const END_TYPES: Record<RunEnd["status"], EventType> = {
  completed: "run.completed", failed: "run.failed", cancelled: "run.cancelled",
};

export function runEvent(type: EventType, message: string, run: RunRecord, more: EventDetail = {}): EventDraft {
  return { level: "info", type, message, detail: { runId: run.runId, sessionId: run.sessionId, ...more } };
}

/** The one event that ends a run; `finalMessage` is cut, because the record and its files have it whole. */
export function endedEvent(record: RunRecord, end: RunEnd): EventDraft {
  const why = record.error === null || end.status === "cancelled" ? "" : `: ${record.error.message}`;
  const lost = end.lostBytes === 0 ? "" : ` (${end.lostBytes} bytes of its output could not be written)`;
  const detail: EventDetail = {
    threadId: end.threadId ?? end.result?.threadId ?? null,
    status: end.status,
    exitCode: record.exitCode,
    error: record.error,
    finalMessage: record.finalMessage?.slice(0, LIMITS.finalMessageEventCharsMax) ?? null,
    tokenUsage: record.tokenUsage,
    stopped: end.stop.stopped,
    survived: end.stop.survived,
    lostOutputBytes: end.lostBytes,
  };
  const message = messageLine(`run ${end.status}${why}${lost}`);
  return { ...runEvent(END_TYPES[end.status], message, record, detail), level: END_LEVELS[end.status] };
}

/** An end that no executor has told. */
export function ownEnd(status: RunEnd["status"], reason: string, message: string, stop = NOTHING_STOPPED): RunEnd {
  return {
    status, error: { message, reason }, invocation: null, result: null, stop, work: null, said: null, threadId: null,
    lostBytes: 0,
  };
}

const NO_RESULT: RunResult = {
  exitCode: null, signal: null, timedOut: false, durationMs: 0, startedAt: "", finishedAt: "", lastMessage: null,
  threadId: null, tokenUsage: null, jsonEvents: [], jsonParseErrors: [], stdout: "", stderr: "",
};

/**
 * What an executor gives, as plain JSON of the shape that the records need: it may be a program of a stranger's, in
 * a language without types.
 */
export function readOutcome(value: unknown, request: CodexExecRequest): RunOutcome {
  let plain: unknown;
  try {
    plain = JSON.parse(JSON.stringify(value) ?? "null");
  } catch (error) {
    return failure(`the executor gave an outcome that is not JSON: ${errorMessage(error)}`);
  }
  if (!isObject(plain)) return failure("the executor gave no outcome");
  const result = isObject(plain["result"]) ? readResult(plain["result"]) : undefined;
  const invocation = { ...invocationOf(request), ...(isObject(plain["invocation"]) ? plain["invocation"] : {}) };
  const stop = isObject(plain["stop"]) ? { stop: { ...NOTHING_STOPPED, ...plain["stop"] } as StopReport } : {};
  if (plain["ok"] === true) {
    return result === undefined ? failure("the executor gave no result") : { ok: true, invocation, result, ...stop };
  }
  const told = isObject(plain["error"]) ? plain["error"] : {};
  const message = typeof told["message"] === "string" ? told["message"] : "the run has failed";
  const reason = typeof told["reason"] === "string" ? told["reason"] : null;
  return { ok: false, invocation, ...(result === undefined ? {} : { result }), error: { message, reason }, ...stop };
}

/** What is measured, cut and written later must be what its name says; the rest is passed on as it is. */
const RESULT_FITS: { readonly [K in keyof RunResult]?: (value: unknown) => boolean } = {
  lastMessage: isText, stdout: isText, stderr: isText, jsonEvents: Array.isArray, jsonParseErrors: Array.isArray,
};

function readResult(given: Record<string, unknown>): RunResult {
  const fits = ([name, value]: [string, unknown]): boolean => RESULT_FITS[name as keyof RunResult]?.(value) ?? true;
  const fitting = Object.entries(given).filter(fits);
  return { ...NO_RESULT, ...Object.fromEntries(fitting) };
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

/** For an executor that has thrown, or has given what no record can hold. */
export function failure(message: string): RunOutcome {
  return { ok: false, error: { message, reason: "executor_error" } };
}

function cutOrNull(text: string | null, bytesMax: number): string | null {
  return text === null ? null : cutText(text, bytesMax);
}

function cutResult(both: RunRecord["result"]): RunRecord["result"] {
  if (both === null) return null;
  const { invocation, result } = both;
  const lastMessage = cutOrNull(result?.lastMessage ?? null, LIMITS.inlineExcerptBytesMax);
  const short = Buffer.byteLength(JSON.stringify(invocation.args)) <= LIMITS.inlineExcerptBytesMax;
  return {
    invocation: {
      ...invocation,
      prompt: cutText(invocation.prompt, LIMITS.inlineExcerptBytesMax),
      args: short ? invocation.args : [],
    },
    result: result === null
      ? null
      : { ...result, lastMessage, stdout: "", stderr: "", jsonEvents: [], jsonParseErrors: [] },
  };
}

function invocationOf(request: CodexExecRequest): RunInvocation {
  return {
    command: request.command ?? "codex",
    args: [...(request.commandArgs ?? [])],
    cwd: request.cwd ?? "",
    prompt: request.prompt,
    purpose: request.purpose ?? "fallback-worker",
    timeoutMs: request.timeoutMs ?? null,
  };
}
