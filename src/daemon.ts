// CodexdDaemon: opens the store, starts the child, and ends both in order; parts.ts builds what lies between.
//
// Deliberately without HTTP (local-service.ts puts the edge on it). Invariants: nothing happens on import or in the
// constructor; what `start` opens `stop` closes, in the reverse order; recovery is over before the child is started.

import { stat } from "node:fs/promises";

import { isoTime, sleep, systemClock, type Clock } from "./base/clock.ts";
import { createDisposer } from "./base/disposer.ts";
import { silentLogger, type Logger } from "./base/log.ts";
import type { Spawner } from "./child/spawner.ts";
import type { CodexdConfig } from "./core/config.ts";
import { CodexdError, EXIT, ExitError } from "./core/errors.ts";
import { decodeEntry, type CodexdEvent } from "./core/event.ts";
import { createId, systemUuid, type UuidSource } from "./core/ids.ts";
import { LIMITS } from "./core/limits.ts";
import type { DaemonState, Identity, Page, SessionRecord, TurnRecord } from "./core/records.ts";
import { buildParts, idleChild, type Parts } from "./parts.ts";
import type { CreateSessionInput, StartTurnInput } from "./service/inputs.ts";
import { endAbandonedTurns } from "./service/recovery.ts";
import type { AcceptedTurn, Services, StopOutcome } from "./service/services.ts";
import type { ServiceStatus, StatusSnapshot } from "./service/status.ts";
import { tableSpecs, type CodexdStore } from "./service/tables.ts";
import { openStore } from "./store/store.ts";
import type { Recovery } from "./store/types.ts";

export interface CodexdDaemonOptions {
  readonly spawner?: Spawner;
  /** The daemon's environment; the child gets it without codexd's own settings. */
  readonly env?: NodeJS.ProcessEnv;
  /** Wall time as an ISO string. */
  readonly now?: () => string;
  readonly uuid?: UuidSource;
  readonly processId?: number;
  /** Every event, right after it was journaled. */
  readonly onEvent?: (event: CodexdEvent) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly log?: Logger;
  /** Cuts a damaged journal where it can no longer be read, instead of refusing to start. */
  readonly acceptLoss?: boolean;
  /** What must never stand in a log or event; asked at each use. */
  readonly secrets?: () => readonly string[];
}

export class CodexdDaemon {
  readonly #config: CodexdConfig;
  readonly #options: CodexdDaemonOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  #parts: Parts | undefined;
  #started = false;
  #stopping: Promise<StatusSnapshot> | undefined;
  #startedAt: string | null = null;
  #stoppedAt: string | null = null;
  #edge: (() => ServiceStatus) | undefined;

  constructor(config: CodexdConfig, options: CodexdDaemonOptions = {}) {
    const { now } = options;
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? (now === undefined ? systemClock : { ...systemClock, now: () => Date.parse(now()) });
    this.#log = options.log ?? silentLogger;
  }

