// A promise with its two ends apart, for answers that come from somewhere else.
//
// Deliberately not a queue or an event: it settles once, and whoever comes late sees the same outcome.

/** `promise` settles when `resolve` or `reject` is called first; later calls do nothing. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** A pending promise that the caller settles. */
export function createDeferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
