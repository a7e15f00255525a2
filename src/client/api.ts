// The HTTP API as a program sees it: one function a route, with the shapes of core.
//
// Types alone. What a daemon answers is taken at its word: a newer one may give members that are not here, and
// statuses that no union names.

import type { ApprovalRecord, ApprovalStatus, DecideApprovalInput } from "../core/approvals.ts";
import type { CodexdEvent, EventDetail, EventGap } from "../core/event.ts";
import type { StopReport } from "../core/processes.ts";
import type { ChildState, Page, SessionRecord, TurnRecord, TurnSummary } from "../core/records.ts";
import type {
  CreateSessionInput, ForkThreadInput, ReviewThreadInput, RpcInput, StartTurnInput, StopOutcome, TurnStopOutcome,
  UploadRecord,
} from "../core/requests.ts";
import type { RunRecord, StartRunInput } from "../core/runs.ts";
import type { CompatReport, Readiness, ServiceStatus, StatusSnapshot } from "../core/status.ts";
import type { CallOptions, CreateOptions, RequestOptions } from "./calls.ts";
import type { EventFilterQuery, FollowOptions } from "./event-follow.ts";
import type { FollowOutputOptions, OutputPart, OutputQuery } from "./run-output.ts";
import type { WireReply } from "./wire.ts";

/** Newest first; `limit` 1 to 1000, 100 by default; `cursor` the `nextCursor` of the page before. */
export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | null | undefined;
  readonly status?: string | null | undefined;
}

export interface SessionQuery extends PageQuery {
  readonly purpose?: string | null | undefined;
}

export interface TurnQuery extends PageQuery {
  /** Only this session's. */
  readonly sessionId?: string | null | undefined;
}

export interface EventQuery extends EventFilterQuery {
  /** 0 or absent: from the oldest. */
  readonly after?: number | null | undefined;
  readonly limit?: number | undefined;
}

/** `service` only for those who are trusted. */
export interface Health {
  readonly ok: boolean;
  readonly status: string;
  readonly service?: ServiceStatus;
}

export interface DaemonStatus {
  readonly service: ServiceStatus;
  readonly snapshot: StatusSnapshot;
  readonly limits: Readonly<Record<string, { readonly value: number | null; readonly limit: number | null }>>;
  readonly liveness: unknown;
  readonly compat: CompatReport;
}

export interface SessionView {
  readonly session: SessionRecord;
  readonly recentEvents: readonly CodexdEvent[];
}

export interface ApprovalQuery extends PageQuery {
  /** `pending` by default. */
  readonly status?: ApprovalStatus | "all" | null | undefined;
  /** Only this session's. */
  readonly sessionId?: string | null | undefined;
  /** Waits so long at most for the first, where there is none yet. */
  readonly waitMs?: number | undefined;
}

/** A thread as Codex tells it: its fields are Codex's, and more in every version. */
export type ThreadDetail = Readonly<Record<string, unknown>>;

export interface ThreadQuery extends Omit<PageQuery, "status"> {
  /** Those that are archived, in place of those that are not. */
  readonly archived?: boolean | undefined;
  readonly cwd?: string | null | undefined;
  /** Codex's `sourceKinds`. */
  readonly sources?: readonly string[] | null | undefined;
  readonly search?: string | null | undefined;
}

/** How long Codex may take; `timeoutMs` of a whole client is not counted in. */
export interface RpcOptions extends Pick<RpcInput, "timeoutMs"> {
  readonly signal?: AbortSignal | undefined;
}

/** `approval`: the wait is also over as soon as the turn waits for one. */
export interface TurnWaitOptions extends CallOptions {
  readonly waitMs?: number | undefined;
  readonly waitFor?: "approval" | "end" | undefined;
}

/** Of a turn that was accepted, or has ended within `waitMs`: then `turn` is its receipt and `session` null. */
export interface StartedTurn {
  readonly session: SessionRecord | null;
  readonly submissionId: string | null;
  readonly turnId: string | null;
  readonly turn: TurnRecord | null;
  /** What it waits for, where that has ended the wait; else empty. */
  readonly approvals: readonly ApprovalRecord[];
}

export interface EventListing {
  readonly events: readonly CodexdEvent[];
  readonly nextAfter: number;
  readonly oldestSeq: number;
  readonly headSeq: number;
  /** Only where the journal is damaged: events of this page that cannot be read. */
  readonly gaps?: readonly EventGap[] | undefined;
}

/** Every call rejects with CodexdClientError, or with the reason of the signal that aborted it. */
export interface CodexdClient {
  health(options?: CallOptions): Promise<Health>;
  /** Not being ready is an answer, not an error. */
  ready(options?: CallOptions): Promise<Readiness>;
  status(options?: CallOptions): Promise<DaemonStatus>;

  listSessions(query?: SessionQuery, options?: CallOptions): Promise<Page<SessionRecord>>;
  allSessions(query?: Omit<SessionQuery, "cursor">, options?: CallOptions): AsyncIterableIterator<SessionRecord>;
  createSession(input?: CreateSessionInput, options?: CreateOptions): Promise<SessionRecord>;
  getSession(sessionId: string, options?: CallOptions): Promise<SessionView>;
  closeSession(sessionId: string, options?: CallOptions): Promise<StopOutcome>;
  interruptSession(sessionId: string, options?: CallOptions): Promise<StopOutcome>;

