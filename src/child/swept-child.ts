// The child's beginning and ends, with all that it has left: ended before the first child is started, whenever one has
// died, and when the last one has been stopped.
//
// Deliberately not how a child is kept at hand (supervisor.ts), nor what is a leftover (leftovers.ts). Invariants: one
// sweep at a time; no child is started before what an earlier life of codexd has left is ended; each sweep comes to an
// end by itself, and what it ended is told.

import { errorMessage } from "../core/errors.ts";
import type { EventDraft } from "../core/event.ts";
import { leftoversEvent, type SweepReason } from "../core/leftovers-event.ts";
import { NOTHING_STOPPED } from "../core/processes.ts";
import type { Leftovers } from "./leftovers.ts";
import type { ProcessEntry } from "./process-tree.ts";
import type { Supervisor } from "./supervisor.ts";

export interface SweptChild {
  /** As the supervisor's, behind a sweep. */
  start(): Promise<void>;
  /** As the supervisor's, behind the sweep that is under way. */
  restart(why: string): Promise<void>;
  /** A child has died, and codexd goes on. */
  died(): void;
  /** As the supervisor's, and then a sweep. */
  stop(): Promise<void>;
}

export interface SweptChildOptions {
  readonly supervisor: Pick<Supervisor, "start" | "restart" | "stop">;
  readonly leftovers: Leftovers;
  report(draft: EventDraft): void;
  /** A sweep that has failed is not the end of anything else. */
  warn(reason: string): void;
}

export function createSweptChild({ supervisor, leftovers, report, warn }: SweptChildOptions): SweptChild {
  let last: Promise<unknown> = Promise.resolve();
  let stopping = false;

  const attempt = <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    const done = last.then(work).catch((error: unknown) => {
      warn(errorMessage(error));
      return otherwise;
    });
    last = done;
    return done;
  };

  const sweep = async (reason: SweepReason, known?: readonly ProcessEntry[]): Promise<void> => {
    const stop = await attempt(() => leftovers.endStrays(known), NOTHING_STOPPED);
    const draft = leftoversEvent(reason, stop);
    if (draft !== null) report(draft);
  };

  return {
    async start() {
      await sweep("daemon_started");
      if (!stopping) await supervisor.start();
    },
    async restart(why) {
      await last;
      await supervisor.restart(why);
    },
    died() {
      if (!stopping) void sweep("child_exited");
    },
    async stop() {
      stopping = true;
      const below = await attempt(() => leftovers.belowChild(), []);
      await supervisor.stop();
      await sweep("daemon_stopped", below);
    },
  };
}
