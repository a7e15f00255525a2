// A value that comes once, for any number of waiters who may come and go before it does.
//
// Why not a promise: whoever waits on a promise stays on it until it settles, so that a caller who polls something
// long would leave a trace with each poll. Invariant: a waiter that has left holds nothing here.

export interface Latch<T> {
  readonly isSet: boolean;
  /** The value, or undefined while there is none. */
  readonly value: T | undefined;
  /** Sets it and tells all who wait, in the order they came; later calls do nothing. */
  set(value: T): void;
  /** Calls `listener` once, at once where the value is there already. Gives the way to leave. */
  onSet(listener: (value: T) => void): () => void;
}

export function createLatch<T>(): Latch<T> {
  const listeners = new Set<(value: T) => void>();
  let held: { readonly value: T } | undefined;
  return {
    get isSet() {
      return held !== undefined;
    },
    get value() {
      return held?.value;
    },
    set(value) {
      if (held !== undefined) return;
      held = { value };
      for (const listener of listeners) listener(value);
      listeners.clear();
    },
    onSet(listener) {
      if (held !== undefined) {
        listener(held.value);
        return () => undefined;
      }
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
