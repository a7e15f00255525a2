// Ends one turn, and what it has left running, before anything else runs in its session.
//
// Deliberately not how Codex is made to obey (interrupts.ts) and whose processes are whose (turn-leftovers.ts).
// Invariant: what waits in the session starts when all of that is over, and not before: leftovers are known by their
// thread alone, on which the next turn will run.

import { NOTHING_STOPPED, type StopReport } from "../../core/processes.ts";
import type { Interrupts } from "./interrupts.ts";
import type { OpenTurn } from "./open-turn.ts";
import type { TurnLeftovers } from "./turn-leftovers.ts";
import type { TurnQueue } from "./turn-queue.ts";
import { idsOf } from "./turn-records.ts";

export interface TurnStopOptions {
  readonly queue: Pick<TurnQueue, "pause">;
  readonly interrupts: Pick<Interrupts, "interrupt">;
  /** Undefined where nobody can end what Codex leaves running. */
  readonly leftovers?: Pick<TurnLeftovers, "look" | "end"> | undefined;
}

/** @throws (rejects) what `Interrupts.interrupt` throws. */
export type StopTurn = (turn: OpenTurn) => Promise<StopReport>;

export function createTurnStop({ queue, interrupts, leftovers }: TurnStopOptions): StopTurn {
  return async (turn) => {
    const goOn = queue.pause(turn.record.sessionId);
    try {
      const seen = await leftovers?.look(idsOf(turn.record));
      await interrupts.interrupt(turn);
      // By now it may be on another thread than before: on the one that it ran on.
      return await leftovers?.end(idsOf(turn.record), seen) ?? NOTHING_STOPPED;
    } finally {
      goOn();
    }
  };
}
