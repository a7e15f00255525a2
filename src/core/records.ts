// The records that outlive everything: what they hold, and nothing of how they are kept.
//
// Every field is always there; null means absent. The names are public API (HTTP, files and library alike).

import type { ApprovalReceipt } from "./approvals.ts";
import type { TurnOverrides } from "./requests.ts";

export const SESSION_PURPOSES = ["duplex", "smoke", "worker"] as const;
export type SessionPurpose = (typeof SESSION_PURPOSES)[number];

export const SANDBOX_MODES = ["read-only", "workspace-write", "danger-full-access"] as const;
export type SandboxMode = (typeof SANDBOX_MODES)[number];

/** A word, or an object such as `{granular: {…}}`: passed on to Codex as it came. */
export type ApprovalPolicy = string | Record<string, unknown>;

/** The settings of a thread that are asked for, answered, and in force alike. */
export interface ThreadSettings {
  readonly cwd: string | null;
  readonly model: string | null;
  readonly modelProvider: string | null;
  readonly serviceTier: string | null;
  readonly reasoningEffort: string | null;
  readonly approvalPolicy: ApprovalPolicy | null;
  readonly sandbox: SandboxMode | null;
}

/** What `thread/start` was asked for, so that a later thread gets the same; null where it was left to Codex. */
export interface ThreadProfile extends ThreadSettings {
  /** The whole policy where a turn has set one that no `SandboxMode` says; it goes with the next turn. */
  readonly sandboxPolicy: Record<string, unknown> | null;
  readonly personality: string | null;
  readonly ephemeral: boolean | null;
  readonly baseInstructions: string | null;
  readonly developerInstructions: string | null;
  readonly config: Record<string, unknown> | null;
}

/** Its settings are what is in force, as Codex has answered it. */
export interface SessionRecord extends ThreadSettings {
  readonly sessionId: string;
  readonly purpose: SessionPurpose;
  /** Codex's id; null until Codex has given one (`registerSession`). */
  readonly threadId: string | null;
  readonly status: "active" | "closed";
  /** The app-server's endpoint, `stdio://` for a child of codexd's own. */
  readonly endpoint: string;
  readonly childPid: number | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly currentTurnId: string | null;
  readonly lastTurnId: string | null;
  readonly lastTurnStatus: TurnStatus | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** What was asked for, by the session or by a later turn's overrides. */
  readonly profile: ThreadProfile;
  /** True once Codex has ended a turn on `threadId`: before that a restart may lose the thread. */
  readonly threadDurable: boolean;
  /** Only there where the record is kept, never where it is told: what is long in the profile lies in a file. */
  readonly beside?: readonly ["profile"];
}

export const TURN_STATUSES = ["queued", "inProgress", "completed", "failed", "interrupted"] as const;
export type TurnStatus = (typeof TURN_STATUSES)[number];

/** Codex's own counts, for this turn alone. */
export interface TokenUsage {
  readonly totalTokens: number;
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  readonly reasoningOutputTokens: number;
}

export interface TurnError {
  readonly message: string;
  /** Why codexd ended the turn itself (`child_exited`, `daemon_restarted`, …); null where Codex ended it. */
  readonly reason: string | null;
  readonly codexErrorInfo: unknown;
  readonly additionalDetails: string | null;
}

/** A command that Codex has run. One that was declined, or never allowed to begin, is none. */
export interface CommandReceipt {
  readonly command: string;
  readonly cwd: string | null;
  /** Null while it runs, also behind the end of its turn, and where Codex has not said. */
  readonly exitCode: number | null;
  readonly durationMs: number | null;
}

/** A file that Codex has changed. */
export interface FileChangeReceipt {
  readonly path: string;
  /** `add`, `delete` or `update`. */
  readonly kind: string;
  /** Where it was moved to; only there when it was. */
  readonly movePath?: string;
}

export interface PlanStep {
  readonly step: string;
  readonly status: string;
}

export const TURN_LIVENESS = ["starting", "model", "tool", "awaiting_approval", "reconnecting", "stalled"] as const;

/** Why a turn that runs is quiet, and for how long it has been. */
export interface TurnLiveness {
  readonly state: (typeof TURN_LIVENESS)[number];
  /** Milliseconds since the last progress of this turn. */
  readonly quietMs: number;
}

