// Who waits until the journal has got as far as a seq.
// Invariant: each is settled once, in the order in which they came.

interface Waiter {
  readonly seq: number;
  resolve(): void;
  reject(error: Error): void;
}

export class SeqWaiters {
  /** Their seqs never go back. */
  #waiters: Waiter[] = [];

  get any(): boolean {
    return this.#waiters.length > 0;
  }

  /** `seq` is not below that of the call before. */
  wait(seq: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.push({ seq, resolve, reject }));
  }

  /** Lets those go who wait for `seq` or an earlier one. */
  reached(seq: number): void {
    const later = this.#waiters.findIndex((waiter) => waiter.seq > seq);
    for (const waiter of this.#waiters.splice(0, later < 0 ? this.#waiters.length : later)) waiter.resolve();
  }

  rejectAll(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
