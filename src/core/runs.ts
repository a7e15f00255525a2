// A run: one `codex exec` process started through codexd, what is asked of it, and what it came to.
//
// Only shapes: who runs it is a parameter (`RunExecutor`), so that an embedding program can bring its own.
// Every field of a record is always there; null means absent. The names are public API.

import type { StopReport } from "./processes.ts";
import type { SandboxMode, TokenUsage, TurnLiveness, WorkReceipt } from "./records.ts";

export const CODEX_EXEC_PURPOSES = ["fallback-worker", "worker", "smoke"] as const;
export type RunPurpose = (typeof CODEX_EXEC_PURPOSES)[number];

export const RUN_STATUSES = ["queued", "running", "completed", "failed", "cancelled"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** The outputs of a run: its answer, and what its process prints. */
export const RUN_STREAMS = ["message", "stdout", "stderr"] as const;
export type RunStream = (typeof RUN_STREAMS)[number];

/** What `codex exec` is asked for. Only the prompt must be there. */
export interface CodexExecRequest {
  readonly prompt: string;
  readonly runId?: string | undefined;
  readonly purpose?: RunPurpose | undefined;
  /** Absolute; the process's own directory where it is left out. */
  readonly cwd?: string | undefined;
  /** The program, `codex` where it is left out. */
  readonly command?: string | undefined;
  /** Arguments of the program that stand before `exec`. */
  readonly commandArgs?: readonly string[] | undefined;
  readonly model?: string | undefined;
  readonly profile?: string | undefined;
  readonly sandbox?: SandboxMode | undefined;
  /** Each `key=value`. */
  readonly config?: readonly string[] | undefined;
  readonly images?: readonly string[] | undefined;
  readonly additionalWritableDirectories?: readonly string[] | undefined;
  /** Added to the environment of the process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly skipGitRepoCheck?: boolean | undefined;
  readonly ephemeral?: boolean | undefined;
  readonly outputSchema?: Readonly<Record<string, unknown>> | undefined;
  readonly timeoutMs?: number | undefined;
  /** Aborts to end the process and all that it has started. */
  readonly signal?: AbortSignal | undefined;
  /** The process has been spawned. */
  readonly onStarted?: ((pid: number | null) => void) | undefined;
  /** Each object that the process prints, as it is printed. */
  readonly onEvent?: ((event: Record<string, unknown>) => void) | undefined;
  readonly onOutput?: ((stream: "stdout" | "stderr", chunk: Buffer) => void) | undefined;
  /** Asked after each chunk: while it gives a promise, no more of the output is read until that resolves. */
  readonly holdBack?: (() => Promise<void> | null) | undefined;
}

/** What codexd itself says to the executor, and no caller. */
type OfTheStarter =
  | "runId" | "command" | "commandArgs" | "signal" | "onStarted" | "onEvent" | "onOutput" | "holdBack";

/** What a caller may ask for. */
export interface StartRunInput extends Omit<CodexExecRequest, OfTheStarter> {
  readonly sessionId?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly waitMs?: number | undefined;
}

/** What was started, for people and for the record; the environment is not part of it. */
export interface RunInvocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly prompt: string;
  readonly purpose: RunPurpose;
  readonly timeoutMs: number | null;
}

export interface RunResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly durationMs: number;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly lastMessage: string | null;
  readonly threadId: string | null;
  readonly tokenUsage: TokenUsage | null;
  /** The printed objects, as many as the limit lets in. */
  readonly jsonEvents: readonly unknown[];
  /** Lines of stdout that are no JSON object. */
  readonly jsonParseErrors: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunError {
  readonly message: string;
  /** Why codexd ended it or it could not begin (`timeout`, `cancelled`, `interrupted`, …); null where Codex failed. */
  readonly reason?: string | null;
}

export type RunOutcome =
  | { readonly ok: true; readonly invocation: RunInvocation; readonly result: RunResult; readonly stop?: StopReport }
  | {
    readonly ok: false;
    readonly invocation?: RunInvocation;
    readonly result?: RunResult;
    readonly error: RunError;
    /** What had to be ended behind it. */
    readonly stop?: StopReport;
  };

/** Runs one request to its end; should not reject. */
export type RunExecutor = (request: CodexExecRequest) => Promise<RunOutcome>;

export const RUN_LIVENESS = ["starting", "model", "tool", "reconnecting", "stalled"] as const;

/** Why a run is quiet, and for how long it has been. */
export interface RunLiveness extends TurnLiveness {
  readonly state: (typeof RUN_LIVENESS)[number];
}

export interface RunRecord extends WorkReceipt {
  readonly runId: string;
  readonly sessionId: string | null;
  readonly status: RunStatus;
  readonly adapter: "codex-exec";
  readonly prompt: string;
  readonly purpose: RunPurpose;
  readonly cwd: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: { readonly message: string; readonly reason: string | null } | null;
  /** The last message, else `exit_code:N`. */
  readonly summary: string | null;
  readonly finalMessage: string | null;
  readonly exitCode: number | null;
  readonly tokenUsage: TokenUsage | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly result: { readonly invocation: RunInvocation; readonly result: RunResult | null } | null;
  /** The seq of its `run.started`; null before, and for runs of an earlier codexd. */
  readonly firstSeq: number | null;
  /** Null for a run that does not run. */
  readonly liveness: RunLiveness | null;
}

/** A run as lists and snapshots give it: without what it has printed, its commands and its file changes. */
export interface RunSummary extends Omit<RunRecord, "result" | "commands" | "fileChanges"> {
  readonly result: {
    readonly invocation: RunInvocation;
    readonly result: Omit<RunResult, "stdout" | "stderr" | "jsonEvents"> | null;
  } | null;
}

export function runSummary(run: RunRecord): RunSummary {
  const { commands: _commands, fileChanges: _fileChanges, ...summary } = run;
  if (run.result?.result == null) return { ...summary, result: run.result as RunSummary["result"] };
  const { stdout: _stdout, stderr: _stderr, jsonEvents: _jsonEvents, ...result } = run.result.result;
  return { ...summary, result: { invocation: run.result.invocation, result } };
}
