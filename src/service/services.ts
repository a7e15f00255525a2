// The use cases as the edge sees them: one interface, which HTTP, the library and tests share.
//
// Every read gives journaled state only: it takes its picture, then waits until all of it is in the journal.

import type { ApprovalRecord, ApprovalStatus, DecideApprovalInput } from "../core/approvals.ts";
import type { CodexdEvent, EventBatch, EventEntry, EventGap } from "../core/event.ts";
import type { StopReport } from "../core/processes.ts";
import type { ChildState, Page, SessionRecord, TurnRecord } from "../core/records.ts";
import type {
  AcceptedTurn, CreateSessionInput, ForkThreadInput, ListQuery, ReviewThreadInput, RpcInput, StartTurnInput,
  StopOutcome, ThreadListQuery, TurnStopOutcome, UploadRecord,
} from "../core/requests.ts";
import type { RunRecord, RunStream, RunSummary, StartRunInput } from "../core/runs.ts";
import type { Readiness, ServiceStatus, StatusSnapshot } from "../core/status.ts";
import type { IdempotencyService, Keeping } from "./idempotency/idempotency.ts";
import type { BegunWork, CreatedSession } from "./idempotency/kept-forms.ts";
import type { MetricsService } from "./status/metrics.ts";

export interface Services {
  readonly sessions: SessionService;
  readonly turns: TurnService;
  readonly runs: RunService;
  readonly approvals: ApprovalService;
  readonly codex: CodexService;
  readonly child: ChildService;
  readonly threads: ThreadService;
  readonly uploads: UploadService;
  readonly idempotency: IdempotencyService;
  readonly events: EventService;
  readonly status: StatusService;
  readonly metrics: MetricsService;
}

export interface SessionService {
  /**
   * `created` is false when `threadId` named an active session, which is given back as it is.
   *
   * @throws (rejects) {CodexdError} what `AppServerGate.ready` throws, `app_server_error`, `session_exists` when more
   *   than `threadId` is said of such a session, `thread_locked`, `storage_full`; {DecodeError} for `cwd`.
   */
  create(input: CreateSessionInput, keeping?: Keeping<CreatedSession>): Promise<CreatedSession>;
  list(query: ListQuery & { status: string | null; purpose: string | null }): Promise<Page<SessionRecord>>;
  /** Of the recent events those that are the session's. @throws (rejects) {CodexdError} `not_found`. */
  get(sessionId: string): Promise<{ session: SessionRecord; recentEvents: readonly CodexdEvent[] }>;
  /** As `interrupt`, and the session takes no turns any more; one that is closed is given back as it is. */
  close(sessionId: string): Promise<StopOutcome>;
  /**
   * Ends the turn that runs, those that wait, and the commands that they have left running.
   *
   * @throws (rejects) {CodexdError} `not_found`; `timeout` when the turn still runs after `LIMITS.interruptMs`.
   */
  interrupt(sessionId: string): Promise<StopOutcome>;
}

export interface TurnService {
  /**
   * Starts a turn, steers the one that runs, or queues it, as the input says. `signal` aborts the waiting, never the
   * turn.
   *
   * @throws (rejects) {CodexdError} what `StartTurn` throws, `not_found`, `turn_in_progress`, `turn_mismatch`,
   *   `too_many_turns`; {DecodeError} for a field.
   */
  start(input: StartTurnInput, signal?: AbortSignal, keeping?: Keeping<AcceptedTurn>): Promise<AcceptedTurn>;
  /**
   * By `turnId` or `submissionId`. With `waitMs` above 0 waits that long at most for the turn's end.
   *
   * @throws (rejects) {CodexdError} `not_found`, as `interrupt` does.
   */
  get(id: string, waitMs: number, signal?: AbortSignal, waitFor?: TurnWait): Promise<TurnRecord>;
  list(query: ListQuery & { sessionId: string | null; status: string | null }): Promise<Page<TurnRecord>>;
  /** Ends a turn that runs or waits, and no other of its session; one that has ended is given back as it is. */
  interrupt(id: string): Promise<TurnStopOutcome>;
}

/** `approval`: the waiting is also over as soon as the turn waits for one. */
export type TurnWait = "approval" | "end";

