// What is told of a disk without room: to the caller who is refused, in the journal, and in the store's health.
// Only the words and shapes; when they are told is decided in journal.ts.

import { errorCode } from "../base/error-code.ts";
import { CodexdError, errorMessage, EXIT, ExitError } from "../core/errors.ts";
import type { EventDraft, EventEntry } from "../core/event.ts";

/** Since when the disk is full, and what is held. */
export interface Degraded {
  readonly since: string;
  readonly reason: string;
  /** The newest line that was written before. */
  readonly headSeq: number;
  readonly refused: number;
}

/** A clause for people. */
export function fullReason(error: unknown): string {
  const code = errorCode(error);
  const what = code === "ENOSPC" || code === "EDQUOT" ? "the disk is full" : "the disk cannot be written now";
  return `${what} (${errorMessage(error)})`;
}

/** For whoever asked for a change that was not made. */
export function storageFull(reason: string): CodexdError {
  return new CodexdError("storage_full", `the change was not made: ${reason}`);
}

/** The end comes before there is room. */
export function heldToTheEnd(events: number, reason: string): ExitError {
  return new ExitError(EXIT.diskFailed, `${events} events could not be written: ${reason}`);
}

/** Takes the place, and the seq, of a line whose change was undone. */
export function refusedDraft(entry: EventEntry, reason: string): EventDraft {
  const { sessionId, threadId, runId, type } = entry;
  return {
    level: "error",
    type: "storage.degraded",
    message: `${type} was refused: ${reason}`,
    detail: { sessionId, threadId, runId, refused: type, reason },
  };
}

/** Follows when all that was held has been written. */
export function recoveredDraft(detail: { since: string; heldEvents: number; refused: number }): EventDraft {
  return {
    level: "warn",
    type: "storage.recovered",
    message: `the disk has room again; ${detail.heldEvents} events were held since ${detail.since}`,
    detail,
  };
}
