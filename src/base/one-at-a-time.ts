// Work on one thing after another: each waits until all that came before it, for the same key, is over.
//
// Deliberately without a limit or a way to leave: who comes has been admitted elsewhere. Invariants: the order is that
// of the calls; a failure is its caller's alone; a key that nobody works on holds nothing here.

/** Calls `body` when everything before it for this key has ended, and gives what it gives. */
export type OneAtATime = <T>(key: string, body: () => Promise<T>) => Promise<T>;

export function createOneAtATime(): OneAtATime {
  /** By key, the end of the last that came. */
  const atWork = new Map<string, Promise<void>>();
  return (key, body) => {
    const result = (atWork.get(key) ?? Promise.resolve()).then(body);
    const over: Promise<void> = result.then(() => undefined, () => undefined).then(() => {
      if (atWork.get(key) === over) atWork.delete(key);
    });
    atWork.set(key, over);
    return result;
  };
}
