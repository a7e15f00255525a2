// Waiting with a limit, for answers that may come late or never.
// Giving up ends the waiting, never what is waited for.

import type { Clock } from "../base/clock.ts";

/**
 * The value of `promise`, or undefined when `ms` milliseconds have passed or `signal` has aborted first.
 * The promise itself goes on. @throws (rejects) what `promise` rejects with, within the time.
 */
export function within<T>(clock: Clock, promise: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => settle(() => resolve(undefined));
    const timer = clock.after(ms, giveUp);
    const settle = (finish: () => void): void => {
      timer.cancel();
      signal?.removeEventListener("abort", giveUp);
      finish();
    };
    signal?.addEventListener("abort", giveUp, { once: true });
    if (signal?.aborted === true) giveUp();
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