  /** Of all sessions, unless the query names one. */
  listTurns(query?: TurnQuery, options?: CallOptions): Promise<Page<TurnSummary>>;
  allTurns(query?: Omit<TurnQuery, "cursor">, options?: CallOptions): AsyncIterableIterator<TurnSummary>;
  startTurn(input: StartTurnInput, options?: CreateOptions): Promise<StartedTurn>;
  /** By `turnId` or `submissionId`; with `waitMs` waits that long at most for its end. */
  getTurn(id: string, options?: TurnWaitOptions): Promise<TurnRecord>;
  /** Ends a turn that runs, or withdraws one that waits; one that has ended is given back as it is. */
  interruptTurn(id: string, options?: CallOptions): Promise<TurnStopOutcome>;

  /** What waits for a decision, unless the query says otherwise. */
  listApprovals(query?: ApprovalQuery, options?: CallOptions): Promise<Page<ApprovalRecord>>;
  allApprovals(
    query?: Omit<ApprovalQuery, "cursor" | "waitMs">, options?: CallOptions,
  ): AsyncIterableIterator<ApprovalRecord>;
  getApproval(approvalId: string, options?: CallOptions): Promise<ApprovalRecord>;
  /** Once: a second one rejects with `approval_resolved`, and `detail` says what stands. */
  decideApproval(approvalId: string, input: DecideApprovalInput, options?: CallOptions): Promise<ApprovalRecord>;

  startRun(input: StartRunInput, options?: CreateOptions): Promise<RunRecord>;
  listRuns(query?: PageQuery, options?: CallOptions): Promise<Page<RunRecord>>;
  allRuns(query?: Omit<PageQuery, "cursor">, options?: CallOptions): AsyncIterableIterator<RunRecord>;
  getRun(runId: string, options?: CallOptions): Promise<RunRecord>;
  cancelRun(runId: string, options?: CallOptions): Promise<StopReport & { readonly run: RunRecord }>;
  runOutput(runId: string, query?: OutputQuery, options?: CallOptions): Promise<OutputPart>;
  /** Ends with the run; reconnects by itself. */
  followRunOutput(runId: string, options?: FollowOutputOptions): AsyncIterableIterator<string>;

  /** Asks the app-server for anything; gives Codex's result. */
  rpc(method: string, params?: Readonly<Record<string, unknown>>, options?: RpcOptions): Promise<unknown>;
  /** Version, models, account and rate limits, as far as Codex says them. */
  codex(options?: CallOptions): Promise<Readonly<Record<string, unknown>>>;
  /** Ends the app-server in order and starts it again; gives it as it is then, working or not. */
  restartChild(options?: CallOptions): Promise<ChildState>;
  /** @param mediaType such as `image/png`; where it is left out the daemon finds it in `bytes`. */
  upload(
    sessionId: string, bytes: Uint8Array, mediaType?: string, options?: CreateOptions,
  ): Promise<UploadRecord>;

  /** Codex's threads, whether or not a session has them; each with `sessionId` added. */
  listThreads(query?: ThreadQuery, options?: CallOptions): Promise<Page<ThreadDetail>>;
  /** With `turns` all that was said and done in it. */
  readThread(threadId: string, options?: CallOptions & { readonly turns?: boolean | undefined }): Promise<ThreadDetail>;
  /** Gives the new thread. */
  forkThread(threadId: string, input?: ForkThreadInput, options?: CreateOptions): Promise<ThreadDetail>;
  archiveThread(threadId: string, options?: CallOptions): Promise<void>;
  unarchiveThread(threadId: string, options?: CallOptions): Promise<ThreadDetail>;
  nameThread(threadId: string, name: string, options?: CallOptions): Promise<void>;
  /** Begins; a session's thread has a turn of it. */
  compactThread(threadId: string, options?: CreateOptions): Promise<void>;
  /** Begins; gives the turn, and the thread on which it runs. */
  reviewThread(
    threadId: string, input?: ReviewThreadInput, options?: CreateOptions,
  ): Promise<{ readonly turnId: string | null; readonly threadId: string }>;

  listEvents(query?: EventQuery, options?: CallOptions): Promise<EventListing>;
  /** All of the detail of one event, also where the event says `truncated`. */
  getEventDetail(seq: number, options?: CallOptions): Promise<EventDetail>;
  /** Every event once and in order, over cuts and restarts; see `FollowOptions`. Never ends by itself. */
  events(options?: FollowOptions): AsyncIterableIterator<CodexdEvent>;

  openapi(options?: CallOptions): Promise<Record<string, unknown>>;
  /** Prometheus text. */
  metrics(options?: CallOptions): Promise<string>;
  /** The `data` of any other route. `body` is sent as JSON, bytes as they are. */
  request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Record<string, unknown>>;
  /**
   * Any route, its answer as it comes, whatever its status and without a time limit. `body` is JSON text, or of the
   * type that a header says.
   */
  open(method: string, path: string, body?: string | Uint8Array, options?: RequestOptions): Promise<WireReply>;
  /** Ends what is under way with `client_closed`. A client that is not closed keeps no process alive either. */
  close(): void;
}
