// The store while it is open: changes go through here into memory and the journal, in one order.
//
// Recovery and opening are done elsewhere, before there is one of these.
//
// Invariant: a change is prepared as a whole before any of it is applied, so what is not JSON changes nothing.

import { assert } from "../base/assert.ts";
import { errorMessage } from "../core/errors.ts";
import type { Logger } from "../base/log.ts";
import { decodeEntry, type CodexdEvent, type EventBatch, type EventDraft } from "../core/event.ts";
import type { BesideFile, BesideFiles } from "./beside-files.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { DaemonStateFile } from "./daemon-state.ts";
import { mayPass, type Disk } from "./disk.ts";
import type { Journal } from "./journal.ts";
import type { JournalWatch } from "./journal-watch.ts";
import type { Lock } from "./lock.ts";
import { asExitError } from "./open-failure.ts";
import type { Claim } from "./pending.ts";
import type { RecentBatches } from "./recent-batches.ts";
import type { RecentEvents } from "./recent-events.ts";
import { detailFileOf, isCutDetail } from "./event-details.ts";
import type { RecordParts } from "./record-parts.ts";
import { replay } from "./replay.ts";
import type { Retention } from "./retention.ts";
import { segmentBytesOf } from "./segment.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import type { Table, TableChange } from "./table.ts";
import type { Changes, ChangesOf, ReadonlyTable, SeqHole, Store, StoreHealth, Tables } from "./types.ts";

export interface LiveStoreParts {
  readonly disk: Disk;
  readonly log: Logger;
  readonly tables: ReadonlyMap<string, Table<object>>;
  readonly journal: Journal;
  readonly writer: SegmentWriter;
  readonly files: BesideFiles;
  readonly parts: RecordParts;
  readonly checkpoints: Checkpoints;
  readonly retention: Retention;
  readonly state: DaemonStateFile;
  readonly recent: RecentEvents;
  readonly recentBatches: RecentBatches;
  readonly seqHoles: readonly SeqHole[];
  readonly watch: JournalWatch;
  readonly lock: Lock;
}

interface Prepared {
  /** What the changes look like on the line: `,"put":{…},"del":{…}` or empty. */
  readonly text: string;
  readonly changes: readonly TableChange[];
  readonly files: readonly BesideFile[];
}

const NOTHING: Prepared = { text: "", changes: [], files: [] };

export class LiveStore<T extends Tables> implements Store<T> {
  readonly tables: { readonly [K in keyof T]: ReadonlyTable<T[K]> };
  readonly #parts: LiveStoreParts;
  #closing: Promise<void> | undefined;

  constructor(parts: LiveStoreParts) {
    this.#parts = parts;
    this.tables = Object.fromEntries(parts.tables) as unknown as this["tables"];
    parts.journal.subscribe((batch) => parts.recentBatches.add(batch));
  }

  get lastSeq(): number {
    return this.#parts.journal.lastSeq;
  }

  get headSeq(): number {
    return this.#parts.journal.headSeq;
  }

  get oldestSeq(): number {
    const oldest = this.#parts.writer.segments.find(({ bytes }) => bytes > 0);
    return oldest?.firstSeq ?? this.headSeq + 1;
  }

  get seqHoles(): readonly SeqHole[] {
    return this.#parts.seqHoles;
  }

  journalSize(): { segments: number; bytes: number } {
    const { segments } = this.#parts.writer;
    return { segments: segments.length, bytes: segments.reduce((sum, segment) => sum + segmentBytesOf(segment), 0) };
  }

  get pendingBytes(): number {
    return this.#parts.journal.pendingBytes;
  }

  get broken(): Promise<Error> {
    return this.#parts.journal.broken;
  }

