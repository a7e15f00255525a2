// A map that does not grow: of its entries it keeps those that were set last.
//
// For what helps and is no truth: whoever finds nothing does without. Deliberately not moved by reading. Invariant:
// never more entries than `most`, in the order in which they were set.

export class RecentMap<K, V> {
  readonly #most: number;
  readonly #entries = new Map<K, V>();

  /** @param most entries, at least one. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** What was set before under this key counts as set now. */
  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#most) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** The oldest first. An entry may be deleted while this is gone through. */
  entries(): Iterable<[K, V]> {
    return this.#entries;
  }
}
