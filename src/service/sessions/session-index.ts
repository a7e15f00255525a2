// Which session a thread belongs to, and which threads the running child has loaded.
//
// Invariant: `loaded` speaks of one life of the child only; a thread loaded by an earlier one counts as not loaded.

import type { ThreadFacts } from "../../codex/methods.ts";
import { canonicalThreadId } from "../../codex/thread-methods.ts";
import type { SessionRecord } from "../../core/records.ts";
import type { CodexdStore } from "../tables.ts";

export interface SessionIndex {
  /** The newest session on a thread, closed ones too: late events of a thread still belong to someone. */
  sessionIdOn(threadId: string): string | null;
  /** The same as its record, by an id in whatever way a caller writes it. */
  sessionOn(threadId: string): SessionRecord | undefined;
  /** Must be told of each session that gets a thread. Gives the way back, for a change that was refused. */
  set(session: SessionRecord): () => void;
  /** The session's record has been dropped. */
  forget(session: SessionRecord): void;
  isLoaded(threadId: string, generation: number): boolean;
  /** `facts` are kept for a thread without a session: before its first turn Codex tells them only once. */
  markLoaded(threadId: string, generation: number, facts?: ThreadFacts): void;
  /** What was kept of a loaded thread. */
  factsOf(threadId: string, generation: number): ThreadFacts | undefined;
  markUnloaded(threadId: string): void;
}

export function createSessionIndex(store: CodexdStore): SessionIndex {
  const byThread = new Map<string, string>();
  const loaded = new Map<string, ThreadFacts | undefined>();
  let generation = 0;
  for (const { threadId, sessionId } of store.tables.session.newestFirst()) {
    if (threadId !== null && !byThread.has(threadId)) byThread.set(threadId, sessionId);
  }
  return {
    sessionIdOn: (threadId) => byThread.get(threadId) ?? null,
    sessionOn(threadId) {
      const sessionId = byThread.get(threadId) ?? byThread.get(canonicalThreadId(threadId));
      return sessionId === undefined ? undefined : store.tables.session.get(sessionId);
    },
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
    factsOf: (threadId, ofGeneration) => (ofGeneration === generation ? loaded.get(threadId) : undefined),
    markLoaded(threadId, ofGeneration, facts) {
      if (ofGeneration !== generation) loaded.clear();
      generation = ofGeneration;
      loaded.set(threadId, facts);
    },
    markUnloaded: (threadId) => void loaded.delete(threadId),
  };
}
