// Warns once of each turn and run that has been quiet for too long, and interrupts turns that have been so for longer.
//
// Deliberately not what they do meanwhile (liveness.ts, run-liveness.ts): whoever waits for a person is never looked
// at, everybody else is, also a command that says nothing. Invariants: one timer for all, set for the moment at which
// the next may be due, so that progress costs nothing here; one warning a quiet period, which only progress ends.

import type { Clock, Timer } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";

/** Something that may be quiet. */
export interface Quiet {
  /** The thing itself: the same object at every look. */
  readonly work: object;
  /** When it was last seen to get on, by the monotonic clock. */
  readonly progressMs: number;
  /** Writes the warning down. */
  warn(quietMs: number): void;
  /** Ends it; left out where it is not to be ended. */
  interrupt?(quietMs: number): void;
}

export interface StallWatchOptions {
  /** From this age of the last progress on; null is never. */
  readonly stallWarnMs: number | null;
  readonly stallInterruptMs: number | null;
  /** What runs now, less what waits for a person. */
  readonly look: () => Iterable<Quiet>;
  readonly clock: Clock;
}

export interface StallWatch {
  /** A second call changes nothing. */
  begin(): void;
  stop(): void;
}

export function createStallWatch({ look, clock, ...options }: StallWatchOptions): StallWatch {
  const { stallWarnMs: warnMs, stallInterruptMs: interruptMs } = options;
  const limits = [warnMs, interruptMs].filter((limit) => limit !== null);
  // What begins or gets on behind a look is not due before so much time has passed.
  const roundMs = Math.min(...limits);
  /** The progress behind which a warning has been given. */
  const warned = new WeakMap<object, number>();
  let timer: Timer | undefined;

  const judge = (quiet: Quiet, nowMs: number): void => {
    const quietMs = Math.round(nowMs - quiet.progressMs);
    if (warnMs !== null && quietMs >= warnMs && warned.get(quiet.work) !== quiet.progressMs) {
      warned.set(quiet.work, quiet.progressMs);
      quiet.warn(quietMs);
    }
    if (interruptMs !== null && quietMs >= interruptMs) quiet.interrupt?.(quietMs);
  };

  const check = (): void => {
    const nowMs = clock.monotonic();
    let nextMs = roundMs;
    for (const quiet of look()) {
      judge(quiet, nowMs);
      for (const limit of limits) {
        const leftMs = quiet.progressMs + limit - nowMs;
        if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
      }
    }
    timer = clock.after(Math.max(LIMITS.stallCheckMs, Math.ceil(nextMs)), check);
  };

  return {
    begin() {
      if (timer === undefined && limits.length > 0) check();
    },
    stop: () => timer?.cancel(),
  };
}
