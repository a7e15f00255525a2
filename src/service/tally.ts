// What is counted since the process started: ends of turns and runs, and replays.
//
// Deliberately nothing that happens once an event: whoever sees a thing end adds one, metrics.ts reads.

import type { RunStatus } from "../core/runs.ts";
import type { OutcomeStatus } from "./receipts.ts";

type EndedRunStatus = Exclude<RunStatus, "queued" | "running">;

/** What is counted since the process started; whoever sees it happen adds one. */
export interface Tally {
  readonly turns: Record<OutcomeStatus, number>;
  readonly runs: Record<EndedRunStatus, number>;
  /** Streams that read the journal behind its head: begun with a cursor, or fallen behind. */
  replays: number;
}

export function createTally(): Tally {
  return {
    turns: { completed: 0, failed: 0, interrupted: 0 },
    runs: { completed: 0, failed: 0, cancelled: 0 },
    replays: 0,
  };
}
