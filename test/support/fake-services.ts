// The services without a daemon behind them: answers that a test sets, and a record of what was asked.
//
// Deliberately without rules: it never refuses anything unless it was told to, so that what a test sees is the edge's.

import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import type { CodexdConfig } from "../../src/core/config.ts";
import { CodexdError } from "../../src/core/errors.ts";
import type { CodexdEvent } from "../../src/core/event.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { AcceptedTurn, StartTurnInput, StopOutcome, UploadMediaType } from "../../src/core/requests.ts";
import { runSummary, type RunRecord, type RunStream, type StartRunInput } from "../../src/core/runs.ts";
import type { Readiness, ServiceStatus, StatusSnapshot } from "../../src/core/status.ts";
import type {
  ApprovalService, ChildService, CodexService, RunOutput, RunService, Services, SessionService, StatusService,
  ThreadService, TurnService, TurnWait, UploadService,
} from "../../src/service/services.ts";
import type { MetricFamily } from "../../src/service/status/metrics.ts";
import { FakeEvents, makeEvent } from "./fake-events.ts";
import { FakeIdempotency } from "./fake-idempotency.ts";

export function makeSession(changes: Partial<SessionRecord> = {}): SessionRecord {
  return {
    sessionId: "ses_1", purpose: "duplex", threadId: "thread-1", status: "active", endpoint: "stdio://", childPid: 42,
    createdAt: "2025-01-02T03:04:05.678Z", updatedAt: "2025-01-02T03:04:05.678Z", cwd: "/", model: null,
    modelProvider: null, serviceTier: null, reasoningEffort: null, approvalPolicy: null, sandbox: null,
    currentTurnId: null, lastTurnId: null, lastTurnStatus: null, metadata: {}, threadDurable: false,
    profile: {
      cwd: null, model: null, modelProvider: null, serviceTier: null, reasoningEffort: null, approvalPolicy: null,
      sandbox: null, sandboxPolicy: null, personality: null, ephemeral: null, baseInstructions: null,
      developerInstructions: null, config: null,
    },
    ...changes,
  };
}

export function makeTurn(changes: Partial<TurnRecord> = {}): TurnRecord {
  return {
    submissionId: "sub_1", turnId: "turn-1", sessionId: "ses_1", threadId: "thread-1", status: "inProgress",
    startedAt: "2025-01-02T03:04:05.678Z", completedAt: null, durationMs: null, input: [{ type: "text", text: "hi" }],
    finalMessage: null, error: null, tokenUsage: null, outputSchema: null, diff: null, approvals: [], liveness: null,
    structuredOutput: null, structuredOutputError: null, plan: null, commands: [], fileChanges: [],
    firstSeq: 1, lastSeq: null,
    ...changes,
  };
}

export function makeRun(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    runId: "run_1", sessionId: null, status: "queued", adapter: "codex-exec", prompt: "do it", purpose: "worker",
    cwd: "/", createdAt: "2025-01-02T03:04:05.678Z", updatedAt: "2025-01-02T03:04:05.678Z", startedAt: null,
    finishedAt: null, error: null, summary: null, finalMessage: null, exitCode: null, tokenUsage: null, metadata: {},
    result: null, structuredOutput: null, structuredOutputError: null, plan: null, commands: [], fileChanges: [],
    firstSeq: null, liveness: null, ...changes,
  };
}

export function makeApproval(changes: Partial<ApprovalRecord> = {}): ApprovalRecord {
  return {
    approvalId: "apr_1", kind: "command", sessionId: "ses_1", threadId: "thread-1", turnId: "turn-1", itemId: "call_1",
    method: "item/commandExecution/requestApproval", params: {}, requestId: 0, summary: "run echo hi",
    command: "echo hi", cwd: "/", changes: null, permissions: null, questions: null,
    allowedDecisions: ["accept", "acceptForSession", "decline", "cancel"], createdAt: "2025-01-02T03:04:05.678Z",
    expiresAt: null, status: "pending", decision: null, decidedBy: null, rule: null, decidedAt: null, result: null,
    orphanedBy: null, ...changes,
  };
}

