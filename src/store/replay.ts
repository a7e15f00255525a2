// Gives journaled events back from a seq on: from the files, one piece at a time, the newest as they were published.
//
// Not for recovery: what is damaged here is passed over, and shows as a gap between two batches.
//
// Invariant: gives each event once, in the order of seqs, and only what has been published.

import { errorCode } from "../base/error-code.ts";
import type { CodexdEvent, EventBatch, EventEntry } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import { ChangeFinder } from "./change-finder.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { findNewline, parseLine, plainEventBytes, readSeq, verifyLine } from "./line.ts";
import { readPieces } from "./line-reader.ts";
import type { RecentBatches } from "./recent-batches.ts";
import { findSeq, type Segment } from "./segment.ts";

export interface ReplaySource {
  readonly disk: Disk;
  /** Oldest first; changes while a replay goes on. */
  segments(): readonly Segment[];
  headSeq(): number;
  /** The newest events; left out, all are read. */
  readonly recent?: RecentBatches;
  /** What should be in the files is not: drops what somebody has taken away. */
  dropLost?(): Promise<void>;
}

/** Between its renaming and its new name in memory a segment cannot be opened; it does not last. */
const OPEN_TRIES = 100;

/** Seq, time and level of a line, and its type. */
const HEAD_BYTES = 160;
const TYPE = /^\{"seq":\d+,"createdAt":"[^"]*","level":"[^"]*","type":"([^"\\]*)"/;

export async function* replay(source: ReplaySource, afterSeq: number): AsyncIterableIterator<EventBatch> {
  const { recent } = source;
  let cursor = afterSeq;
  for (let wasCursor = -1; cursor > wasCursor; ) {
    wasCursor = cursor;
    for (let batch = recent?.after(cursor); batch !== undefined; batch = recent?.after(cursor)) {
      cursor = batch.lastSeq;
      yield batch;
    }
    // Who is overtaken by what comes reads on where it is.
    for await (const batch of replayFiles(source, cursor)) {
      cursor = batch.lastSeq;
      yield batch;
      if (recent?.after(cursor) !== undefined) break;
    }
  }
}

async function* replayFiles(source: ReplaySource, afterSeq: number): AsyncIterableIterator<EventBatch> {
  let cursor = afterSeq;
  let segment = firstSegment(source.segments(), afterSeq);
  while (segment !== undefined && cursor < source.headSeq()) {
    const file = await openSegment(source, segment);
    try {
      // The active segment may grow after it has been read to its end, and be closed then: it is read on first.
      for (let readTo = -1; file !== undefined && segment.bytes > readTo; ) {
        const from: number = readTo < 0 ? await startOf(file, segment, cursor) : readTo;
        readTo = segment.bytes;
        for await (const piece of readPieces(file, from, readTo, LIMITS.replayChunkBytes)) {
          for (const batch of cutIntoBatches(piece.bytes, cursor)) {
            cursor = batch.lastSeq;
            yield batch;
          }
        }
      }
      const read = segment;
      segment = segmentAfter(source.segments(), read);
      // Nothing has been written since all before it has gone.
      if (segment === undefined && read.firstSeq > source.headSeq()) return;
      if (segment === undefined && cursor < source.headSeq()) {
        await source.dropLost?.();
        segment = segmentAfter(source.segments(), read);
        if (segment === undefined) throw new Error(`the journal cannot be read beyond seq ${cursor}`);
      }
    } finally {
      await file?.close();
    }
  }
}

async function startOf(file: DiskFile, segment: Segment, afterSeq: number): Promise<number> {
  return afterSeq < segment.firstSeq ? 0 : findSeq(file, segment.bytes, afterSeq + 1);
}

/** The events in `bytes` above `afterSeq`; a new batch begins where seqs are missing. */
export function cutIntoBatches(bytes: Buffer, afterSeq: number): EventBatch[] {
  const batches: EventBatch[] = [];
  const changes = new ChangeFinder(bytes);
  let entries: EventEntry[] = [];
  let cursor = afterSeq;
  let start = 0;
  while (start < bytes.length) {
    const end = findNewline(bytes, start);
    // The end of a segment that somebody has cut.
    if (end < 0) break;
    if (readSeq(bytes, start, end) > cursor) {
      const seq = verifyLine(bytes, start, end);
      if (seq > cursor) {
        if (entries.length > 0 && seq !== cursor + 1) {
          batches.push(batchOf(bytes, entries));
          entries = [];
        }
        const eventBytes = changes.mayBeWithin(start, end) ? parseLine(bytes, start, end).eventBytes : undefined;
        entries.push(new ReplayedEntry(bytes, seq, start, start + (eventBytes ?? plainEventBytes(start, end))));
        cursor = seq;
      }
    }
    start = end + 1;
  }
  if (entries.length > 0) batches.push(batchOf(bytes, entries));
  return batches;
}

/** Parses its line only when it is asked for the ids that a filter needs: most readers take everything. */
class ReplayedEntry implements EventEntry {
  readonly seq: number;
  readonly start: number;
  readonly end: number;
  readonly #bytes: Buffer;
  #event: Pick<CodexdEvent, "type" | "detail"> | undefined;

  constructor(bytes: Buffer, seq: number, start: number, end: number) {
    this.#bytes = bytes;
    this.seq = seq;
    this.start = start;
    this.end = end;
  }

  /** Stands near the line's begin, behind members that cannot hold its name. */
  get type(): string {
    const head = this.#bytes.toString("latin1", this.start, Math.min(this.end, this.start + HEAD_BYTES));
    return TYPE.exec(head)?.[1] ?? this.#parsed.type;
  }

  get sessionId(): string | null {
    return this.#parsed.detail.sessionId ?? null;
  }

  get threadId(): string | null {
    return this.#parsed.detail.threadId ?? null;
  }

  get runId(): string | null {
    return this.#parsed.detail.runId ?? null;
  }

  get #parsed(): Pick<CodexdEvent, "type" | "detail"> {
    this.#event ??= JSON.parse(`${this.#bytes.toString("utf8", this.start, this.end)}}`) as CodexdEvent;
    return this.#event;
  }
}

function batchOf(bytes: Buffer, entries: readonly EventEntry[]): EventBatch {
  const firstSeq = (entries[0] as EventEntry).seq;
  return { firstSeq, lastSeq: firstSeq + entries.length - 1, bytes, entries };
}

/** The segment that holds the event after `afterSeq`, or the oldest one when that is gone. */
function firstSegment(segments: readonly Segment[], afterSeq: number): Segment | undefined {
  return segments.findLast((segment) => segment.firstSeq <= afterSeq + 1) ?? segments[0];
}

function segmentAfter(segments: readonly Segment[], { firstSeq }: Segment): Segment | undefined {
  return segments.find((segment) => segment.firstSeq > firstSeq);
}

async function openSegment(source: ReplaySource, segment: Segment): Promise<DiskFile | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await source.disk.open(segment.path, "read");
    } catch (error) {
      // Retention has taken it away, unless it is still listed.
      if (!source.segments().includes(segment)) return undefined;
      if (tries > OPEN_TRIES) throw error;
      if (errorCode(error) !== "ENOENT") tries = OPEN_TRIES;
      if (tries === OPEN_TRIES) await source.dropLost?.();
      else await new Promise(setImmediate);
    }
  }
}
