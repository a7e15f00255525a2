// What was opened is closed in the reverse order, also when half of a start has failed.
//
// Invariant: every cleanup runs, whatever the others throw; the first error is thrown when all have run.

export interface Disposer {
  /** Adds a cleanup; those added last run first. */
  add(cleanup: () => void | Promise<void>): void;
  /** Runs and forgets all cleanups. @throws the first error, after all have run. */
  dispose(): Promise<void>;
}

export function createDisposer(): Disposer {
  const cleanups: Array<() => void | Promise<void>> = [];
  return {
    add(cleanup) {
      cleanups.push(cleanup);
    },
    async dispose() {
      const errors: unknown[] = [];
      for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) {
        try {
          await cleanup();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}
