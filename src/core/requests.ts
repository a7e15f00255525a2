// What a caller may ask of codexd, and what comes back: the shapes that daemon, library and client share.
//
// Only shapes: what makes a value acceptable stands in the decoders of service/. The names are public API. Optional
// fields take undefined for absent, so that a caller can pass on what it has.

import type { StopReport } from "./processes.ts";
import type { ApprovalPolicy, SandboxMode, SessionPurpose, SessionRecord, TurnRecord } from "./records.ts";

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
  readonly whenBusy?: "reject" | "steer" | undefined;
  readonly waitMs?: number | undefined;
  readonly waitFor?: "approval" | "end" | undefined;
}

export interface AcceptedTurn {
  readonly session: SessionRecord;
  readonly submissionId: string | null;
  readonly turnId: string | null;
  /** Set when `waitMs` was given and the turn ended within it. */
  readonly turn: TurnRecord | null;
}

export interface StopOutcome extends StopReport {
  readonly session: SessionRecord;
  /** The turn that was ended; null when the session was idle. */
  readonly turn: TurnRecord | null;
}

export interface ListQuery {
  readonly limit: number;
  readonly cursor: string | null;
}