export interface RunService {
  /**
   * Queues a run; with `waitMs` gives it as it is when it has ended or the time is over. `signal` aborts the waiting,
   * never the run.
   *
   * @throws (rejects) {CodexdError} `too_many_runs`, `not_found` (its session), `draining`, `storage_full`;
   *   {DecodeError} for a field.
   */
  start(input: StartRunInput, signal?: AbortSignal, keeping?: Keeping<RunRecord>): Promise<RunRecord>;
  /** With its whole prompt and result, also where the record holds them cut. */
  get(runId: string): Promise<RunRecord>;
  list(query: ListQuery & { status: string | null }): Promise<Page<RunSummary>>;
  /** Ends a run; one that has ended is given back as it is, with nothing stopped. */
  cancel(runId: string): Promise<StopReport & { readonly run: RunRecord }>;
  /**
   * A piece of the output as it is now, from byte `after` on, `LIMITS.runOutputPieceBytes` at most.
   *
   * @throws (rejects) {CodexdError} `not_found`; `cursor_ahead` when `after` lies behind the end of what is there.
   */
  output(runId: string, stream: RunStream, after: number): Promise<RunOutput>;
}

export interface ApprovalService {
  /**
   * Newest first. With `waitMs` above 0 an empty page waits so long at most for the first that belongs on it.
   * `signal` aborts the waiting.
   */
  list(
    query: ListQuery & { status: ApprovalStatus | "all"; sessionId: string | null; waitMs: number },
    signal?: AbortSignal,
  ): Promise<Page<ApprovalRecord>>;
  get(approvalId: string): Promise<ApprovalRecord>;
  /**
   * Decides, once: resolves when the decision is in the journal and on its way to Codex.
   *
   * @throws (rejects) {CodexdError} `approval_resolved` with what stands in `detail`, `approval_orphaned`, `not_found`,
   *   `storage_full`, `not_ready` when Codex cannot be told; {DecodeError} for an answer that the kind does not take.
   */
  decide(approvalId: string, input: DecideApprovalInput): Promise<ApprovalRecord>;
}

/** What Codex can do beyond sessions, turns and runs. */
export interface CodexService {
  /**
   * Asks the app-server and gives its result as JSON text, as it came.
   *
   * @throws (rejects) {CodexdError} `app_server_error` with Codex's own `code` and `message`, `timeout`, what
   *   `AppServerGate.ready` throws, `session_exists` for the thread of an active session; {DecodeError} for a method
   *   that would break codexd's own books, with the way that does not.
   */
  rpc(input: RpcInput): Promise<string>;
  /** Version, models, account and rate limits; what Codex cannot say is null, with the reason in `errors`. */
  about(): Promise<Record<string, unknown>>;
}

export interface ChildService {
  /**
   * Ends the app-server in order and starts it again, also out of `failed`; to one that runs elsewhere it connects
   * again, and its turns go on. Resolves when it answers, has failed, or has not answered in
   * `LIMITS.childReadyWaitMs`; a second call joins the first.
   *
   * @throws (rejects) {CodexdError} `draining`, `wrong_mode`.
   */
  restart(): Promise<ChildState>;
}

/** Codex's threads, whether or not a session has them. Rejects as `CodexService.rpc`. */
export interface ThreadService {
  /**
   * Each thread as Codex tells it, with the `sessionId` of the active or last session on it added, null without one:
   * Codex's own member of that name stands as `codexSessionId`. So do the threads of `fork` and `unarchive`.
   */
  list(query: ThreadListQuery): Promise<Page<Record<string, unknown>>>;
  /** `{"thread": …}` as JSON text, as it came. */
  read(threadId: string, options: { turns: boolean }): Promise<string>;
  /** The new thread as Codex tells it. */
  fork(threadId: string, input: ForkThreadInput): Promise<Record<string, unknown>>;
  archive(threadId: string): Promise<void>;
  unarchive(threadId: string): Promise<Record<string, unknown>>;
  name(threadId: string, name: string): Promise<void>;
  /** Begins a turn of Codex's own; that of a session is adopted, with its events and a receipt. */
  compact(threadId: string): Promise<void>;
  /** As `compact`; gives the turn's id and the thread on which it runs. */
  review(threadId: string, input: ReviewThreadInput): Promise<Required<BegunWork>>;
}

