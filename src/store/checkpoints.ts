// When the checkpoints and recent-events.json are written, and that no path has two writers.
//
// A checkpoint is written when its table has been dirty for the longer the larger its file is, when more of the journal
// has come behind it than it is long, and at a clean end. One whose table has not changed is written again only to let
// the journal's end go, and to spare the next start the reading.
//
// Invariant: a picture is taken in one tick, and thrown away when a change in it is undone.

import path from "node:path";

import { isoTime, type Clock, type Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { encodeCheckpoint } from "./checkpoint.ts";
import { mayPass, type Disk } from "./disk.ts";
import { storageFull } from "./full-disk.ts";
import type { RecentEvents } from "./recent-events.ts";
import { replaceFile } from "./replace-file.ts";
import type { Table } from "./table.ts";

/** Writing a checkpoint again, though nothing has changed, may cost a quarter of what the journal does. */
const UNCHANGED_LAG = 4;

/** A checkpoint and the table that it stands for. */
export interface CheckpointTarget {
  readonly file: string;
  readonly field: string;
  readonly table: Table<object>;
  /** What the file on the medium stands for. */
  seq: number;
  revision: number;
  /** Monotonic time of the first change that is not in the file. */
  dirtySince: number | undefined;
}

export interface CheckpointsOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Logger;
  readonly targets: readonly CheckpointTarget[];
  readonly recent: RecentEvents;
  readonly recentFile: string;
  readonly journal: { readonly lastSeq: number; refusal(): Error | null; syncTo(seq: number): Promise<void> };
  /**
   * The seq behind which a checkpoint must not stay, so that recovery is quick and old segments can go: it may lag by a
   * segment, and by `bytes` as far as there is not too much of them.
   */
  needed(bytes: number): number;
  /** The first checkpoint of a table is there: resolves when the next start would miss it. */
  onFirst(): Promise<void>;
  /** A checkpoint has been written. */
  onWritten(): void;
  /** The disk failed for good. */
  onFailed(error: unknown): void;
}

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #segmentClosed = false;
  #recentRevision: number;
  /** Behind which none is to stay. */
  #wantedSeq = 0;
  #closed = false;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
    this.#recentRevision = options.recent.revision;
  }

  /** The seq up to which every checkpoint stands for the journal. */
  get seq(): number {
    return Math.min(...this.#options.targets.map((target) => target.seq), Number.MAX_SAFE_INTEGER);
  }

  /** Something has changed: writes what is due, when it is. */
  changed(): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#closed) return;
    this.#timer = this.#options.clock.after(LIMITS.checkpointMs, () => {
      this.#timer = undefined;
      this.#run();
    });
  }

  segmentClosed(): void {
    if (this.#closed) return;
    this.#segmentClosed = true;
    this.#run();
  }

  /** Writes every one that does not stand for all that has been given out; false when that could not be done now. */
  async writeAll(): Promise<boolean> {
    this.#wantedSeq = this.#options.journal.lastSeq;
    while (this.#running !== undefined) await this.#running;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#run();
    await this.#running;
    return this.seq >= this.#wantedSeq;
  }

  /** Writes all that lags, and no more after that. @throws when the disk fails or is full. */
  async close(): Promise<void> {
    await this.abandon();
    const { targets, journal } = this.#options;
    for (const target of targets) {
      if (target.seq < journal.lastSeq || target.revision !== target.table.revision) await this.#write(target);
    }
    if (this.#recentRevision !== this.#options.recent.revision) await this.#writeRecent();
  }

  /** Begins no write any more; resolves when the one under way has ended. */
  async abandon(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #run(): void {
    this.#running ??= this.#writeDue().finally(() => {
      this.#running = undefined;
      if (this.#segmentClosed) this.segmentClosed();
      else if (this.#isDirty()) this.changed();
    });
  }

  /** Never rejects. */
  async #writeDue(): Promise<void> {
    const { targets, recent, journal } = this.#options;
    this.#segmentClosed = false;
    // On a full disk every byte is the journal's.
    if (journal.refusal() !== null) return;
    try {
      for (const target of targets) {
        if (this.#isDue(target) && !this.#closed) await this.#write(target);
      }
      if (this.#recentRevision !== recent.revision && !this.#closed) await this.#writeRecent();
    } catch (error) {
      if (!isHeldBack(error) && !mayPass(error)) return this.#options.onFailed(error);
      this.#options.log.warn("a checkpoint was not written and will be tried again", { error: errorMessage(error) });
    }
  }

  #isDue(target: CheckpointTarget): boolean {
    if (target.seq < this.#wantedSeq) return true;
    const { jsonChars } = target.table;
    const isDirty = target.revision !== target.table.revision;
    if (target.seq < this.#options.needed(isDirty ? jsonChars : UNCHANGED_LAG * jsonChars)) return true;
    if (!isDirty) return false;
    const now = this.#options.clock.monotonic();
    target.dirtySince ??= now;
    const restMs = (jsonChars / LIMITS.checkpointBytesPerSecond) * 1000;
    // The timer that led here has waited `checkpointMs` already.
    return restMs <= LIMITS.checkpointMs || now - target.dirtySince >= restMs;
  }

  #isDirty(): boolean {
    const { targets, recent } = this.#options;
    return (
      this.#recentRevision !== recent.revision || targets.some((target) => target.revision !== target.table.revision)
    );
  }

  async #write(target: CheckpointTarget): Promise<void> {
    const { disk, clock, journal, onFirst, onWritten } = this.#options;
    const { table, file, field } = target;
    const seq = journal.lastSeq;
    const { revision, undone } = table;
    const slices = encodeCheckpoint({ seq, updatedAt: isoTime(clock.now()), field }, table.records());
    await replaceFile(disk, file, slices, async () => {
      await journal.syncTo(seq);
      if (table.undone !== undone) throw storageFull(`changes of ${path.basename(file)} were undone`);
    });
    const isFirst = target.seq === 0;
    Object.assign(target, { seq, revision, dirtySince: undefined });
    // An orderly end tells them all.
    if (isFirst && !this.#closed) await onFirst();
    onWritten();
  }

  async #writeRecent(): Promise<void> {
    const { disk, clock, recent, recentFile } = this.#options;
    const { revision } = recent;
    await replaceFile(disk, recentFile, [Buffer.from(recent.document(isoTime(clock.now())))]);
    this.#recentRevision = revision;
  }
}

/** The journal could not follow, or a change was undone meanwhile: there will be another picture. */
function isHeldBack(error: unknown): boolean {
  return error instanceof CodexdError && error.code === "storage_full";
}
