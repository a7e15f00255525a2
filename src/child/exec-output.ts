// What a run prints, taken as it comes: objects to whoever follows it, and of all of it what its record holds.
//
// Of stdout the beginning is kept and of stderr the end, where the reason of a failure stands; the whole of both goes
// to `onOutput` only. Invariant: whatever is printed, and however long its lines are, what is kept has a bound.

import { stripAnsi } from "../base/ansi.ts";
import { isObject } from "../base/decode.ts";
import { foldExecEvent, NO_PROGRESS, type ExecProgress } from "../codex/exec-events.ts";
import { LIMITS } from "../core/limits.ts";
import { redact } from "../core/redact.ts";
import type { CodexExecRequest, RunResult } from "../core/runs.ts";
import { isDeeper } from "../protocol/json-depth.ts";
import { createLineSkipper } from "../protocol/line-skipper.ts";
import { createTextHead, createTextTail } from "./text-ends.ts";

/** What is shown of a line that is no object. */
const PARSE_ERROR_CHARS_MAX = 200;

/** What the record holds of it; stderr without colours and secrets. */
export type ExecText = Pick<RunResult, "jsonEvents" | "jsonParseErrors" | "stdout" | "stderr">;

export interface ExecOutput {
  readonly progress: ExecProgress;
  /** @throws what a callback throws. */
  stdout(chunk: Buffer): void;
  /** @throws what a callback throws. */
  stderr(chunk: Buffer): void;
  /** Nothing more comes: a last line without a newline is taken. @throws what a callback throws. */
  end(): void;
  text(): ExecText;
}

export function createExecOutput({ onEvent, onOutput }: Pick<CodexExecRequest, "onEvent" | "onOutput">): ExecOutput {
  const stdoutHead = createTextHead(LIMITS.runTextBytesMax);
  const stderrTail = createTextTail(LIMITS.runTextBytesMax);
  const jsonEvents = createBoundedList<unknown>(LIMITS.runTextBytesMax);
  const jsonParseErrors = createBoundedList<string>(LIMITS.runTextBytesMax);
  let progress = NO_PROGRESS;

  const noteError = (text: string): void => jsonParseErrors.add(text, Buffer.byteLength(text));

  const lines = createLineSkipper({
    lineBytesMax: LIMITS.runLineBytesMax,
    onLine(line) {
      const event = parseExecEvent(line);
      if (event === undefined) return noteError(line.slice(0, PARSE_ERROR_CHARS_MAX));
      progress = foldExecEvent(progress, event);
      if (jsonEvents.isOpen) jsonEvents.add(event, Buffer.byteLength(line));
      onEvent?.(event);
    },
    onSkipped: () => noteError(`(a line of more than ${LIMITS.runLineBytesMax} bytes)`),
  });

  return {
    get progress() {
      return progress;
    },
    stdout(chunk) {
      stdoutHead.push(chunk);
      onOutput?.("stdout", chunk);
      lines.push(chunk);
    },
    stderr(chunk) {
      stderrTail.push(chunk);
      onOutput?.("stderr", chunk);
    },
    end() {
      lines.end();
    },
    text: () => ({
      jsonEvents: jsonEvents.elements,
      jsonParseErrors: jsonParseErrors.elements,
      stdout: stdoutHead.text(),
      stderr: redact(stripAnsi(stderrTail.text())),
    }),
  };
}

/** The object that a line holds; undefined where it is none, or one that no JSON writer could write again. */
export function parseExecEvent(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && !isDeeper(line, LIMITS.childJsonDepthMax) ? value : undefined;
  } catch {
    // Not JSON: the caller counts it.
    return undefined;
  }
}

/** A list that closes with the first element that no longer fits, so that it has no holes. */
interface BoundedList<T> {
  readonly elements: readonly T[];
  readonly isOpen: boolean;
  add(element: T, bytes: number): void;
}

function createBoundedList<T>(bytesMax: number): BoundedList<T> {
  const elements: T[] = [];
  let room = bytesMax;
  return {
    elements,
    get isOpen() {
      return room > 0;
    },
    add(element, bytes) {
      if (bytes <= room) elements.push(element);
      room = bytes <= room ? room - bytes : 0;
    },
  };
}
