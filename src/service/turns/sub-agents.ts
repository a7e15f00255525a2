// Whose the threads of sub-agents are: Codex starts them by itself, for a turn of a thread that a session has.
//
// Only a help: of a thread that was dropped, approvals belong to no session. Invariant: it does not grow with the
// number of sub-agents that there have been.

import { RecentMap } from "../../base/recent-map.ts";
import type { TurnName } from "../approvals/approval-records.ts";
import type { OpenTurns } from "./open-turns.ts";

/** The turn that a sub-agent works for, and the session of that. */
export interface SubAgentRoot extends TurnName {
  readonly sessionId: string;
}

export interface SubAgents {
  /** A turn has begun on `threadId` as part of another one. */
  begun(threadId: string, rootTurnId: string): void;
  rootOf(threadId: string): SubAgentRoot | undefined;
  clear(): void;
}

/** Keeps the `kept` threads whose turns have begun last. */
export function createSubAgents(open: Pick<OpenTurns, "all">, kept: number): SubAgents {
  const roots = new RecentMap<string, SubAgentRoot>(kept);
  return {
    begun(threadId, rootTurnId) {
      const root = open.all().find(({ record }) => record.turnId === rootTurnId)?.record;
      // One that has ended meanwhile is still known as long as its sub-agents are.
      const found = root === undefined || root.threadId === null ? roots.get(threadId)
        : { threadId: root.threadId, turnId: rootTurnId, sessionId: root.sessionId };
      if (found !== undefined) roots.set(threadId, found);
    },
    rootOf: (threadId) => roots.get(threadId),
    clear: () => roots.clear(),
  };
}
