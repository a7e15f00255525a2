// The newest batches as they were published, so that a reader who is a little behind costs no read and no checking.
//
// Deliberately small and shared by all readers: whoever is further behind reads the files at its own pace.
// Invariant: what is here has been published, has no gap, and weighs `bytesMax` at most.

import type { EventBatch } from "../core/event.ts";

export class RecentBatches {
  readonly #bytesMax: number;
  /** Oldest first, from `#from` on: what was before it is cut off now and then. */
  #batches: EventBatch[] = [];
  #from = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(batch: EventBatch): void {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.lastSeq + 1 !== batch.firstSeq) this.#clear();
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
    while (this.#bytes > this.#bytesMax && this.#from < this.#batches.length) {
      this.#bytes -= (this.#batches[this.#from] as EventBatch).bytes.length;
      this.#from += 1;
    }
    if (this.#from > this.#batches.length / 2) {
      this.#batches = this.#batches.slice(this.#from);
      this.#from = 0;
    }
  }

  /** The event after `seq` and those that were published with it; undefined when it is not here. */
  after(seq: number): EventBatch | undefined {
    const batches = this.#batches;
    const oldest = batches[this.#from];
    if (oldest === undefined || seq + 1 < oldest.firstSeq) return undefined;
    let low = this.#from;
    let high = batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((batches[middle] as EventBatch).lastSeq > seq) high = middle;
      else low = middle + 1;
    }
    const found = batches[low];
    return found === undefined || found.firstSeq > seq ? found : cutBefore(found, seq + 1);
  }

  #clear(): void {
    this.#batches = [];
    this.#from = 0;
    this.#bytes = 0;
  }
}

function cutBefore(batch: EventBatch, firstSeq: number): EventBatch {
  return { ...batch, firstSeq, entries: batch.entries.slice(firstSeq - batch.firstSeq) };
}
