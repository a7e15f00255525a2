// Which session a thread belongs to, and which threads the running child has loaded.
//
// Invariant: `loaded` speaks of one life of the child only; a thread loaded by an earlier one counts as not loaded.

import type { SessionRecord } from "../core/records.ts";
import type { CodexdStore } from "./tables.ts";

export interface SessionIndex {
  /** The newest session on a thread, closed ones too: late events of a thread still belong to someone. */
  sessionIdOn(threadId: string): string | null;
  /** Must be told of each session that gets a thread. */
  set(session: SessionRecord): void;
  isLoaded(threadId: string, generation: number): boolean;
  markLoaded(threadId: string, generation: number): void;
  markUnloaded(threadId: string): void;
}

export function createSessionIndex(store: CodexdStore): SessionIndex {
  const byThread = new Map<string, string>();
  const loadedIn = new Map<string, number>();
  for (const { threadId, sessionId } of store.tables.session.newestFirst()) {
    if (threadId !== null && !byThread.has(threadId)) byThread.set(threadId, sessionId);
  }
  return {
    sessionIdOn: (threadId) => byThread.get(threadId) ?? null,
    set({ threadId, sessionId }) {
      if (threadId !== null) byThread.set(threadId, sessionId);
    },
    isLoaded: (threadId, generation) => loadedIn.get(threadId) === generation,
    markLoaded: (threadId, generation) => void loadedIn.set(threadId, generation),
    markUnloaded: (threadId) => void loadedIn.delete(threadId),
  };
}
