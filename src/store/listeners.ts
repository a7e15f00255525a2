// Who is told of something, in the order in which they came.
// Invariant: what a listener throws is logged and reaches neither the teller nor the other listeners.

import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";

export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Gives the way out. */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        this.#log.error("a subscriber of the journal threw", { error: errorMessage(error) });
      }
    }
  }
}
