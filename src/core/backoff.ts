// How long to wait before the next try: doubling, bounded, with jitter so that many clients do not march in step.
//
// Pure: who waits, and when it counts anew, is the caller's. Invariant: never more than `mostMs`, whatever the count.

export interface BackoffOptions {
  firstMs: number;
  mostMs: number;
  /** Between 0 and 1: the part of the delay that chance may take away. */
  jitter: number;
}

/**
 * The delay before try `attempt` (1 is the first retry), in milliseconds.
 * `random` gives a number from 0 up to but not including 1.
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions, random: () => number): number {
  const doublings = Math.min(Math.max(attempt - 1, 0), 30);
  const full = Math.min(options.firstMs * 2 ** doublings, options.mostMs);
  return Math.round(full * (1 - options.jitter * random()));
}
