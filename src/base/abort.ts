// Several signals as one, for as long as it is needed.
//
// Why not AbortSignal.any: its result hangs on its sources for as long as they live, and a client's own signal lives
// as long as the client, whatever the number of its calls. Invariant: a released join holds nothing of its sources.

export interface AbortJoin {
  /** Aborts with the reason of the first source that does. */
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Leaves the sources; the signal aborts no more because of them. */
  release(): void;
}

export function joinAborts(sources: ReadonlyArray<AbortSignal | undefined>): AbortJoin {
  const controller = new AbortController();
  const removals: Array<() => void> = [];
  for (const source of sources) {
    if (source === undefined) continue;
    if (source.aborted) {
      controller.abort(source.reason);
      continue;
    }
    const follow = (): void => controller.abort(source.reason);
    source.addEventListener("abort", follow, { once: true });
    removals.push(() => source.removeEventListener("abort", follow));
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release() {
      for (const remove of removals.splice(0)) remove();
    },
  };
}