export class FakeServices implements Services {
  readonly calls: Array<{ readonly name: string; readonly args: readonly unknown[] }> = [];
  readonly events = new FakeEvents();
  readonly idempotency = new FakeIdempotency();
  /** By the name of a call, such as `sessions.get`: what it throws. */
  readonly failures = new Map<string, unknown>();
  session = makeSession();
  turn = makeTurn();
  run = makeRun();
  /** What `runs.output` gives, one after another; the last one again and again. */
  outputs: RunOutput[] = [{ bytes: Buffer.from("done\n"), nextOffset: 5, size: 5, ended: true, more: async () => {} }];
  created = true;
  /** What `turns.start` gives as the ended turn. */
  endedTurn: TurnRecord | null = null;
  /** What `turns.start` says that the turn waits for. */
  waitsFor: ApprovalRecord[] = [];
  approval = makeApproval();
  rpcResult = '{"data":[]}';
  thread: Record<string, unknown> = { id: "thread-1", name: null };
  nextCursor: string | null = null;
  ready: Readiness = { ready: true, reasons: [] };
  /** While set, `status.status` and `turns.get` with a wait answer only when it resolves. */
  hold: Deferred<void> | null = null;
  /** Resolves when a held call has been aborted. */
  readonly aborted = createDeferred<void>();
  readonly config: CodexdConfig;
  /** What the edge says of itself; set by who builds both. */
  service: () => ServiceStatus;

  constructor(config: CodexdConfig) {
    this.config = config;
    this.service = () => ({
      configuredBaseUrl: config.service.localApiBase,
      eventStreamPath: config.service.eventStreamPath,
      eventStreamUrl: null, listening: true, resolvedBaseUrl: null, websocketClients: 0,
    });
  }

  readonly sessions: SessionService = {
    create: async (input) => {
      this.#note("sessions.create", input);
      return { session: this.session, created: this.created };
    },
    list: async (query) => {
      this.#note("sessions.list", query);
      return { records: [this.session], nextCursor: this.nextCursor };
    },
    get: async (sessionId: string) => {
      this.#note("sessions.get", sessionId);
      if (sessionId !== this.session.sessionId) throw new CodexdError("not_found", `no session ${sessionId}`);
      return { session: this.session, recentEvents: [makeEvent(1)] };
    },
    close: async (sessionId: string) => this.#stop("sessions.close", sessionId),
    interrupt: async (sessionId: string) => this.#stop("sessions.interrupt", sessionId),
  };

  readonly turns: TurnService = {
    start: async (input: StartTurnInput, signal?: AbortSignal): Promise<AcceptedTurn> => {
      this.#note("turns.start", input);
      if ((input.waitMs ?? 0) > 0) await this.#held(signal);
      const { submissionId, turnId } = this.turn;
      return { session: this.session, submissionId, turnId, turn: this.endedTurn, approvals: this.waitsFor };
    },
    interrupt: async (id: string) => {
      this.#note("turns.interrupt", id);
      return { turn: this.turn, stopped: [], survived: [] };
    },
    get: async (id: string, waitMs: number, signal?: AbortSignal, waitFor?: TurnWait): Promise<TurnRecord> => {
      this.#note("turns.get", id, waitMs, ...(waitFor === "approval" ? [waitFor] : []));
      if (waitMs > 0) await this.#held(signal);
      return this.turn;
    },
    list: async (query) => {
      this.#note("turns.list", query);
      return { records: [this.turn], nextCursor: this.nextCursor };
    },
  };

  readonly approvals: ApprovalService = {
    list: async (query, signal) => {
      this.#note("approvals.list", query);
      if (query.waitMs > 0) await this.#held(signal);
      return { records: [this.approval], nextCursor: this.nextCursor };
    },
    get: async (approvalId) => {
      this.#note("approvals.get", approvalId);
      return this.approval;
    },
    decide: async (approvalId, input) => {
      this.#note("approvals.decide", approvalId, input);
      return this.approval;
    },
  };

  readonly codex: CodexService = {
    rpc: async (input) => {
      this.#note("codex.rpc", input);
      return this.rpcResult;
    },
    about: async () => {
      this.#note("codex.about");
      return { version: "0.169.0" };
    },
  };

  readonly child: ChildService = {
    restart: async () => {
      this.#note("child.restart");
      return this.#snapshot().daemon.child;
    },
  };

