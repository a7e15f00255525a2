// Brings what the journal has written to the medium: soon after a write where that is promised, or when asked.
//
// Deliberately not the syncs of a batch before it is acknowledged, which are a part of its write. Invariant: `seq` is
// the newest line that is known to be on the medium; a sync that has failed is told, and never tried again.

import type { Clock, Timer } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";

export interface JournalSyncOptions {
  readonly clock: Clock;
  /** Everything written before the call is on the medium when it resolves. */
  sync(): Promise<void>;
  /** The newest line that is written. */
  headSeq(): number;
  /** Lines up to `seq` are on the medium. */
  onSynced(seq: number): void;
  /** For good. */
  onFailed(error: unknown): void;
}

export class JournalSync {
  readonly #options: JournalSyncOptions;
  #seq = 0;
  #timer: Timer | undefined;

  constructor(options: JournalSyncOptions) {
    this.#options = options;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Of lines that were synced elsewhere. */
  reached(seq: number): void {
    this.#seq = Math.max(this.#seq, seq);
    this.#options.onSynced(seq);
  }

  /** Within `LIMITS.journalSyncMs`. */
  soon(): void {
    // Half of what is promised: the sync itself takes a while too.
    this.#timer ??= this.#options.clock.after(LIMITS.journalSyncMs / 2, () => {
      this.#timer = undefined;
      void this.now();
    });
  }

  /** Never rejects. */
  async now(): Promise<void> {
    const { sync, headSeq, onFailed } = this.#options;
    const seq = headSeq();
    try {
      await sync();
      this.reached(seq);
    } catch (error) {
      onFailed(error);
    }
  }

  /** What was to happen soon does not. */
  cancel(): void {
    this.#timer?.cancel();
  }
}
