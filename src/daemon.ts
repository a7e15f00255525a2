// CodexdDaemon: opens the store, starts the child, and ends both in order; parts.ts builds what lies between.
//
// Deliberately without HTTP (local-service.ts puts the edge on it). Invariants: nothing happens on import or in the
// constructor; what `start` opens `stop` closes, in the reverse order; recovery is over before the child is started.

import { isoTime, sleep, type Clock } from "./base/clock.ts";
import { createDisposer } from "./base/disposer.ts";
import { silentLogger, type Logger } from "./base/log.ts";
import type { ApprovalRuleList } from "./core/approval-rules.ts";
import type { CodexdConfig } from "./core/config.ts";
import { CodexdError } from "./core/errors.ts";
import { systemUuid } from "./core/ids.ts";
import { LIMITS } from "./core/limits.ts";
import type { StopReport } from "./core/processes.ts";
import type { DaemonState, Identity, SessionRecord, TurnRecord } from "./core/records.ts";
import type {
  AcceptedTurn, CreateSessionInput, RegisterSessionInput, StartTurnInput, StopOutcome,
} from "./core/requests.ts";
import type { RunRecord, StartRunInput } from "./core/runs.ts";
import type { ServiceStatus, StatusSnapshot } from "./core/status.ts";
import { checkBeforeStart, noEdge, unstartedSnapshot, whereItListens } from "./daemon-at-rest.ts";
import { clockOf, createEventListeners, type CodexdDaemonOptions, type EventListener } from "./daemon-options.ts";
import { buildParts, idleChild, type Parts } from "./parts.ts";
import type { Services } from "./service/services.ts";
import type { CodexdStore } from "./service/tables.ts";
import { endAbandonedTurns } from "./service/turns/turn-recovery.ts";
import { storeOptions } from "./state-store.ts";
import { openStore } from "./store/store.ts";
import type { Recovery } from "./store/types.ts";

/** While one runs it keeps its process alive, as a server does. */
export class CodexdDaemon {
  readonly #config: CodexdConfig;
  readonly #options: CodexdDaemonOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pid: number;
  readonly #listeners: ReturnType<typeof createEventListeners>;
  /** Also of one that has stopped. */
  #tables: CodexdStore["tables"] | undefined;
  #parts: Parts | undefined;
  #started = false;
  #opening: Promise<void> | undefined;
  #isOpening = false;
  #stopAsked = false;
  #beginning: Promise<void> | undefined;
  #stopping: Promise<StatusSnapshot> | undefined;
  /** How it looked when it had stopped. */
  #lastSnapshot: StatusSnapshot | undefined;
  /** Codexd's own timers let a program end that waits for nothing else. */
  #hold: NodeJS.Timeout | undefined;
  #startedAt: string | null = null;
  #stoppedAt: string | null = null;
  #edge: (() => ServiceStatus) | undefined;

  constructor(config: CodexdConfig, options: CodexdDaemonOptions = {}) {
    this.#config = config;
    this.#options = options;
    this.#clock = clockOf(options);
    this.#pid = options.processId ?? process.pid;
    this.#log = options.log ?? silentLogger;
    this.#listeners = createEventListeners(this.#log, options.onEvent);
  }

  /**
   * Opens the state and ends what a dead daemon has left; no child yet. A second call joins the first, one during a
   * stop waits for its end. @throws {ExitError} as `start`.
   */
  open(): Promise<void> {
    this.#opening ??= this.#openBehindStop();
    return this.#opening;
  }

