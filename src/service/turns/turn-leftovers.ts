// The commands that a session's turns have left running, ended when somebody wants the session to stop.
//
// Codex ends none of them with the turn: it calls them background terminals, and ends its own part of them when it is
// asked. What has left that part (a process with a session of its own) is found by its marks, which is child/'s half
// and given here. A command that has just begun does die with its turn, so that there is a look before and one after.
// Deliberately not the end of the turn itself (interrupts.ts). Invariants: a turn that has begun meanwhile keeps its
// commands; it comes to an end itself, within `LIMITS.cleanTerminalsMs` and one sweep.

import type { EndOfThread, SeenProcess } from "../../child/leftovers.ts";
import { CodexdError } from "../../core/errors.ts";
import { leftoversEvent } from "../../core/leftovers-event.ts";
import { LIMITS } from "../../core/limits.ts";
import { NOTHING_STOPPED, type StopReport } from "../../core/processes.ts";
import type { SessionRecord } from "../../core/records.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import type { SessionIndex } from "../sessions/session-index.ts";
import type { CodexdStore } from "../tables.ts";
import type { OpenTurns } from "./open-turns.ts";

/** The processes of this machine, as far as they are this codexd's. */
export interface ThreadProcesses {
  /** What carries a thread's marks now. */
  ofThread(threadId: string): Promise<readonly SeenProcess[]>;
  /**
   * Ends the commands of a thread: looks, has Codex asked, and ends what is left. From the moment on that `isIdle` is
   * false nothing new is looked at; what was `seen` before is ended and told all the same.
   */
  endThread(threadId: string, how: EndOfThread): Promise<StopReport>;
}

export interface TurnLeftoversOptions {
  readonly store: CodexdStore;
  readonly appServer: AppServerGate;
  readonly index: SessionIndex;
  readonly open: OpenTurns;
  /** Null where processes are not codexd's to see: of an app-server that runs elsewhere, or an injected spawner. */
  readonly processes: ThreadProcesses | null;
}

type SessionThread = Pick<SessionRecord, "sessionId" | "threadId">;

export interface TurnLeftovers {
  /** What the turns of a session run now: to be asked before one is interrupted, and given to `end` behind it. */
  look(session: SessionThread): Promise<readonly SeenProcess[]>;
  /** Ends what the turns of a session have left running; that is told in an event too. */
  end(session: SessionThread, seen?: readonly SeenProcess[]): Promise<StopReport>;
}

export function createTurnLeftovers(options: TurnLeftoversOptions): TurnLeftovers {
  const { store, appServer, index, open, processes } = options;

  /** An adapter may have no such method, and a child that dies takes its own commands with it. */
  const askCodex = async (threadId: string): Promise<void> => {
    const server = appServer.current;
    if (server === undefined || !index.isLoaded(threadId, server.generation)) return;
    try {
      const limit = { timeoutMs: LIMITS.cleanTerminalsMs };
      await server.client.call("thread/backgroundTerminals/clean", { threadId }, limit);
    } catch (error) {
      if (!(error instanceof CodexdError)) throw error;
    }
  };

  return {
    async look({ threadId }) {
      return threadId === null || processes === null ? [] : processes.ofThread(threadId);
    },

    async end({ sessionId, threadId }, seen = []) {
      if (threadId === null) return NOTHING_STOPPED;
      const isIdle = (): boolean => open.onThread(threadId) === undefined;
      if (!isIdle() && seen.length === 0) return NOTHING_STOPPED;
      const ask = (): Promise<void> => askCodex(threadId);
      if (processes === null) {
        await ask();
        return NOTHING_STOPPED;
      }
      const stop = await processes.endThread(threadId, { ask, isIdle, seen });
      const draft = leftoversEvent("interrupted", stop, { sessionId, threadId });
      if (draft !== null) store.append(draft);
      return stop;
    },
  };
}

/** Both of what was stopped: a session can be stopped in several goes. */
export function joinReports(one: StopReport, other: StopReport): StopReport {
  return { stopped: [...one.stopped, ...other.stopped], survived: other.survived };
}
