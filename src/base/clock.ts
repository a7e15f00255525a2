// Time as a parameter: everything that waits or stamps takes a Clock, so that tests own the time.
//
// Wall time is for people and records, monotonic time for measuring: a jump of the wall clock must change no wait.

/** A timer that can be cancelled; those of `systemClock` never keep the process alive by themselves. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time in milliseconds since the epoch; may jump. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic(): number;
  /** Calls `fn` once after `ms` milliseconds. */
  after(ms: number, fn: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const handle = setTimeout(fn, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The same time, with timers that do keep the process alive: for a program that has nothing else to wait with. */
export const holdingClock: Clock = {
  ...systemClock,
  after(ms, fn) {
    const handle = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `ms` milliseconds, or as soon as `signal` aborts; never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.after(ms, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}

/** ISO 8601 in UTC with milliseconds, as every `…At` field of codexd's records has it. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