/** What a turn or a run has done, beside its answer. */
export interface WorkReceipt {
  /** The answer, parsed, where an `outputSchema` was given; null where there was none or it does not parse. */
  readonly structuredOutput: unknown;
  /** Why the answer does not parse, where an `outputSchema` was given. */
  readonly structuredOutputError: string | null;
  readonly plan: readonly PlanStep[] | null;
  /** In the order in which they began; `LIMITS.receiptItemsMax` at most. */
  readonly commands: readonly CommandReceipt[];
  readonly fileChanges: readonly FileChangeReceipt[];
}

/** What nothing has been done in has done. */
export const NO_WORK: WorkReceipt = {
  structuredOutput: null, structuredOutputError: null, plan: null, commands: [], fileChanges: [],
};

/** The receipt of a turn: one object that says what it was and how it ended. */
export interface TurnRecord extends WorkReceipt {
  /** codexd's own id; null for a turn that codexd saw but did not start. */
  readonly submissionId: string | null;
  /** Codex's id; null until it has answered. */
  readonly turnId: string | null;
  readonly sessionId: string;
  readonly threadId: string | null;
  readonly status: TurnStatus;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly durationMs: number | null;
  /** Codex input items as they were sent; null for an adopted turn. */
  readonly input: readonly unknown[] | null;
  readonly finalMessage: string | null;
  readonly error: TurnError | null;
  readonly tokenUsage: TokenUsage | null;
  /** What its answer was to look like; null where nobody asked for a form. */
  readonly outputSchema: Readonly<Record<string, unknown>> | null;
  /** All that the turn has changed so far, as Codex tells it, in git's form. */
  readonly diff: string | null;
  readonly approvals: readonly ApprovalReceipt[];
  /** Null for a turn that has ended. */
  readonly liveness: TurnLiveness | null;
  /** The turn's first and last event, from its submission on where it has waited; `lastSeq` is null while it runs. */
  readonly firstSeq: number;
  readonly lastSeq: number | null;
  /** The settings that it brings along; only there while it waits. */
  readonly queuedWith?: TurnOverrides;
  /** Which parts of a long record lie in files; only there where the record is kept, never where it is told. */
  readonly beside?: readonly TurnPart[];
  /** Those of them whose files are gone or damaged, where it is told: what is left of them is here. */
  readonly unreadable?: readonly TurnPart[];
}

/** `input`: what it was asked. `result`: its answer and its work. */
export type TurnPart = "input" | "result";

/** The key under which a turn is kept: its `submissionId`, or Codex's id where codexd did not start it. */
export function turnKey(turn: Pick<TurnRecord, "submissionId" | "turnId">): string {
  return turn.submissionId ?? turn.turnId ?? "";
}

export type TurnSummary = Omit<
  TurnRecord, "input" | "outputSchema" | "diff" | "commands" | "fileChanges" | "queuedWith" | "beside" | "unreadable"
>;

/** The lists' short form, without what can be large. */
export function turnSummary(turn: TurnRecord): TurnSummary {
  const {
    input: _i, outputSchema: _o, diff: _d, commands: _c, fileChanges: _f, queuedWith: _q, beside: _b, unreadable: _u,
    ...summary
  } = turn;
  return summary;
}

export const CHILD_STATUSES = [
  "idle", "starting", "running", "external", "restarting", "failed", "stopped",
] as const;
export type ChildStatus = (typeof CHILD_STATUSES)[number];

export interface ChildState {
  readonly status: ChildStatus;
  readonly pid: number | null;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly endpoint: string;
  readonly startedAt: string | null;
  readonly exitedAt: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly restarts: number;
  readonly lastError: string | null;
}

export interface DaemonState {
  readonly started: boolean;
  readonly startedAt: string | null;
  readonly stoppedAt: string | null;
  readonly updatedAt: string;
  readonly pid: number | null;
  readonly child: ChildState;
}

export interface Identity {
  readonly daemonId: string;
  readonly nodeId: string;
  readonly version: string;
  readonly createdAt: string;
}

/** One page of a list, newest first; `nextCursor` is null on the last one. */
export interface Page<T> {
  readonly records: readonly T[];
  readonly nextCursor: string | null;
}
