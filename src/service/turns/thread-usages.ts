// What Codex has counted on its threads: from there the next turn's own tokens are counted.
//
// Only a help, never the truth: what was dropped, or counted in an earlier life of codexd, is guessed out of the turn's
// own events (receipts.ts). Invariant: it does not grow with the number of threads that there have been.

import { RecentMap } from "../../base/recent-map.ts";
import type { TokenUsage } from "../../core/records.ts";

export interface ThreadUsages {
  /** Undefined where nobody has said, or too long ago. */
  of(threadId: string | null): TokenUsage | undefined;
  /** Keeps the total of a thread; does nothing where either is missing. */
  note(threadId: string | null, total: TokenUsage | undefined): void;
}

/** Keeps the `kept` threads that were noted last. */
export function createThreadUsages(kept: number): ThreadUsages {
  const totals = new RecentMap<string, TokenUsage>(kept);
  return {
    of: (threadId) => totals.get(threadId ?? ""),
    note(threadId, total) {
      if (threadId !== null && total !== undefined) totals.set(threadId, total);
    },
  };
}
