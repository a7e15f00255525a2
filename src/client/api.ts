// The HTTP API as a program sees it: one function a route, with the shapes of core.
//
// Types alone. What a daemon answers is taken at its word: a newer one may give members that are not here, and
// statuses that no union names.

import type { CodexdEvent } from "../core/event.ts";
import type { Page, SessionRecord, TurnRecord } from "../core/records.ts";
import type { CreateSessionInput, StartTurnInput, StopOutcome } from "../core/requests.ts";
import type { RunRecord, StartRunInput } from "../core/runs.ts";
import type { StopReport } from "../core/processes.ts";
import type { Readiness, ServiceStatus, StatusSnapshot } from "../core/status.ts";
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

/** How a list's records look: without what can be large. */
export type TurnSummary = Omit<TurnRecord, "input">;

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
  readonly compat: Readonly<Record<string, unknown>>;
}

export interface SessionView {
  readonly session: SessionRecord;
  readonly recentEvents: readonly CodexdEvent[];
}

/** Of a turn that was accepted, or has ended within `waitMs`: then `turn` is its receipt and `session` null. */
export interface StartedTurn {
  readonly session: SessionRecord | null;
  readonly submissionId: string | null;
  readonly turnId: string | null;
  readonly turn: TurnRecord | null;
}

export interface EventListing {
  readonly events: readonly CodexdEvent[];
  readonly nextAfter: number;
  readonly oldestSeq: number;
  readonly headSeq: number;
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
  getTurn(id: string, options?: CallOptions & { readonly waitMs?: number | undefined }): Promise<TurnRecord>;

  startRun(input: StartRunInput, options?: CreateOptions): Promise<RunRecord>;
  listRuns(query?: PageQuery, options?: CallOptions): Promise<Page<RunRecord>>;
  allRuns(query?: Omit<PageQuery, "cursor">, options?: CallOptions): AsyncIterableIterator<RunRecord>;
  getRun(runId: string, options?: CallOptions): Promise<RunRecord>;
  cancelRun(runId: string, options?: CallOptions): Promise<StopReport & { readonly run: RunRecord }>;
  runOutput(runId: string, query?: OutputQuery, options?: CallOptions): Promise<OutputPart>;
  /** Ends with the run; reconnects by itself. */
  followRunOutput(runId: string, options?: FollowOutputOptions): AsyncIterableIterator<string>;

  listEvents(query?: EventQuery, options?: CallOptions): Promise<EventListing>;
  /** Every event once and in order, over cuts and restarts; see `FollowOptions`. Never ends by itself. */
  events(options?: FollowOptions): AsyncIterableIterator<CodexdEvent>;

  openapi(options?: CallOptions): Promise<Record<string, unknown>>;
  /** Prometheus text. */
  metrics(options?: CallOptions): Promise<string>;
  /** The `data` of any other route. `body` is sent as JSON. */
  request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Record<string, unknown>>;
  /** Any route, its answer as it comes, whatever its status and without a time limit. `body` is JSON text. */
  open(method: string, path: string, body?: string, options?: RequestOptions): Promise<WireReply>;
  /** Ends what is under way with `client_closed`. A client that is not closed keeps no process alive either. */
  close(): void;
}
