// Waiting with a limit, for answers that may come late or never.
// Giving up ends the waiting, never what is waited for, and leaves nothing behind.

import type { Clock } from "../base/clock.ts";
import type { Latch } from "../base/latch.ts";

/** The value of `latch`, or undefined when `ms` milliseconds have passed or `signal` has aborted first. */
export function within<T>(clock: Clock, latch: Latch<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  if (latch.isSet) return Promise.resolve(latch.value);
  return new Promise((resolve) => {
    const finish = (value: T | undefined): void => {
      timer.cancel();
      signal?.removeEventListener("abort", giveUp);
      leave();
      resolve(value);
    };
    const giveUp = (): void => finish(undefined);
    const timer = clock.after(ms, giveUp);
    const leave = latch.onSet(finish);
    signal?.addEventListener("abort", giveUp, { once: true });
    if (signal?.aborted === true) giveUp();
  });
}
