// Removes the oldest closed segments when the journal is larger than it may be.
//
// Invariant: a segment goes only as a whole, with the details that lie beside its lines, and only when every
// checkpoint stands for all of it.

import { errorCode } from "../base/error-code.ts";
import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { segmentBytesOf, type Segment } from "./segment.ts";

export interface RetentionOptions {
  readonly bytesMax: number;
  readonly writer: { readonly segments: readonly Segment[]; removeOldest(): Promise<void> };
  readonly log: Logger;
  /** Lines up to this seq are in every checkpoint. */
  safeSeq(): number;
  /**
   * What is still wanted begins here: it stays while the journal is below `LIMITS.journalKeptTimes` its size. At 0,
   * while nobody knows yet what is wanted, all of it stays.
   */
  keepFromSeq(safeSeq: number): number;
  /** The disk failed for good. */
  onFailed(error: unknown): void;
}

export class Retention {
  readonly #options: RetentionOptions;
  #running: Promise<void> | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Removes what may go; never rejects. Resolves when that is done. */
  run(): Promise<void> {
    this.#running ??= this.#removeAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when nothing is being removed. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #removeAll(): Promise<void> {
    const { writer, log, onFailed } = this.#options;
    try {
      while (this.#oldestMayGo()) await writer.removeOldest();
    } catch (error) {
      // A file that cannot be removed stays for the next time; a sync that has failed is not tried again.
      if (errorCode(error) === undefined) return onFailed(error);
      log.warn("an old segment of the journal could not be removed", { error: errorMessage(error) });
    }
  }

  #oldestMayGo(): boolean {
    const { bytesMax, writer, safeSeq, keepFromSeq } = this.#options;
    const next = writer.segments[1];
    const safe = safeSeq();
    const wanted = keepFromSeq(safe);
    if (wanted === 0 || next === undefined || next.firstSeq - 1 > safe) return false;
    const bytes = writer.segments.reduce((sum, segment) => sum + segmentBytesOf(segment), 0);
    return bytes > (next.firstSeq > wanted ? LIMITS.journalKeptTimes * bytesMax : bytesMax);
  }
}
