// What a look at the files of a daemon has found, and what a start would make of them.
//
// Only shapes: who looks stands in src/daemon-files.ts. The names are public API (`codexd doctor --json`).

import type { ExitCode } from "./errors.ts";

/**
 * `ok` is as it should be; `note` is worth knowing, and loses nothing; `damaged` is not what codexd wrote; `refused`
 * is whole and yet not taken by a start, such as a directory of somebody else's.
 */
export type FindingLevel = "ok" | "note" | "damaged" | "refused";

export const FINDING_SUBJECTS = [
  "directory", "lock", "identity", "daemon_state", "checkpoint", "segment", "journal", "beside", "token", "socket",
  "leftover", "limit",
] as const;
export type FindingSubject = (typeof FINDING_SUBJECTS)[number];

export interface Finding {
  readonly subject: FindingSubject;
  readonly level: FindingLevel;
  /** Absolute; of a limit the directory. */
  readonly path: string;
  /** A sentence for a person. */
  readonly message: string;
  /** The same for programs: numbers and words by name. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** How a start with these files would end, or how it would begin. */
export interface StartOutlook {
  /** 0 where it would start. */
  readonly exitCode: ExitCode;
  /** Why it would not. */
  readonly message: string | null;
  /** What it would do to the files before it serves, a sentence each. */
  readonly repairs: readonly string[];
}

/** The process that holds the state directory, in its own words. */
export interface RunningDaemon {
  readonly pid: number | null;
  readonly host: string | null;
}

export interface Inspection {
  readonly stateDir: string;
  readonly logsDir: string;
  /** Nothing is damaged or refused, and a start could begin with it. */
  readonly whole: boolean;
  /** Null where no daemon runs on the directory. */
  readonly running: RunningDaemon | null;
  readonly start: StartOutlook;
  /** The same with `--accept-loss`; null where a start needs no such thing. */
  readonly startAcceptingLoss: StartOutlook | null;
  readonly findings: readonly Finding[];
}

/** What an export holds: each line is `{"kind": …, "record": {…}}`. */
export const EXPORT_KINDS = ["session", "turn", "run", "approval", "event"] as const;
export type ExportKind = (typeof EXPORT_KINDS)[number];
