// Writes the active segment and closes it when it is full; knows bytes and seqs, not what the lines mean.
//
// What is written counts only once `publish` has been called: until then `rollBack` takes it away again, and readers,
// who go by `Segment.bytes`, do not see it.
//
// Invariant: a closed segment is synced before it is renamed, and renamed for good before the next one is made.

import path from "node:path";

import { assert } from "../base/assert.ts";
import { errorMessage } from "../core/errors.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { bytesOf, type Chunk } from "./pending.ts";
import { ACTIVE_NAME, closedName, type Segment } from "./segment.ts";

export interface SegmentWriterOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** A segment is closed before it would grow beyond this. */
  readonly segmentBytes: number;
  /** Closed segments, oldest first, then the active one if its file exists. */
  readonly segments: Segment[];
  /** The first line opens a new segment, because its seq does not follow on the last one. */
  readonly startNew: boolean;
  /** Called when a segment has been closed. */
  onClosed(): void;
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #segments: Segment[];
  /** The file of the active segment; undefined until it is opened, and between a closing and the next opening. */
  #file: DiskFile | undefined;
  /** Syncs and closings, one after another: a file is never closed under a sync. */
  #syncs: Promise<void> = Promise.resolve();
  #unpublished: { firstSeq: number; bytes: number } | undefined;
  #startNew: boolean;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    this.#segments = options.segments;
    this.#startNew = options.startNew;
  }

  /** Oldest first; the last one is active. The objects are live: a segment that is closed keeps its object. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Writes the chunks' lines after those that are there. On an error call `rollBack`, or write the same again. */
  async write(chunks: readonly Chunk[]): Promise<void> {
    const first = chunks[0]?.entries[0];
    assert(first !== undefined, "there is a line to write");
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.end - chunk.start, 0);
    await this.rollBack();
    const file = await this.#fileFor(bytes, first.seq);
    const active = this.#active();
    this.#unpublished = { firstSeq: first.seq, bytes };
    let position = active.bytes;
    for (const chunk of chunks) {
      const lines = bytesOf(chunk);
      await file.writeAll(lines, position);
      position += lines.length;
    }
  }

  /** What was written is in the journal. */
  publish(): void {
    const written = this.#unpublished;
    assert(written !== undefined, "there is something to publish");
    const active = this.#active();
    if (active.bytes === 0) active.firstSeq = written.firstSeq;
    active.bytes += written.bytes;
    this.#unpublished = undefined;
  }

  /** Cuts the active segment after its last published line. */
  async rollBack(): Promise<void> {
    if (this.#unpublished === undefined) return;
    await this.#file?.truncate(this.#active().bytes);
    this.#unpublished = undefined;
  }

  /** Everything written before the call is on the medium when this resolves. */
  sync(): Promise<void> {
    return this.#inTurn(() => this.#syncFile());
  }

  /** Takes the oldest segment, if it is closed, out of the journal and removes its file. */
  async removeOldest(): Promise<void> {
    if (this.#segments.length < 2) return;
    const oldest = this.#segments.shift() as Segment;
    await this.#options.disk.unlink(oldest.path);
  }

  /** Syncs and closes the active segment. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#syncFile();
      const file = this.#file;
      this.#file = undefined;
      await file?.close();
    });
  }

  async #fileFor(bytes: number, firstSeq: number): Promise<DiskFile> {
    const last = this.#segments.at(-1);
    const isActive = last !== undefined && path.basename(last.path) === ACTIVE_NAME;
    if (isActive && last.bytes > 0 && (this.#startNew || last.bytes + bytes > this.#options.segmentBytes)) {
      this.#file ??= await this.#options.disk.open(last.path, "write");
      await this.#inTurn(() => this.#closeActive(last));
    }
    this.#startNew = false;
    this.#file ??= await this.#openActive(firstSeq);
    return this.#file;
  }

  async #closeActive(segment: Segment): Promise<void> {
    const { disk, directory } = this.#options;
    const closedPath = path.join(directory, closedName(segment.firstSeq));
    await this.#syncFile();
    await disk.rename(segment.path, closedPath);
    segment.path = closedPath;
    await finalSync(() => disk.syncDirectory(directory));
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
    this.#options.onClosed();
  }

  async #openActive(firstSeq: number): Promise<DiskFile> {
    const { disk, directory } = this.#options;
    const activePath = path.join(directory, ACTIVE_NAME);
    const file = await disk.open(activePath, "write");
    try {
      // The name must be on the medium before any line in the file is believed to be.
      await finalSync(() => disk.syncDirectory(directory));
    } catch (error) {
      await file.close();
      throw error;
    }
    const last = this.#segments.at(-1);
    if (last?.path !== activePath) this.#segments.push({ firstSeq, path: activePath, bytes: 0 });
    return file;
  }

  async #syncFile(): Promise<void> {
    const file = this.#file;
    if (file !== undefined) await finalSync(() => file.datasync());
  }

  #active(): Segment {
    const active = this.#segments.at(-1);
    assert(active !== undefined, "the active segment is open");
    return active;
  }

  #inTurn(work: () => Promise<void> | undefined): Promise<void> {
    const turn = this.#syncs.then(work);
    this.#syncs = turn.catch(() => {
      // Whoever asked for the failed work gets its error; those who come later are not to fail by it.
    });
    return turn;
  }
}

/** After a failed sync nobody knows what is on the medium: whatever the reason, it is not tried again. */
async function finalSync(sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    throw new Error(`sync: ${errorMessage(error)}`, { cause: error });
  }
}
