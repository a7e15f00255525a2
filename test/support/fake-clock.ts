// Time that only a test moves.
//
// Wall and monotonic time go on together; `jump` moves the wall alone, as an administrator's hand does. Invariant:
// timers fire in the order of their times, those of one time in the order they were set, each seeing its own time.

import type { Clock } from "../../src/base/clock.ts";

export interface FakeClock extends Clock {
  /** Lets `ms` pass: fires what is due, and after each timer lets everything run that does not wait for time. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock by `ms`, forwards or back, and nothing else. */
  jump(ms: number): void;
  /** Timers that are set: how long each still has, shortest first. */
  readonly dueInMs: readonly number[];
}

interface PendingTimer {
  readonly at: number;
  readonly fn: () => void;
}

export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsed = 0;
  let wall = startMs;
  let timers: PendingTimer[] = [];

  const takeDue = (until: number): PendingTimer | undefined => {
    const next = timers[0];
    if (next === undefined || next.at > until) return undefined;
    timers.shift();
    return next;
  };

  const moveTo = (time: number): void => {
    wall += time - elapsed;
    elapsed = time;
  };

  return {
    now: () => wall,
    monotonic: () => elapsed,
    after(ms, fn) {
      const timer = { at: elapsed + Math.max(0, ms), fn };
      const later = timers.findIndex((other) => other.at > timer.at);
      timers.splice(later === -1 ? timers.length : later, 0, timer);
      return {
        cancel() {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (let due = takeDue(until); due !== undefined; due = takeDue(until)) {
        moveTo(due.at);
        due.fn();
        await settle();
      }
      moveTo(until);
    },
    jump(ms) {
      wall += ms;
    },
    get dueInMs() {
      return timers.map(({ at }) => at - elapsed);
    },
  };
}

/** Resolves when every promise that waits for no time and no other process has gone as far as it can. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
