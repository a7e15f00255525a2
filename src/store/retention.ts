// Removes the oldest closed segments when the journal is larger than it may be.
//
// Invariant: a segment goes only as a whole, and only when every checkpoint stands for all of it.

import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";
import type { Segment } from "./segment.ts";

export interface RetentionOptions {
  readonly bytesMax: number;
  readonly writer: { readonly segments: readonly Segment[]; removeOldest(): Promise<void> };
  readonly log: Logger;
  /** Lines up to this seq are in every checkpoint, and nobody needs them. */
  safeSeq(): number;
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

  async #removeAll(): Promise<void> {
    const { writer, log } = this.#options;
    try {
      while (this.#oldestMayGo()) await writer.removeOldest();
    } catch (error) {
      log.warn("an old segment of the journal could not be removed", { error: errorMessage(error) });
    }
  }

  #oldestMayGo(): boolean {
    const { bytesMax, writer, safeSeq } = this.#options;
    const next = writer.segments[1];
    if (next === undefined || next.firstSeq - 1 > safeSeq()) return false;
    return writer.segments.reduce((sum, segment) => sum + segment.bytes, 0) > bytesMax;
  }
}
