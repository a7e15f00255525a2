// A clock that stands still until a test moves it.
//
// Wall and monotonic time are the same here, and start at 0; timers fire in the order of their times, inside `advance`.

import type { Clock } from "../../src/base/clock.ts";

export interface ManualClock extends Clock {
  /** Moves on by `ms`, and fires what is due on the way. */
  advance(ms: number): void;
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number;
}

export function createManualClock(): ManualClock {
  const timers = new Set<{ readonly atMs: number; readonly fn: () => void }>();
  let nowMs = 0;
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    after(ms, fn) {
      const timer = { atMs: nowMs + ms, fn };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      const end = nowMs + ms;
      for (;;) {
        const due = [...timers].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers.delete(due);
        nowMs = Math.max(nowMs, due.atMs);
        due.fn();
      }
      nowMs = end;
    },
    get pending() {
      return timers.size;
    },
  };
}