  async #openBehindStop(): Promise<void> {
    this.#isOpening = true;
    this.#stopAsked = false;
    try {
      // How the stop went was told to who asked for it.
      await this.#stopping?.catch(() => undefined);
      await this.#open();
    } catch (error) {
      this.#opening = undefined;
      throw error;
    } finally {
      this.#isOpening = false;
    }
  }

  async #open(): Promise<void> {
    const rules = await checkBeforeStart(this.#config);
    const { store, identity, recovery } = await openStore({
      ...storeOptions(this.#config, this.#options.uuid ?? systemUuid),
      describe: () => ({ ...this.#daemonState(), ...whereItListens(this.getServiceStatus(), this.#config) }),
      keepFromSeq: (safeSeq) => (this.#isOpening ? 0 : this.#parts?.marks.keepFromSeq(safeSeq) ?? 0),
      acceptLoss: this.#options.acceptLoss ?? false,
      clock: this.#clock,
      log: this.#log,
    });
    try {
      await this.#begin(store, identity, recovery, rules);
    } catch (error) {
      this.#parts = undefined;
      this.#started = false;
      clearInterval(this.#hold);
      // Nobody else knows of the open store yet, and its lock must not outlive this start. The first error counts.
      await store.close().catch((reason: unknown) => this.#log.error("could not close", { reason: String(reason) }));
      throw error;
    }
  }

  async #begin(store: CodexdStore, identity: Identity, recovery: Recovery, rules: ApprovalRuleList): Promise<void> {
    this.#started = true;
    this.#stopping = undefined;
    this.#lastSnapshot = undefined;
    this.#beginning = undefined;
    this.#hold = setInterval(() => undefined, LIMITS.timerMsMax);
    this.#startedAt = isoTime(this.#clock.now());
    this.#stoppedAt = null;
    this.#tables = store.tables;
    this.#parts = await buildParts({
      config: this.#config, options: this.#options, store, identity, recovery, rules,
      clock: this.#clock, log: this.#log, daemonState: () => this.#daemonState(),
      edge: () => this.getServiceStatus(),
      isStopping: () => this.#stopping !== undefined,
    });
    store.subscribe((batch) => this.#listeners.tell(batch));
    const { nodeId, version } = this.#config;
    store.append({
      level: "info", type: "daemon.started", message: `codexd ${version} started`,
      detail: { daemonId: identity.daemonId, nodeId, version, pid: this.#pid, clean: recovery.clean },
    });
    const { open, remote, tally, services } = this.#parts;
    const outliving = remote ? { open, endpoint: this.#config.server.endpoint } : undefined;
    await endAbandonedTurns(store, this.#clock, outliving, tally, services.approvals);
    await services.runs.recover();
    void this.#parts.retention.start();
  }

  /** Starts the child; resolves when it has been spawned, its handshake goes on by itself. @throws as `start`. */
  async begin(): Promise<void> {
    if (this.#stopAsked) throw new CodexdError("draining", "codexd was stopped while it started");
    const { child, services, stalls } = this.#require();
    stalls.begin();
    if (this.#beginning === undefined) services.runs.begin();
    this.#beginning ??= child?.start() ?? Promise.resolve();
    await this.#beginning;
  }

  /**
   * Resolves when the child has been spawned; of a daemon that runs it gives the snapshot.
   *
   * @throws {ExitError} 75 when the state directory is held, 78 when it cannot be trusted, 65 when it is damaged;
   *   {CodexdError} `draining` when it was stopped meanwhile.
   */
  async start(): Promise<StatusSnapshot> {
    await this.open();
    await this.begin();
    return this.getStatusSnapshot();
  }

  /**
   * Ends all work in order; `beforeClose` runs behind the last event. A second call joins the first; of a daemon that
   * does not run it gives the last snapshot.
   */
  async stop(beforeClose?: () => Promise<void>): Promise<StatusSnapshot> {
    this.#stopAsked = true;
    // One that is being opened is ended when it is open; how that went is told to who asked for it.
    if (this.#isOpening) await this.#opening?.catch(() => undefined);
    if (this.#parts === undefined) return this.#stopping ?? this.getStatusSnapshot();
    this.#opening = undefined;
    this.#stopping ??= this.#stop(this.#parts, beforeClose);
    return this.#stopping;
  }

  async #stop(parts: Parts, beforeClose?: () => Promise<void>): Promise<StatusSnapshot> {
    const { store, gate, interrupts, services, child, retention, disposeEvents, remote } = parts;
    const rest = createDisposer();
    rest.add(() => {
      this.#lastSnapshot ??= this.getStatusSnapshot();
      this.#parts = undefined;
      clearInterval(this.#hold);
    });
    rest.add(() => store.close());
    rest.add(disposeEvents);
    rest.add(async () => beforeClose?.());
    try {
      gate.drain();
      const runsEnded = services.runs.stop();
      // The turns of an app-server that runs elsewhere go on without codexd, and are taken up at the next start.
      const ending = remote ? Promise.resolve() : interrupts.interruptAll();
      await Promise.race([ending, sleep(this.#clock, LIMITS.childStopGraceMs)]);
      await child?.stop();
      await Promise.all([runsEnded, retention.stop()]);
      this.#started = false;
      this.#stoppedAt = isoTime(this.#clock.now());
      store.append({ level: "info", type: "daemon.stopped", message: "codexd stopped", detail: { pid: this.#pid } });
      await store.settled();
      return (this.#lastSnapshot = this.getStatusSnapshot());
    } finally {
      // Also when the disk has failed: clients are told, sockets and the lock are given up.
      await rest.dispose();
    }
  }

  /** Resolves with the reason when the disk has failed for good: the process must end. */
  get failed(): Promise<Error> {
    return this.#require().store.broken;
  }

  /** The use cases, for an edge. */
  get services(): Services {
    return this.#require().services;
  }

  /** What `status` and daemon-state.json say of the edge. */
  attachEdge(edge: () => ServiceStatus): void {
    this.#require().store.touchDaemonState();
    this.#edge = edge;
  }

  async createSession(input: CreateSessionInput = {}): Promise<SessionRecord> {
    return (await this.#require().services.sessions.create(input)).session;
  }

  async registerSession(input: RegisterSessionInput = {}): Promise<SessionRecord> {
    return this.#require().services.sessions.register(input);
  }

  async closeSession(sessionId: string): Promise<StopOutcome> {
    return this.#require().services.sessions.close(sessionId);
  }

  async createTurn(input: StartTurnInput): Promise<AcceptedTurn & { readonly accepted: true }> {
    return { accepted: true, ...(await this.#require().services.turns.start(input)) };
  }

  async getTurn(id: string): Promise<TurnRecord> {
    return this.#require().services.turns.get(id, 0);
  }

  async createRun(input: StartRunInput): Promise<RunRecord> {
    return this.#require().services.runs.start(input);
  }

  async cancelRun(runId: string): Promise<StopReport & { readonly run: RunRecord }> {
    return this.#require().services.runs.cancel(runId);
  }

  /** Null when there is no such run. Without what lies in its files, as those of `listRuns` are. */
  getRun(runId: string): RunRecord | null {
    return this.#tables?.run.get(runId) ?? null;
  }

  listRuns(): RunRecord[] {
    return [...(this.#tables?.run.newestFirst() ?? [])];
  }

  /** Null when there is no such session. */
  getSession(sessionId: string): SessionRecord | null {
    return this.#tables?.session.get(sessionId) ?? null;
  }

  /** All of them, newest first. */
  listSessions(): SessionRecord[] {
    return [...(this.#tables?.session.newestFirst() ?? [])];
  }

  /** Of a daemon that has stopped the last one; before the first start it has no `daemonId`. */
  getStatusSnapshot(): StatusSnapshot {
    const snapshot = this.#parts?.services.status.snapshot() ?? this.#lastSnapshot;
    return snapshot ?? unstartedSnapshot(this.#config, this.#daemonState());
  }

  /** What the edge says of itself; it does not listen before `start` and after `stop`. */
  getServiceStatus(): ServiceStatus {
    return this.#edge?.() ?? noEdge(this.#config);
  }

  /** Every event from now on, right after it was journaled; before the first start too, and over stops and starts. */
  subscribe(listener: EventListener): { unsubscribe(): void } {
    return this.#listeners.add(listener);
  }

  #daemonState(): DaemonState {
    return {
      started: this.#started,
      startedAt: this.#startedAt,
      stoppedAt: this.#stoppedAt,
      updatedAt: isoTime(this.#clock.now()),
      pid: this.#started ? this.#pid : null,
      child: this.#parts?.appServer.state ?? idleChild(this.#config),
    };
  }

  #require(): Parts {
    // Nobody may ask before what a dead daemon has left is ended.
    if (this.#parts === undefined || this.#isOpening) throw new CodexdError("draining", "the daemon is not running");
    return this.#parts;
  }
}
