// CodexdStateStore: the state of a daemon that does not run, for programs and tests that read or change it.
//
// Deliberately no second way into the files: it holds the same store and lock as a daemon, so that one that runs keeps
// it out. Invariant: what it does not change stays as it is, also what daemon-state.json says of the last daemon.

import type { Clock } from "./base/clock.ts";
import { silentLogger, type Logger } from "./base/log.ts";
import type { CodexdConfig } from "./core/config.ts";
import { CodexdError } from "./core/errors.ts";
import { decodeEntry, type CodexdEvent, type EventDraft } from "./core/event.ts";
import { createId, systemUuid, type UuidSource } from "./core/ids.ts";
import type { DaemonState, Identity, SessionRecord, TurnRecord } from "./core/records.ts";
import type { RunRecord } from "./core/runs.ts";
import { clockOf } from "./daemon-options.ts";
import { tableSpecs, type CodexdStore } from "./service/tables.ts";
import { loadDaemonState } from "./store/daemon-state.ts";
import { nodeDisk } from "./store/disk.ts";
import { asExitError } from "./store/open-failure.ts";
import { openStore } from "./store/store.ts";

export interface CodexdStateStoreOptions {
  /** Wall time as an ISO string. */
  readonly now?: (() => string) | undefined;
  readonly uuid?: UuidSource | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Logger | undefined;
  /** As `CodexdDaemonOptions.acceptLoss`. */
  readonly acceptLoss?: boolean | undefined;
}

/** Whole records that an event changes; each takes the place of the one with its id. */
export interface ChangedRecords {
  readonly session?: SessionRecord | undefined;
  readonly turn?: TurnRecord | undefined;
  readonly run?: RunRecord | undefined;
}

/** Every method but `open` and `close` throws {CodexdError} `draining` unless it is open. */
export class CodexdStateStore {
  readonly #config: CodexdConfig;
  readonly #options: CodexdStateStoreOptions;
  #opened: Promise<Opened> | undefined;
  #open: Opened | undefined;

  constructor(config: CodexdConfig, options: CodexdStateStoreOptions = {}) {
    this.#config = config;
    this.#options = options;
  }

  /**
   * Makes the directories where they are missing, recovers what a crash has left, and takes the lock. A second call
   * joins the first.
   *
   * @throws (rejects) {ExitError} as `CodexdDaemon.start`: 75 while a daemon runs on the directory.
   */
  async open(): Promise<void> {
    this.#opened ??= this.#openStore();
    try {
      this.#open = await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  /** Writes all of it down and gives the lock up; of one that is not open nothing is to be done. */
  async close(): Promise<void> {
    const open = await this.#opened?.catch(() => undefined);
    this.#opened = undefined;
    this.#open = undefined;
    await open?.store.close();
  }

  getIdentity(): Identity {
    return this.#require().identity;
  }

  /** What the last daemon has said of itself; null where there was none. */
  getDaemonState(): DaemonState | null {
    const { document } = this.#require();
    return document === undefined ? null : (document as unknown as DaemonState);
  }

  getSession(sessionId: string): SessionRecord | null {
    return this.#require().store.tables.session.get(sessionId) ?? null;
  }

  /** Lists are whole, newest first. */
  listSessions(): SessionRecord[] {
    return [...this.#require().store.tables.session.newestFirst()];
  }

  /** By `submissionId`, or by `turnId` where codexd did not start it. */
  getTurn(id: string): TurnRecord | null {
    return this.#require().store.tables.turn.get(id) ?? null;
  }

  listTurns(): TurnRecord[] {
    return [...this.#require().store.tables.turn.newestFirst()];
  }

  getRun(runId: string): RunRecord | null {
    return this.#require().store.tables.run.get(runId) ?? null;
  }

  listRuns(): RunRecord[] {
    return [...this.#require().store.tables.run.newestFirst()];
  }

  /** The newest events, oldest first, as `recent-events.json` has them. */
  getRecentEvents(): readonly CodexdEvent[] {
    return this.#require().store.recentEvents();
  }

  /** The seq of the newest event. */
  get headSeq(): number {
    return this.#require().store.headSeq;
  }

  /**
   * Journals an event and the records that it changes, in one line. Resolves with its seq when that is written.
   *
   * @throws (rejects) {CodexdError} `storage_full`: nothing has changed then.
   */
  appendEvent(event: EventDraft, changed: ChangedRecords = {}): Promise<number> {
    const { session, turn, run } = changed;
    return this.#require().store.commit(event, {
      put: {
        ...(session === undefined ? {} : { session }),
        ...(turn === undefined ? {} : { turn }),
        ...(run === undefined ? {} : { run }),
      },
    });
  }

  /** The journal's events with a seq above `afterSeq`, in order, as far as the journal still holds them. */
  async *replay(afterSeq = 0): AsyncGenerator<CodexdEvent, void, void> {
    for await (const batch of this.#require().store.replay(afterSeq)) {
      for (const entry of batch.entries) yield decodeEntry(batch, entry);
    }
  }

  async #openStore(): Promise<Opened> {
    const { log = silentLogger, acceptLoss = false, uuid = systemUuid } = this.#options;
    // Read before it is opened, which writes the file anew with what `describe` gives.
    const previous = loadDaemonState(nodeDisk, this.#config.paths.daemonStatePath);
    const { document } = await previous.catch((error: unknown) => Promise.reject(asExitError(error)));
    const { store, identity } = await openStore({
      ...storeOptions(this.#config, uuid),
      describe: () => document ?? {},
      clock: clockOf(this.#options),
      acceptLoss,
      log,
    });
    return { store, identity, document };
  }

  #require(): Opened {
    if (this.#open === undefined) throw new CodexdError("draining", "the state store is not open");
    return this.#open;
  }
}

interface Opened {
  readonly store: CodexdStore;
  readonly identity: Identity;
  readonly document: Record<string, unknown> | undefined;
}

/** Of the store's options those that a configuration says. */
export function storeOptions(config: CodexdConfig, uuid: UuidSource) {
  const { nodeId, version, paths, store, eventCacheSize } = config;
  return {
    stateDir: paths.stateDir,
    logsDir: paths.logsDir,
    identity: { nodeId, version, newDaemonId: () => createId("daemon", uuid) },
    tables: tableSpecs(paths),
    durability: store.durability,
    journalMaxBytes: store.journalMaxBytes,
    recentEventsMax: eventCacheSize,
  };
}
