// What is said of processes: of those that a stop has found, of who holds a thread, of what the child costs.
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

/** Another process that has a thread of Codex's loaded, so that nobody else may write it. */
export interface ThreadHolder {
  readonly pid: number;
  readonly command: string;
  readonly startedAt: string | null;
}

/** What the child costs at a moment. */
export interface ChildSize {
  /** Resident memory of the child alone, in bytes. */
  readonly rssBytes: number;
  /** Processes below it: its servers and commands. */
  readonly descendants: number;
  /** Of these, the ones that a turn has started. */
  readonly commands: number;
}

export const NOTHING_STOPPED: StopReport = { stopped: [], survived: [] };
