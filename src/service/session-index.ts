// Which session a thread belongs to, and which threads the running child has loaded.
//
// Invariant: `loaded` speaks of one life of the child only; a thread loaded by an earlier one counts as not loaded.

import type { SessionRecord } from "../core/records.ts";
import type { CodexdStore } from "./tables.ts";

export interface SessionIndex {
  /** The newest session on a thread, closed ones too: late events of a thread still belong to someone. */
  sessionIdOn(threadId: string): string | null;
  /** Must be told of each session that gets a thread. Gives the way back, for a change that was refused. */
  set(session: SessionRecord): () => void;
  /** The session's record has been dropped. */
  forget(session: SessionRecord): void;
  isLoaded(threadId: string, generation: number): boolean;
  markLoaded(threadId: string, generation: number): void;
  markUnloaded(threadId: string): void;
}

export function createSessionIndex(store: CodexdStore): SessionIndex {
  const byThread = new Map<string, string>();
  const loaded = new Set<string>();
  let generation = 0;
  for (const { threadId, sessionId } of store.tables.session.newestFirst()) {
    if (threadId !== null && !byThread.has(threadId)) byThread.set(threadId, sessionId);
  }
  return {
    sessionIdOn: (threadId) => byThread.get(threadId) ?? null,
    set({ threadId, sessionId }) {
      if (threadId === null) return () => undefined;
      const before = byThread.get(threadId);
      byThread.set(threadId, sessionId);
      return () => {
        if (before === undefined) byThread.delete(threadId);
        else byThread.set(threadId, before);
      };
    },
    forget({ threadId, sessionId }) {
      if (threadId !== null && byThread.get(threadId) === sessionId) byThread.delete(threadId);
    },
    isLoaded: (threadId, ofGeneration) => ofGeneration === generation && loaded.has(threadId),
    markLoaded(threadId, ofGeneration) {
      if (ofGeneration !== generation) loaded.clear();
      generation = ofGeneration;
      loaded.add(threadId);
    },
    markUnloaded: (threadId) => void loaded.delete(threadId),
  };
}
