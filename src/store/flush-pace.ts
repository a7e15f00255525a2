// When the journal writes what waits: at once after a pause, together with its neighbours in a stream of lines.
//
// A write and what follows it, one system call for each reader, cost the same for one line as for a hundred. So the
// time that they take is kept to a share of all time, unless much waits or somebody waits for an answer.
//
// Invariant: a line waits for `LIMITS.journalPaceMs` at most, and never behind one that has gone.

import type { Clock, Timer } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";

/** After a flush the journal rests for so many times as long as that took. */
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

  /** Whether what waits is to be flushed now; `urgent` where somebody waits for the newest line. */
  isDue(bytes: number, urgent: boolean): boolean {
    if (urgent || bytes >= LIMITS.journalPaceBytes || this.#clock.monotonic() >= this.#restUntil) return true;
    this.#timer ??= this.#clock.after(LIMITS.journalPaceMs, () => {
      this.#timer = undefined;
      this.#flush();
    });
    return false;
  }

  begun(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#startedAt = this.#clock.monotonic();
  }

  ended(): void {
    const now = this.#clock.monotonic();
    this.#restUntil = now + REST_TIMES * (now - this.#startedAt);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