  commit(draft: EventDraft, changes?: ChangesOf<T>): Promise<number> {
    const refusal = this.#parts.journal.refusal();
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#add(draft, changes, { resolve, reject });
    });
  }

  append(draft: EventDraft, changes?: ChangesOf<T>): number {
    return this.#add(draft, changes, null);
  }

  settled(): Promise<void> {
    return this.#parts.journal.settled();
  }

  subscribe(listener: (batch: EventBatch) => void): () => void {
    return this.#parts.journal.subscribe(listener);
  }

  onDrained(listener: () => void): () => void {
    return this.#parts.journal.onDrained(listener);
  }

  replay(afterSeq: number): AsyncIterableIterator<EventBatch> {
    const { disk, writer, journal, watch, recentBatches } = this.#parts;
    const segments = { segments: () => writer.segments, dropLost: () => watch.lookNow() };
    return replay({ disk, ...segments, headSeq: () => journal.headSeq, recent: recentBatches }, afterSeq);
  }

  async readDetail(seq: number): Promise<string | null> {
    for await (const batch of this.replay(seq - 1)) {
      const [entry] = batch.entries;
      if (entry?.seq !== seq) return null;
      const { detail } = decodeEntry(batch, entry);
      const whole = isCutDetail(seq, detail) ? await this.#parts.files.read(detailFileOf(seq)) : null;
      return whole?.toString("utf8") ?? JSON.stringify(detail);
    }
    return null;
  }

  readWhole<K extends keyof T & string>(kind: K, record: T[K]): Promise<T[K]> {
    return this.#parts.parts.readWhole(kind, record) as Promise<T[K]>;
  }

  recentEvents(): readonly CodexdEvent[] {
    return this.#parts.recent.list();
  }

  health(): StoreHealth {
    return this.#parts.journal.health();
  }

  touchDaemonState(): void {
    if (this.#closing === undefined) this.#parts.state.touch();
  }

  sync(): Promise<void> {
    return this.#parts.journal.syncTo(this.lastSeq);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #add(draft: EventDraft, changes: ChangesOf<T> | undefined, request: Claim["request"]): number {
    const { journal, checkpoints } = this.#parts;
    const seq = journal.lastSeq + 1;
    const { text, changes: ready, files } = changes === undefined ? NOTHING : this.#prepare(seq, changes);
    assert(seq === journal.lastSeq + 1, "making a change makes no other");
    const claim = request === null && ready.length === 0 ? null
      : { request, changes: ready, ...(files.length === 0 ? {} : { files }) };
    journal.append(draft, text, claim);
    if (files.length > 0) this.#parts.files.announce(files);
    for (const change of ready) change.apply();
    if (ready.length > 0) checkpoints.changed();
    return seq;
  }

  #prepare(seq: number, changesOf: ChangesOf<T>): Prepared {
    const { put, del }: Changes<T> = typeof changesOf === "function" ? changesOf(seq) : changesOf;
    const changes: TableChange[] = [];
    const puts: string[] = [];
    const files: BesideFile[] = [];
    for (const [kind, record] of Object.entries<object | undefined>(put ?? {})) {
      if (record === undefined) continue;
      const table = this.#table(kind);
      const cut = this.#parts.parts.cut(kind, record, (id) => table.get(id));
      files.push(...cut.files);
      const change = table.preparePut(cut.record);
      puts.push(`${JSON.stringify(kind)}:${change.json}`);
      changes.push(change);
    }
    const dels: string[] = [];
    for (const [kind, ids] of Object.entries<readonly string[] | undefined>(del ?? {})) {
      if (ids === undefined || ids.length === 0) continue;
      const table = this.#table(kind);
      dels.push(`${JSON.stringify(kind)}:${JSON.stringify(ids)}`);
      for (const id of ids) {
        changes.push(table.prepareDelete(id));
        files.push(...this.#parts.parts.filesOf(kind, table.get(id)));
      }
    }
    const putText = puts.length === 0 ? "" : `,"put":{${puts.join(",")}}`;
    return { text: dels.length === 0 ? putText : `${putText},"del":{${dels.join(",")}}`, changes, files };
  }

  #table(kind: string): Table<object> {
    const table = this.#parts.tables.get(kind);
    assert(table !== undefined, `there is a table for ${kind}`);
    return table;
  }

  async #close(): Promise<void> {
    const { journal, checkpoints, retention, state, watch, lock, log } = this.#parts;
    const unwatched = watch.stop();
    try {
      await journal.close();
      try {
        await checkpoints.close();
      } catch (error) {
        // The journal has it all: the next start only reads more of it.
        log.warn("a checkpoint was not written at the end", { error: errorMessage(error) });
      }
      await retention.run();
      await this.#writeClean();
    } finally {
      // Whatever has failed: after the lock is given up nothing of this store may still write.
      await unwatched;
      await checkpoints.abandon();
      await retention.settled();
      await state.settled();
      await lock.release();
    }
  }
  /** Where there is no room for it nothing is lost: the next start reads the journal, as after a kill. */
  async #writeClean(): Promise<void> {
    const { state, log } = this.#parts;
    try {
      await state.writeClean();
    } catch (error) {
      if (!mayPass(error)) throw asExitError(error);
      log.warn("daemon-state.json was not written at the end", { error: errorMessage(error) });
    }
  }
}
