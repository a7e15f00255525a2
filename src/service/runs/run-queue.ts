// The runs that wait, first in, first out.
//
// Deliberately without slots and time: who takes from it knows how many may run. Invariant: a run keeps its place
// until it is removed, so that one whose start or cancellation was refused has lost nothing.

export interface RunQueue<R> {
  /** Those that wait, the held ones among them. */
  readonly size: number;
  add(runId: string, run: R): void;
  /** The first that nobody holds, which is held from then on. */
  takeFirst(): R | undefined;
  /** False when somebody holds it, or it is not here. */
  hold(runId: string): boolean;
  /** Ends the holding. */
  release(runId: string): void;
  remove(runId: string): void;
}

export function createRunQueue<R>(): RunQueue<R> {
  const waiting = new Map<string, R>();
  const held = new Set<string>();
  return {
    get size() {
      return waiting.size;
    },
    add: (runId, run) => void waiting.set(runId, run),
    takeFirst() {
      // What is held stands at the front, or is on its way out: there is little to step over.
      for (const [runId, run] of waiting) {
        if (held.has(runId)) continue;
        held.add(runId);
        return run;
      }
      return undefined;
    },
    hold(runId) {
      if (!waiting.has(runId) || held.has(runId)) return false;
      held.add(runId);
      return true;
    },
    release: (runId) => void held.delete(runId),
    remove(runId) {
      waiting.delete(runId);
      held.delete(runId);
    },
  };
}
