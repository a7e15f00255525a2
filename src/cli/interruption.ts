// Ctrl-C for a command that has work under way elsewhere: the first one ends the work, the second one leaves at once.
//
// Invariant: whoever waits can always be got rid of: by the first signal where there is nothing to end, by the second
// one in any case.

import type { CliIo } from "./command.ts";

export interface Interruption {
  /** Aborts when the command is to be left at once. */
  readonly leave: AbortSignal;
  /** It was interrupted, whatever has come of it. */
  readonly interrupted: boolean;
  /** From now on the first signal, or the end of the output's reader, calls `end` in place of leaving. */
  arm(end: () => void): void;
  /** There is nothing to end any more: the next signal leaves. */
  disarm(): void;
  /** Ends the watching. */
  release(): void;
}

export function watchInterruption(io: CliIo): Interruption {
  const leave = new AbortController();
  let interrupted = false;
  let end: (() => void) | null = null;
  let ending = false;

  const leaveNow = (): void => leave.abort(new Error("interrupted"));
  const interrupt = (): void => {
    interrupted = true;
    if (end === null || ending) return leaveNow();
    ending = true;
    end();
  };
  const removals = [
    ...(["SIGINT", "SIGTERM"] as const).map((signal) => io.onSignal(signal, interrupt)),
    // A closed pipe says so at each write: only the first one means anything.
    io.onOutputClosed(() => {
      if (!ending) interrupt();
    }),
  ];
  return {
    leave: leave.signal,
    get interrupted() {
      return interrupted;
    },
    arm: (by) => void (end = by),
    disarm: () => void (end = null),
    release() {
      for (const remove of removals) remove();
    },
  };
}
