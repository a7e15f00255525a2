// When the journal writes what waits: at once after a pause, together with its neighbours in a stream of lines.
//
// A write and what follows it, one system call for each reader, cost the same for one line as for a hundred. So the
// time that they take is kept to a share of all time, unless much waits or somebody waits for an answer.
//
// Invariant: a line waits for `LIMITS.journalPaceMs` at most, and never behind one that has gone.

import type { Clock, Timer } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";

/** After a write in a stream the journal rests for so many times as long as that took. */
const REST_TIMES = 3;

export class FlushPace {
  readonly #clock: Clock;
  readonly #flush: () => void;
  #timer: Timer | undefined;
  /** Monotonic milliseconds. */
  #startedAt = Number.NEGATIVE_INFINITY;
  #restUntil = Number.NEGATIVE_INFINITY;

  /** `flush` is called when a line that was told to wait has waited long enough. */
  constructor(clock: Clock, flush: () => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  /** Whether what waits is to be written now; `isAwaited` where somebody waits for it. */
  isDue(bytes: number, isAwaited: boolean): boolean {
    if (isAwaited || bytes >= LIMITS.journalPaceBytes || this.#clock.monotonic() >= this.#restUntil) return true;
    this.#timer ??= this.#clock.after(LIMITS.journalPaceMs, () => {
      this.#timer = undefined;
      this.#flush();
    });
    return false;
  }

  /** A write begins. */
  begun(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#startedAt = this.#clock.monotonic();
  }

  /** It has ended, and been told; `hasMore` where lines have come meanwhile. */
  ended(hasMore: boolean): void {
    const now = this.#clock.monotonic();
    // Only lines that come faster than they are written gain by a rest; those that come one by one would be late.
    this.#restUntil = hasMore ? now + REST_TIMES * (now - this.#startedAt) : now;
  }
}