  readonly threads: ThreadService = {
    list: async (query) => {
      this.#note("threads.list", query);
      return { records: [this.thread], nextCursor: this.nextCursor };
    },
    read: async (threadId, options) => {
      this.#note("threads.read", threadId, options);
      return JSON.stringify({ thread: this.thread });
    },
    fork: async (threadId, input) => {
      this.#note("threads.fork", threadId, input);
      return this.thread;
    },
    archive: async (threadId) => this.#note("threads.archive", threadId),
    unarchive: async (threadId) => {
      this.#note("threads.unarchive", threadId);
      return this.thread;
    },
    name: async (threadId, name) => this.#note("threads.name", threadId, name),
    compact: async (threadId) => this.#note("threads.compact", threadId),
    review: async (threadId, input) => {
      this.#note("threads.review", threadId, input);
      return { turnId: "turn-9", threadId };
    },
  };

  readonly uploads: UploadService = {
    create: async ({ sessionId, mediaType, bytes }) => {
      this.#note("uploads.create", { sessionId, mediaType, bytes: bytes.length });
      return {
        uploadId: "upl_1", sessionId, path: "/state/uploads/ses_1/upl_1.png", bytes: bytes.length,
        mediaType: (mediaType ?? "image/png") as UploadMediaType, createdAt: "2025-01-02T03:04:05.678Z",
      };
    },
  };

  readonly runs: RunService = {
    start: async (input: StartRunInput, signal?: AbortSignal): Promise<RunRecord> => {
      this.#note("runs.start", input);
      if ((input.waitMs ?? 0) > 0) await this.#held(signal);
      return this.run;
    },
    get: async (runId: string): Promise<RunRecord> => {
      this.#note("runs.get", runId);
      return this.run;
    },
    list: async (query) => {
      this.#note("runs.list", query);
      return { records: [runSummary(this.run)], nextCursor: this.nextCursor };
    },
    cancel: async (runId: string) => {
      this.#note("runs.cancel", runId);
      return { run: this.run, stopped: [{ pid: 7, command: "sleep", signal: "SIGINT" }], survived: [] };
    },
    output: async (runId: string, stream: RunStream, after: number): Promise<RunOutput> => {
      this.#note("runs.output", runId, stream, after);
      const [next, ...rest] = this.outputs;
      if (next === undefined) throw new CodexdError("not_found", `no run ${runId}`);
      if (rest.length > 0) this.outputs = rest;
      return next;
    },
  };

  /** What `metrics.collect` gives. */
  families: MetricFamily[] = [];
  readonly metrics = { collect: (): readonly MetricFamily[] => this.families };

  readonly status: StatusService = {
    snapshot: () => {
      this.#note("status.snapshot");
      return this.#snapshot();
    },
    service: () => this.service(),
    status: async () => {
      this.#note("status.status");
      await this.#held(undefined);
      return { service: this.service(), snapshot: this.#snapshot(), limits: {}, liveness: null, compat: "ok" };
    },
    readiness: () => this.ready,
    recentEvents: (): readonly CodexdEvent[] => [makeEvent(1)],
  };

  callsOf(name: string): ReadonlyArray<readonly unknown[]> {
    return this.calls.filter((call) => call.name === name).map((call) => call.args);
  }

  #note(name: string, ...args: readonly unknown[]): void {
    this.calls.push({ name, args });
    if (this.failures.has(name)) throw this.failures.get(name);
  }

  #stop(name: string, sessionId: string): StopOutcome {
    this.#note(name, sessionId);
    const stopped = [{ pid: 7, command: "sleep", signal: "SIGTERM" }];
    return { session: this.session, turn: null, queuedTurns: [], stopped, survived: [] };
  }

  async #held(signal: AbortSignal | undefined): Promise<void> {
    const gone = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
    void gone.then(() => this.aborted.resolve());
    if (this.hold !== null) await Promise.race([this.hold.promise, gone]);
  }

  #snapshot(): StatusSnapshot {
    return {
      config: this.config,
      identity: { daemonId: "dmn_1", nodeId: "node", version: "0.1.0", createdAt: "2025-01-02T03:04:05.678Z" },
      daemon: {
        started: true, startedAt: null, stoppedAt: null, updatedAt: "2025-01-02T03:04:05.678Z", pid: 1,
        child: {
          status: "running", pid: 42, command: "codex", args: [], cwd: "/", endpoint: "stdio://", startedAt: null,
          exitedAt: null, exitCode: null, signal: null, restarts: 0, lastError: null,
        },
      },
      sessionRegistry: { updatedAt: null, sessions: [this.session], total: 1 },
      runRegistry: { updatedAt: null, runs: [], total: 0 },
      recentEvents: { maxEntries: 50, updatedAt: null, events: [] },
    };
  }
}
