// What the store promises to those who use it; how it keeps the promise stands in the files beside this one.
//
// The store knows nothing of sessions, HTTP or Codex: tables are named by whoever opens it.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Durability } from "../core/config.ts";
import type { CodexdEvent, EventBatch, EventDraft } from "../core/event.ts";

/** Maps the name of a table, as `put` and `del` use it, to the type of its records. */
export type Tables = { readonly [kind: string]: object };

export interface TableSpec<R> {
  /** Absolute path of the checkpoint. */
  readonly path: string;
  /** The member of the checkpoint that holds the records, such as `sessions`. */
  readonly field: string;
  /** Never changes for a record. */
  idOf(record: R): string;
  /** A second id by which records are found, null where one has none. Left out where nobody looks for any. */
  otherIdOf?(record: R): string | null;
  /**
   * A record of an older layout with the members that it lacks, as it comes from a checkpoint or the journal; one that
   * lacks none is given back itself. Left out where there never was another layout.
   */
  complete?(record: R): R;
  /** What of a record may be too long for a line. Left out where nothing can be. */
  readonly beside?: BesideSpec<R>;
}

/** How a record that is too long for a line is cut into parts that lie in files, and made whole again. Pure. */
export interface BesideSpec<R> {
  /**
   * The record as it is kept, which says what was cut out of it, and the parts that are to be written for it; the ones
   * that lie there from `before`, the record that it replaces, and are the same, are left out. Gives the record itself
   * where nothing is too long.
   */
  cut(record: R, before: R | undefined): { readonly record: R; readonly parts: Readonly<Record<string, object>> };
  /** The parts that lie beside the record, as it says itself. */
  partsOf(record: R): readonly string[];
  /** The record with the parts that could be read. */
  join(record: R, parts: Readonly<Record<string, object>>): R;
}

/** Whole records to put and ids to delete, in the one line that also holds the event. */
export interface Changes<T extends Tables> {
  readonly put?: { readonly [K in keyof T]?: T[K] };
  readonly del?: { readonly [K in keyof T]?: readonly string[] };
}

/** A change may need the seq of its own line, such as a record's `firstSeq`. */
export type ChangesOf<T extends Tables> = Changes<T> | ((seq: number) => Changes<T>);

/** In the order of first insertion; records are values and must not be changed in place. */
export interface ReadonlyTable<R> {
  readonly size: number;
  get(id: string): R | undefined;
  /** By the id that `TableSpec.otherIdOf` gives; of several that have it the newest. */
  getByOther(otherId: string): R | undefined;
  /** Newest first. */
  newestFirst(): IterableIterator<R>;
}

/** Seqs that a loss of power has taken, both ends included: somebody may have been told of events that had them. */
export interface SeqHole {
  readonly fromSeq: number;
  readonly toSeq: number;
}

export interface Store<T extends Tables> {
  readonly tables: { readonly [K in keyof T]: ReadonlyTable<T[K]> };

  /**
   * A change that a caller asks for: memory changes at once, the promise resolves with its seq when the line is
   * acknowledged at the configured durability.
   *
   * @throws (rejects) {CodexdError} `storage_full`: the change has been undone.
   */
  commit(draft: EventDraft, changes?: ChangesOf<T>): Promise<number>;

  /** A fact that cannot be refused (what the child said): held while the disk is full. Gives its seq. */
  append(draft: EventDraft, changes?: ChangesOf<T>): number;

  /**
   * Resolves when all that was committed or appended before this call is acknowledged, or undone; at once while
   * the disk is full, so that reads go on.
   */
  settled(): Promise<void>;

  /** The newest seq that was given out; it may not be in the journal yet. */
  readonly lastSeq: number;
  /** The newest seq in the journal: what clients may have seen. */
  readonly headSeq: number;
  /** The oldest seq that the journal still holds; `headSeq + 1` when it holds none. */
  readonly oldestSeq: number;
  /** Of the journal as it was when it was opened, oldest first. */
  readonly seqHoles: readonly SeqHole[];

  /** Every batch, in order, right after its write has succeeded. Listeners must not throw. */
  subscribe(listener: (batch: EventBatch) => void): () => void;

  /**
   * Journaled events with a seq above `afterSeq`, in batches of about `LIMITS.replayChunkBytes`, up to `headSeq` as
   * it is when the reading gets there. Reads from the files, never holds more than a batch.
   */
  replay(afterSeq: number): AsyncIterableIterator<EventBatch>;

  /**
   * The detail of the journaled event `seq` as JSON text, all of it also where the event holds it cut; null where the
   * journal has no such event.
   */
  readDetail(seq: number): Promise<string | null>;

  /** A record of a table with what lies beside it; itself where nothing does. */
  readWhole<K extends keyof T & string>(kind: K, record: T[K]): Promise<T[K]>;

  /** The newest events, oldest first, without deltas and with long details cut. */
  recentEvents(): readonly CodexdEvent[];

  /** The journal on disk: how many segments, and their bytes, with the details that lie beside them. */
  journalSize(): { readonly segments: number; readonly bytes: number };

  /** Bytes that wait for the disk; the child's output is not read while they are above the limit. */
  readonly pendingBytes: number;
  /** Calls `listener` whenever a write has made `pendingBytes` smaller. */
  onDrained(listener: () => void): () => void;

  health(): StoreHealth;
  /** Resolves with the reason if the disk fails for good (a failed fsync): the process must end with exit 74. */
  readonly broken: Promise<Error>;

  /** Writes daemon-state.json again, because what `describe` gives has changed. Coalesced; never throws. */
  touchDaemonState(): void;

  /** All of it durable. */
  sync(): Promise<void>;
  /** Flushes, writes every checkpoint and the clean flag, releases the lock. */
  close(): Promise<void>;
}

export interface StoreHealth {
  readonly writable: boolean;
  readonly reason: string | null;
}

export interface StoreOptions<T extends Tables> {
  readonly stateDir: string;
  readonly logsDir: string;
  readonly identity: { readonly nodeId: string; readonly version: string; newDaemonId(): string };
  readonly tables: { readonly [K in keyof T]: TableSpec<T[K]> };
  readonly durability: Durability;
  readonly journalMaxBytes: number;
  /** How many events `recentEvents` keeps. */
  readonly recentEventsMax: number;
  /** What daemon-state.json holds beside the store's own fields; called when the file is written. */
  describe(): Record<string, unknown>;
  /**
   * Events from this seq on, such as those of an open turn, stay up to `LIMITS.journalKeptTimes` the journal's size;
   * with 0, all of them whatever that is.
   *
   * @param safeSeq what lines up to it have changed survives whatever happens.
   */
  keepFromSeq?(safeSeq: number): number;
  readonly acceptLoss: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What `open` found, for the services' own recovery. */
export interface Recovery {
  /** The daemon before this one ended in order. */
  readonly clean: boolean;
  /** It was found in a copy of the state directory: what it calls under way may be another daemon's, which runs. */
  readonly copied: boolean;
  /** daemon-state.json as it was, undefined at the very first start. */
  readonly previousState: Record<string, unknown> | undefined;
}
