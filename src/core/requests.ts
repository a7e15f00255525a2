// What a caller may ask of codexd, and what comes back: the shapes that daemon, library and client share.
//
// Only shapes: what makes a value acceptable stands in the decoders of service/. The names are public API. Optional
// fields take undefined for absent, so that a caller can pass on what it has.

import type { ApprovalRecord } from "./approvals.ts";
import type { StopReport } from "./processes.ts";
import type { ApprovalPolicy, SandboxMode, SessionPurpose, SessionRecord, TurnRecord, TurnSummary } from "./records.ts";

export interface CreateSessionInput {
  readonly purpose?: SessionPurpose | undefined;
  readonly threadId?: string | undefined;
  readonly cwd?: string | undefined;
  readonly model?: string | undefined;
  readonly modelProvider?: string | undefined;
  readonly serviceTier?: string | undefined;
  readonly reasoningEffort?: string | undefined;
  readonly approvalPolicy?: ApprovalPolicy | undefined;
  readonly sandbox?: SandboxMode | undefined;
  readonly personality?: string | undefined;
  readonly ephemeral?: boolean | undefined;
  readonly baseInstructions?: string | undefined;
  readonly developerInstructions?: string | undefined;
  readonly config?: Record<string, unknown> | undefined;
  readonly metadata?: Record<string, string> | undefined;
}

/** Codex is not asked; `threadId` is resumed when a turn first needs it. */
export type RegisterSessionInput = Pick<CreateSessionInput, "purpose" | "threadId" | "metadata">;

/** Settings that a turn brings along; they stay with the thread for later turns. */
export interface TurnOverrides {
  readonly approvalPolicy?: ApprovalPolicy | undefined;
  readonly sandboxPolicy?: Record<string, unknown> | undefined;
  readonly cwd?: string | undefined;
  readonly model?: string | undefined;
  readonly effort?: string | undefined;
  readonly summary?: string | undefined;
  readonly serviceTier?: string | undefined;
  readonly personality?: string | undefined;
  readonly collaborationMode?: string | Record<string, unknown> | undefined;
  readonly outputSchema?: Record<string, unknown> | undefined;
}

export interface StartTurnInput extends TurnOverrides {
  readonly sessionId: string;
  readonly input?: string | Array<Record<string, unknown>> | undefined;
  readonly prompt?: string | undefined;
  readonly expectedTurnId?: string | undefined;
  readonly whenBusy?: "reject" | "queue" | "steer" | undefined;
  readonly waitMs?: number | undefined;
  readonly waitFor?: "approval" | "end" | undefined;
}

/** Any method of the app-server. */
export interface RpcInput {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Milliseconds until `timeout`; `LIMITS.rpcMs` by default. */
  readonly timeoutMs?: number | undefined;
}

/** What `GET /v1/codexd/threads` takes, in Codex's words. */
export interface ThreadListQuery extends ListQuery {
  readonly archived: boolean;
  readonly cwd: string | null;
  /** Codex's `sourceKinds`; null for its own choice. */
  readonly sources: readonly string[] | null;
  readonly search: string | null;
}

/** Settings of the fork that differ from those of the thread; all may be left out. */
export interface ForkThreadInput {
  /** The last turn that the fork has; all of them by default. */
  readonly lastTurnId?: string | undefined;
  readonly ephemeral?: boolean | undefined;
  readonly cwd?: string | undefined;
  readonly model?: string | undefined;
  readonly modelProvider?: string | undefined;
  readonly approvalPolicy?: ApprovalPolicy | undefined;
  readonly sandbox?: SandboxMode | undefined;
}

export interface ReviewThreadInput {
  /** Codex's review target, such as `{"type": "uncommittedChanges"}`; that one by default. */
  readonly target?: Readonly<Record<string, unknown>> | undefined;
  readonly delivery?: string | undefined;
}

/** What an upload may be. */
export const UPLOAD_MEDIA_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;
export type UploadMediaType = (typeof UPLOAD_MEDIA_TYPES)[number];

/** An image that turns of its session may name by `path`, until the session is closed. */
export interface UploadRecord {
  readonly uploadId: string;
  readonly sessionId: string;
  readonly path: string;
  readonly mediaType: UploadMediaType;
  readonly bytes: number;
  readonly createdAt: string;
}

export interface AcceptedTurn {
  readonly session: SessionRecord;
  readonly submissionId: string | null;
  readonly turnId: string | null;
  /** Set when `waitMs` was given and the turn ended within it. */
  readonly turn: TurnRecord | null;
  /** What the turn waits for, when it stopped waiting for that reason; else empty. */
  readonly approvals: readonly ApprovalRecord[];
}

export interface StopOutcome extends StopReport {
  readonly session: SessionRecord;
  /** The turn that was ended; null when the session was idle. */
  readonly turn: TurnRecord | null;
  /** The turns that waited for the session and were ended with it, in the order in which they would have started. */
  readonly queuedTurns: readonly TurnSummary[];
}

export interface TurnStopOutcome extends StopReport {
  /** The turn as it has ended, also where it had ended before. */
  readonly turn: TurnRecord;
}

export interface ListQuery {
  readonly limit: number;
  readonly cursor: string | null;
}