  /** Opens the state and ends what a dead daemon has left; no child yet. @throws {ExitError} as `start`. */
  async open(): Promise<void> {
    const { childStrategy, mode } = this.#config.server;
    if (mode === "app-server" && childStrategy === "external") {
      throw new ExitError(EXIT.config, "--server-strategy: external is not served by this version; it takes spawn");
    }
    await requireDirectory("--server-cwd", this.#config.server.childCwd);
    const { store, identity, recovery } = await openStore({
      stateDir: this.#config.paths.stateDir,
      logsDir: this.#config.paths.logsDir,
      identity: {
        nodeId: this.#config.nodeId,
        version: this.#config.version,
        newDaemonId: () => createId("daemon", this.#options.uuid ?? systemUuid),
      },
      tables: tableSpecs(this.#config.paths),
      durability: this.#config.store.durability,
      journalMaxBytes: this.#config.store.journalMaxBytes,
      recentEventsMax: this.#config.eventCacheSize,
      describe: () => this.#describe(),
      keepFromSeq: () => this.#oldestOpenSeq(),
      acceptLoss: this.#options.acceptLoss ?? false,
      clock: this.#clock,
      log: this.#log,
    });
    try {
      await this.#begin(store, identity, recovery);
    } catch (error) {
      this.#parts = undefined;
      this.#started = false;
      // Nobody else knows of the open store yet, and its lock must not outlive this start. The first error counts.
      await store.close().catch((reason: unknown) => this.#log.error("could not close", { reason: String(reason) }));
      throw error;
    }
  }

  async #begin(store: CodexdStore, identity: Identity, recovery: Recovery): Promise<void> {
    this.#started = true;
    this.#stopping = undefined;
    this.#startedAt = isoTime(this.#clock.now());
    this.#stoppedAt = null;
    this.#parts = await buildParts({
      config: this.#config, store, identity, clock: this.#clock, log: this.#log, options: this.#options,
      daemonState: () => this.#daemonState(),
      edge: () => this.#edgeStatus(),
      isStopping: () => this.#stopping !== undefined,
    });
    const { onEvent } = this.#options;
    if (onEvent !== undefined) this.subscribe(onEvent);
    const { nodeId, version } = this.#config;
    const { daemonId } = identity;
    store.append({
      level: "info", type: "daemon.started", message: `codexd ${version} started`,
      detail: { daemonId, nodeId, version, pid: this.#pid(), clean: recovery.clean },
    });
    await endAbandonedTurns(store, this.#clock);
  }

  /** Starts the child; resolves when it has been spawned, its handshake goes on by itself. */
  async begin(): Promise<void> {
    await this.#require().supervisor?.start();
  }

  /**
   * @throws {ExitError} 75 when the state directory is held, 78 when it cannot be trusted, 65 when it is damaged.
   */
  async start(): Promise<StatusSnapshot> {
    await this.open();
    await this.begin();
    return this.getStatusSnapshot();
  }

  /** Ends all work in order; `beforeClose` runs behind the last event. A second call joins the first. */
  async stop(beforeClose?: () => Promise<void>): Promise<StatusSnapshot> {
    this.#stopping ??= this.#stop(this.#require(), beforeClose);
    return this.#stopping;
  }

  async #stop(parts: Parts, beforeClose?: () => Promise<void>): Promise<StatusSnapshot> {
    const { store, gate, open, interrupts, supervisor, disposeEvents } = parts;
    const rest = createDisposer();
    rest.add(() => {
      this.#parts = undefined;
    });
    rest.add(() => store.close());
    rest.add(disposeEvents);
    rest.add(async () => beforeClose?.());
    try {
      gate.drain();
      const ending = Promise.allSettled(open.all().map((turn) => interrupts.interrupt(turn)));
      await Promise.race([ending, sleep(this.#clock, LIMITS.childStopGraceMs)]);
      await supervisor?.stop();
      this.#started = false;
      this.#stoppedAt = isoTime(this.#clock.now());
      store.append({
        level: "info", type: "daemon.stopped", message: "codexd stopped", detail: { pid: this.#pid() },
      });
      await store.settled();
      return this.getStatusSnapshot();
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
    this.#edge = edge;
    this.#require().store.touchDaemonState();
  }

  async createSession(input: CreateSessionInput): Promise<SessionRecord> {
    return (await this.#require().services.sessions.create(input)).session;
  }

  registerSession(input: Pick<CreateSessionInput, "purpose" | "threadId" | "metadata">): Promise<SessionRecord> {
    return this.#require().services.sessions.register(input);
  }

  closeSession(sessionId: string): Promise<StopOutcome> {
    return this.#require().services.sessions.close(sessionId);
  }

  createTurn(input: StartTurnInput): Promise<AcceptedTurn> {
    return this.#require().services.turns.start(input);
  }

  getTurn(id: string): Promise<TurnRecord> {
    return this.#require().services.turns.get(id, 0);
  }

  /** Null when there is no such session. */
  getSession(sessionId: string): SessionRecord | null {
    return this.#require().store.tables.session.get(sessionId) ?? null;
  }

  listSessions(): Promise<Page<SessionRecord>> {
    return this.#require().services.sessions.list({
      limit: LIMITS.pageMax, cursor: null, status: null, purpose: null,
    });
  }

  getStatusSnapshot(): StatusSnapshot {
    return this.#require().services.status.snapshot();
  }

  /** Every event from now on, right after it was journaled. */
  subscribe(listener: (event: CodexdEvent) => void): { unsubscribe(): void } {
    const unsubscribe = this.#require().store.subscribe((batch) => {
      for (const entry of batch.entries) this.#deliver(listener, decodeEntry(batch, entry));
    });
    return { unsubscribe };
  }

  #deliver(listener: (event: CodexdEvent) => void, event: CodexdEvent): void {
    try {
      listener(event);
    } catch (error) {
      // A listener is a stranger's code: its error must not reach the journal.
      this.#log.error("an event listener has failed", { type: event.type, error: String(error) });
    }
  }

  #daemonState(): DaemonState {
    return {
      started: this.#started,
      startedAt: this.#startedAt,
      stoppedAt: this.#stoppedAt,
      updatedAt: isoTime(this.#clock.now()),
      pid: this.#started ? this.#pid() : null,
      child: this.#parts?.appServer.state ?? idleChild(this.#config),
    };
  }

  /** The journal keeps what the receipts of open turns are rebuilt from. */
  #oldestOpenSeq(): number {
    const open = this.#parts?.open.all() ?? [];
    return Math.min(...open.map(({ record }) => record.firstSeq).filter((seq) => seq > 0));
  }

  #describe(): Record<string, unknown> {
    const { resolvedBaseUrl } = this.#edgeStatus();
    return { ...this.#daemonState(), baseUrl: resolvedBaseUrl, socketPath: this.#config.service.socketPath };
  }

  #edgeStatus(): ServiceStatus {
    return this.#edge?.() ?? noEdge(this.#config);
  }

  #pid(): number {
    return this.#options.processId ?? process.pid;
  }

  #require(): Parts {
    if (this.#parts === undefined) throw new CodexdError("draining", "the daemon is not running");
    return this.#parts;
  }
}

/** A child in a directory that is not there fails with the words of a command that is not there. */
async function requireDirectory(flag: string, directory: string): Promise<void> {
  const isDirectory = await stat(directory).then((found) => found.isDirectory(), () => false);
  if (!isDirectory) throw new ExitError(EXIT.config, `${flag}: ${directory} is not a directory`);
}

function noEdge(config: CodexdConfig): ServiceStatus {
  return {
    configuredBaseUrl: config.service.localApiBase,
    eventStreamPath: config.service.eventStreamPath,
    eventStreamUrl: null,
    listening: false,
    resolvedBaseUrl: null,
    websocketClients: 0,
  };
}
