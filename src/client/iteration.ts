// A generator that can be left at any moment, also while it waits.
//
// A generator's own `return()` waits for the `next()` that is under way, which for a quiet stream may take for ever.
// Invariant: `return()` ends what is under way, and then nothing of it is left open.

import { joinAborts } from "../base/abort.ts";

/**
 * Runs `generate` with a signal that aborts with any of `sources`, or at `return()`. After an abort by a source the
 * iteration throws that source's reason; after `return()` it is simply over.
 */
export function createIteration<T>(
  sources: ReadonlyArray<AbortSignal | undefined>,
  generate: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AsyncIterableIterator<T> {
  const abort = joinAborts(sources);
  const generator = generate(abort.signal);
  const over: IteratorReturnResult<undefined> = { done: true, value: undefined };
  let left = false;
  const iteration: AsyncIterableIterator<T> = {
    async next() {
      try {
        const step = await generator.next();
        if (step.done !== true) return step;
      } catch (error) {
        if (!left) throw error;
      }
      abort.release();
      return over;
    },
    async return() {
      left = true;
      abort.abort(new Error("the iteration was left"));
      abort.release();
      await generator.return();
      return over;
    },
    [Symbol.asyncIterator]: () => iteration,
  };
  return iteration;
}
