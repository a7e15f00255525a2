// What a stop says of the processes that it found.
//
// Only shapes: who looks for processes and ends them is child/ (process-tree.ts, end-processes.ts).

/** A process that a stop has ended, or failed to end. */
export interface StoppedProcess {
  readonly pid: number;
  readonly command: string;
  /** The last signal that it was sent. */
  readonly signal: string;
}

export interface StopReport {
  readonly stopped: readonly StoppedProcess[];
  readonly survived: readonly StoppedProcess[];
}

export const NOTHING_STOPPED: StopReport = { stopped: [], survived: [] };
