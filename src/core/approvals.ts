// An approval: a question that Codex asked and that waits for a decision, and what a caller may decide.
//
// Only shapes: which answers a method takes stands in codex/server-answers.ts, who decides in
// service/approvals/approvals.ts. Every field of a record is always there; null means absent. The names are public API.

export const APPROVAL_KINDS = [
  "command", "file_change", "permissions", "user_input", "mcp_elicitation", "tool_call", "other",
] as const;
export type ApprovalKind = (typeof APPROVAL_KINDS)[number];

export const APPROVAL_STATUSES = ["pending", "resolved", "orphaned"] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

/** The words by which a caller may decide; each kind takes those of its `allowedDecisions`. */
export const APPROVAL_DECISIONS = ["accept", "acceptForSession", "decline", "cancel"] as const;
export type ApprovalDecision = (typeof APPROVAL_DECISIONS)[number];

/** What each kind takes at most; a single approval says in `allowedDecisions` which of them it takes. */
export const KIND_DECISIONS: Readonly<Record<ApprovalKind, readonly ApprovalDecision[]>> = {
  command: APPROVAL_DECISIONS,
  file_change: APPROVAL_DECISIONS,
  permissions: ["accept", "acceptForSession", "decline"],
  user_input: ["decline"],
  mcp_elicitation: APPROVAL_DECISIONS,
  tool_call: ["decline"],
  other: [],
};

/** Who decided; `elsewhere` is another client of the same app-server. */
export const APPROVAL_DECIDERS = ["client", "rule", "default", "timeout", "elsewhere"] as const;
export type ApprovalDecider = (typeof APPROVAL_DECIDERS)[number];

/** One file that Codex wants to change. */
export interface ApprovalChange {
  readonly path: string;
  readonly kind: string;
  /** Where the file is moved to; only there when it is. */
  readonly movePath?: string;
  /** Cut at `LIMITS.approvalDiffCharsMax` for all changes together; the event of the item has it whole. */
  readonly diff: string;
}

/** What a person needs to decide, taken from the request and from the item that it is about. */
export interface ApprovalFacts {
  readonly kind: ApprovalKind;
  /** One line for a person. */
  readonly summary: string;
  readonly command: string | null;
  readonly cwd: string | null;
  readonly changes: readonly ApprovalChange[] | null;
  /** As Codex asks for them. */
  readonly permissions: Readonly<Record<string, unknown>> | null;
  /** As Codex asks them; of an MCP elicitation its `requestedSchema` stands in `params`. */
  readonly questions: readonly unknown[] | null;
  /** The words that are taken; where none fits, the answer must be a whole `result`. */
  readonly allowedDecisions: readonly ApprovalDecision[];
}

export interface ApprovalRecord extends ApprovalFacts {
  readonly approvalId: string;
  /** Null where Codex asks on a thread that no session has; a sub-agent's is its parent's. */
  readonly sessionId: string | null;
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly itemId: string | null;
  /** The app-server's method. */
  readonly method: string;
  /** As they came; of one that is over and was very long without what is long, and then with `truncated`. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The id by which Codex waits for the answer; the app-server counts them from 0 in each of its lives. */
  readonly requestId: number | string;
  readonly createdAt: string;
  /** When it will be declined; null for never. */
  readonly expiresAt: string | null;
  readonly status: ApprovalStatus;
  /** The word, or what a whole result amounts to; `answered` for what no word says; null while nobody has decided. */
  readonly decision: ApprovalDecision | "answered" | null;
  readonly decidedBy: ApprovalDecider | null;
  /** The name or the place (`rules[0]`) of the rule that decided. */
  readonly rule: string | null;
  readonly decidedAt: string | null;
  /** The answer that Codex was given; what was answered to questions that are secret stands as `[redacted]`. */
  readonly result: Readonly<Record<string, unknown>> | null;
  /**
   * Why nobody can decide any more (`turn_ended`, `child_exited`, `daemon_stopped`, `daemon_restarted`,
   * `answer_lost`, …).
   */
  readonly orphanedBy: string | null;
  /** Only there where the record is kept, never where it is told: which parts of a long one lie in files. */
  readonly beside?: readonly ApprovalPart[];
}

/** `longQuestion` goes when the approval is over, `question` stays with it. */
export type ApprovalPart = "question" | "longQuestion" | "answer";

/** Exactly one of the two. */
export interface DecideApprovalInput {
  readonly decision?: ApprovalDecision | undefined;
  /** The whole answer, as the request's method takes it. */
  readonly result?: Readonly<Record<string, unknown>> | undefined;
}

/** As receipts list them. */
export interface ApprovalReceipt {
  readonly approvalId: string;
  readonly kind: ApprovalKind;
  /** Null where it was orphaned, or waits. */
  readonly decision: ApprovalRecord["decision"];
  readonly decidedBy: ApprovalDecider | null;
}

/** What a rule or `--approval-default` may say; `ask` leaves it to a person. */
export const RULE_DECISIONS = [...APPROVAL_DECISIONS, "ask"] as const;
export type RuleDecision = (typeof RULE_DECISIONS)[number];
