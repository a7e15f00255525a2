// Writes the active segment and closes it when it is full; knows bytes and seqs, not what the lines mean.
//
// What is written counts only once `publish` has been called: until then `rollBack` takes it away again, and readers,
// who go by `Segment.bytes`, do not see it.
//
// Invariant: a closed segment is synced before it is renamed, and renamed for good before the next one is made.

import path from "node:path";

import { assert } from "../base/assert.ts";
import { errorCode } from "../base/error-code.ts";
import { errorMessage } from "../core/errors.ts";
import { isOutOfHandles, type Disk, type DiskFile } from "./disk.ts";
import { lossOf, removedOf, type LostSegment, type OpenSegment } from "./lost-segments.ts";
import { bytesOf, type Chunk } from "./pending.ts";
import { makeOwn, setAside } from "./replace-file.ts";
import { ACTIVE_NAME, closedName, segmentBytesOf, type Segment } from "./segment.ts";

export interface SegmentWriterOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** A segment is closed before it would grow beyond this, with the details of its lines. */
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
  #unpublished: { firstSeq: number; bytes: number; detailBytes: number } | undefined;
  #startNew: boolean;
  #open: OpenSegment | undefined;
  /** The active segment's file is not what it was: the next line opens another. */
  #activeLost = false;
  /** Of which nobody has heard yet. */
  #lost: LostSegment[] = [];
  /** Names in the folder have changed, and it could not be opened to be synced. */
  #folderWaits = false;

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
    const detailBytes = chunks.reduce((sum, chunk) => sum + chunk.detailBytes, 0);
    await this.rollBack();
    const file = await this.#fileFor(bytes + detailBytes, first.seq);
    const active = this.#active();
    this.#unpublished = { firstSeq: first.seq, bytes, detailBytes };
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
    if (written.detailBytes > 0) active.detailBytes = (active.detailBytes ?? 0) + written.detailBytes;
    this.#unpublished = undefined;
  }

  /** Cuts the active segment after its last published line; not even a loss of power brings back what stood there. */
  async rollBack(): Promise<void> {
    if (this.#unpublished === undefined) return;
    const file = this.#file;
    if (file !== undefined) {
      await file.truncate(this.#active().bytes);
      await this.sync();
    }
    this.#unpublished = undefined;
  }

  /** Everything written before the call is on the medium when this resolves. */
  sync(): Promise<void> {
    return this.#inTurn(() => this.#syncFile());
  }

  /** Takes the oldest segment, if it is closed, out of the journal and removes its file. */
  async removeOldest(): Promise<void> {
    if (this.#folderWaits) await this.#syncFolder();
    if (this.#segments.length < 2) return;
    const { disk } = this.#options;
    const oldest = this.#segments.shift() as Segment;
    try {
      await disk.unlink(oldest.path);
    } catch (error) {
      // It is the oldest one still: if younger ones went before it, the journal would have a hole that nobody tells.
      if (errorCode(error) !== "ENOENT") this.#segments.unshift(oldest);
      throw error;
    }
    // For the same reason it must be gone for good before the next one goes.
    await this.#syncFolder();
  }

  /**
   * What others have done to the files since the last call. Closed segments leave the journal with it; nothing more is
   * written to an active one, which leaves it with the next line.
   */
  async takeLost(): Promise<readonly LostSegment[]> {
    // No segment is renamed meanwhile.
    await this.#inTurn(async () => {
      const { disk, directory } = this.#options;
      const closed = this.#segments.filter((segment) => !isActive(segment));
      for (const removed of await removedOf(disk, directory, closed)) {
        // Retention may have been quicker.
        if (this.#drop(removed.segment)) this.#lost.push(removed);
      }
      await this.#lookAtActive();
    });
    return this.#lost.splice(0);
  }

  /** Syncs and closes the active segment. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#syncFile();
      await this.#letGo();
    });
  }

  async #fileFor(bytes: number, firstSeq: number): Promise<DiskFile> {
    if (this.#folderWaits) await this.#syncFolder();
    const last = this.#segments.at(-1);
    const { disk, segmentBytes } = this.#options;
    if (last !== undefined && isActive(last)) {
      const isFull = last.bytes > 0 && (this.#startNew || segmentBytesOf(last) + bytes > segmentBytes);
      if (isFull) this.#file ??= await disk.open(last.path, "write");
      if (this.#activeLost || isFull) await this.#inTurn(() => this.#closeActive(last));
    }
    this.#startNew = false;
    this.#file ??= await this.#openActive(firstSeq);
    return this.#file;
  }

  async #closeActive(segment: Segment): Promise<void> {
    const { disk, directory } = this.#options;
    const closedPath = path.join(directory, closedName(segment.firstSeq));
    await this.#syncFile();
    await this.#lookAtActive();
    if (this.#activeLost) return this.#leaveActive(segment);
    await disk.rename(segment.path, closedPath);
    segment.path = closedPath;
    await this.#letGo();
    await this.#syncFolder();
    this.#options.onClosed();
  }

  async #openActive(firstSeq: number): Promise<DiskFile> {
    const { disk, directory } = this.#options;
    const activePath = path.join(directory, ACTIVE_NAME);
    await makeOwn(disk, activePath);
    const file = await disk.open(activePath, "write");
    let place: { readonly device: number; readonly inode: number } | undefined;
    try {
      // The name must be on the medium before any line in the file is believed to be.
      await this.#syncFolder();
      place = await disk.stat(activePath);
    } catch (error) {
      await file.close();
      throw error;
    }
    const last = this.#segments.at(-1);
    if (last?.path !== activePath) this.#segments.push({ firstSeq, path: activePath, bytes: 0 });
    // A file that is not there any more is found to be none of these.
    this.#open = { file, device: place?.device ?? 0, inode: place?.inode ?? 0, provenBytes: 0 };
    return file;
  }

  /** Notes what has become of the active segment, when its file is open. */
  async #lookAtActive(): Promise<void> {
    const open = this.#open;
    if (this.#activeLost || open === undefined) return;
    const segment = this.#active();
    const loss = await lossOf(this.#options.disk, segment, open);
    if (loss === null) return;
    this.#activeLost = true;
    this.#lost.push({ segment, loss });
  }

  /** Makes room for a new active segment; what stands in the place of the lost one may be somebody's, and is kept. */
  async #leaveActive(segment: Segment): Promise<void> {
    const { disk, directory } = this.#options;
    if ((await disk.stat(directory)) === undefined) {
      await disk.makeDirectory(directory);
      await finalSync(() => disk.syncDirectory(path.dirname(directory)));
    }
    if ((await disk.stat(segment.path)) !== undefined) await setAside(disk, segment.path);
    this.#drop(segment);
    this.#activeLost = false;
    await this.#letGo();
  }

  /** Without room for one more open file it is left to the next call, before which no name changes. */
  async #syncFolder(): Promise<void> {
    const { disk, directory } = this.#options;
    this.#folderWaits = true;
    await finalSync(() => disk.syncDirectory(directory));
    this.#folderWaits = false;
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#open = undefined;
    await file?.close();
  }

  #drop(segment: Segment): boolean {
    const at = this.#segments.indexOf(segment);
    if (at >= 0) this.#segments.splice(at, 1);
    return at >= 0;
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

function isActive(segment: Segment): boolean {
  return path.basename(segment.path) === ACTIVE_NAME;
}

/**
 * After a failed sync nobody knows what is on the medium: whatever the reason, it is not tried again. One that was not
 * even begun, for want of room for one more open file, may be.
 */
async function finalSync(sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    if (isOutOfHandles(error)) throw error;
    throw new Error(`sync: ${errorMessage(error)}`, { cause: error });
  }
}
