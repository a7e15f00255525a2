// What a run's processes are known by where a policy keeps codexd's own mark from them: the id of Codex's thread.
//
// Codex sets it in the environment of every command. Deliberately not whose thread it is. Invariant: the id is taken
// from what Codex itself prints, and only what looks like one becomes a mark.

import { foldExecEvent, NO_PROGRESS } from "../codex/exec-events.ts";
import { parseExecEvent } from "./exec-output.ts";

/** The variable in the environment of every command, and of no server that Codex starts for itself. */
export const COMMAND_MARK = "CODEX_THREAD_ID";

const THREAD_ID = /^[0-9a-f-]{36}$/;

/** `NAME=value`; none where the thread is not known. */
export function threadMarks(threadId: string | null): string[] {
  return threadId !== null && THREAD_ID.test(threadId) ? [`${COMMAND_MARK}=${threadId}`] : [];
}

/** The thread that a run has named in the beginning of its stdout; a line that is cut names none. */
export function threadIdIn(stdout: string): string | null {
  const events = stdout.split("\n").map(parseExecEvent);
  return events.reduce((progress, event) => foldExecEvent(progress, event ?? {}), NO_PROGRESS).threadId;
}