export interface UploadService {
  /** @throws (rejects) {CodexdError} `not_found`, `session_closed`, `storage_full`; {DecodeError} for type and size. */
  create(
    input: { sessionId: string; mediaType: string | null; bytes: Buffer }, keeping?: Keeping<UploadRecord>,
  ): Promise<UploadRecord>;
}

export interface RunOutput {
  readonly bytes: Buffer;
  /** Where the next read goes on. */
  readonly nextOffset: number;
  /** Bytes of the whole stream that are there now. */
  readonly size: number;
  /** The piece reaches the end of a stream to which no more can come. */
  readonly ended: boolean;
  /** Resolves when there may be more than `size`, when the run has ended, or when `signal` aborts. */
  more(signal?: AbortSignal): Promise<void>;
}

/** Null means that everything passes; `types` may end in `*`. */
export interface EventFilter {
  readonly session: string | null;
  readonly thread: string | null;
  readonly run: string | null;
  readonly types: readonly string[] | null;
}

export interface EventPage {
  /** Each element is one event as JSON text, as it stands in the journal. */
  readonly events: readonly string[];
  /** Events that belong on this page, pass its filter or not, and cannot be read: the journal is damaged there. */
  readonly gaps: readonly EventGap[];
  readonly nextAfter: number;
  readonly oldestSeq: number;
  readonly headSeq: number;
}

export interface Resume {
  /** `gap`: the cursor was older than the journal, the stream starts at `oldestSeq`. */
  readonly status: "live" | "ok" | "gap";
  readonly oldestSeq: number;
  readonly headSeq: number;
}

/** Who takes events of a stream. */
export interface EventSink {
  /**
   * Takes the next events. `entries` is `batch.entries` itself when all of them are meant, so that the sink can
   * share one encoding of the whole batch among all its like.
   */
  write(batch: EventBatch, entries: readonly EventEntry[]): void;
  /** The journal is damaged here: these events cannot be read, whether or not they would have passed the filter. */
  gap(gap: EventGap): void;
  /** Nothing was written for `LIMITS.streamHeartbeatMs`; `seq` is the newest that the filter has looked at. */
  heartbeat(seq: number): void;
  /** More waits for the reader than `LIMITS.streamSoftBytes`: a live stream then goes on from the journal. */
  readonly congested: boolean;
  /** Resolves when the reader has taken enough for a replay to go on, or has gone. */
  drained(): Promise<void>;
  /** The stream cannot go on (the journal could not be read): the sink closes. */
  fail(error: unknown): void;
}

export interface EventStream {
  readonly resume: Resume;
  /** Resolves when all that a snapshot taken in the tick of `open` shows is in the journal. */
  readonly ready: Promise<void>;
  /** Begins to write to the sink: replay first, then live, without a gap or a repeat. */
  start(): void;
  close(): void;
}

export interface EventService {
  /**
   * @param after null is the oldest.
   * @throws {CodexdError} `cursor_expired` or `cursor_ahead`.
   */
  page(query: { after: number | null; limit: number; filter: EventFilter }): Promise<EventPage>;
  /**
   * @param after null is live: only what is committed after this call.
   * @throws {CodexdError} `cursor_ahead`. A cursor older than the journal shows as `gap`: WebSocket says so in
   *   `hello`, the HTTP forms refuse it.
   */
  open(options: { after: number | null; filter: EventFilter; sink: EventSink }): EventStream;
  /**
   * The detail of one event as JSON text, all of it also where the event itself holds it cut.
   *
   * @throws (rejects) {CodexdError} `not_found` where the journal has no such event, or none any more.
   */
  detail(seq: number): Promise<string>;
}

export interface StatusService {
  /** Of this tick, without waiting for the journal. */
  snapshot(): StatusSnapshot;
  service(): ServiceStatus;
  /** `{service, snapshot, limits, liveness, compat}` of journaled state. */
  status(): Promise<Record<string, unknown>>;
  readiness(): Readiness;
  recentEvents(): readonly CodexdEvent[];
}
