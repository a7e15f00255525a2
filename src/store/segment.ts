// The files of the journal: one active, the older ones closed and named by their first seq.
//
// A line's seq stands first on it, so a file is its own index: `findSeq` searches it by byte offset.
//
// Invariant: segments are in the order of their seqs, and only the last one is active.

import path from "node:path";

import { LIMITS } from "../core/limits.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { findNewline, readSeq } from "./line.ts";

export const ACTIVE_NAME = "events.jsonl";
const CLOSED = /^events-(\d{16})\.jsonl$/;
const SEQ_DIGITS = 16;

export interface Segment {
  /** Of its first line; for an empty active segment the next one that will be written. */
  firstSeq: number;
  path: string;
  /** Bytes of whole lines that are in the journal: readers go no further. */
  bytes: number;
  /** Of the files that hold details of its lines: they go with it, and count as its own. */
  detailBytes?: number;
}

/** In so many segments at least a journal is kept. */
const SEGMENTS_WANTED = 8;

/** Only whole segments go: what is kept is to come near the limit, however small that is. */
export function fittingSegmentBytes(journalMaxBytes: number): number {
  return Math.max(LIMITS.journalSegmentBytesMin, journalMaxBytes / SEGMENTS_WANTED);
}

/** What the segment takes on disk with all that goes with it. */
export function segmentBytesOf({ bytes, detailBytes = 0 }: Segment): number {
  return bytes + detailBytes;
}

/** The seq with which the last `bytes` of the journal begin, as far as whole segments tell. */
export function seqBehind(segments: readonly Segment[], bytes: number): number {
  let left = bytes;
  for (const segment of segments.toReversed()) {
    left -= segmentBytesOf(segment);
    if (left < 0) return segment.firstSeq;
  }
  return 0;
}

/** The seq after which about the last `bytes` of the journal begin; 0 where there is not so much. */
export async function seqBefore(disk: Disk, segments: readonly Segment[], bytes: number): Promise<number> {
  let left = bytes;
  for (const segment of segments.toReversed()) {
    left -= segment.bytes;
    if (left >= 0) continue;
    const file = await disk.open(segment.path, "read");
    try {
      const line = await firstLineAfter(file, -left, segment.bytes);
      return (line?.seq ?? segment.firstSeq) - 1;
    } finally {
      await file.close();
    }
  }
  return 0;
}

/** Gives a function that calls `begun` where the newest segment is another one than at the call before. */
export function onNewSegment(segments: readonly Segment[], begun: () => void): () => void {
  let newest = segments.at(-1);
  return () => {
    if (newest !== segments.at(-1)) begun();
    newest = segments.at(-1);
  };
}

export function closedName(firstSeq: number): string {
  return `events-${String(firstSeq).padStart(SEQ_DIGITS, "0")}.jsonl`;
}

/** The segments in `directory`, oldest first; the active one's seq is Infinity when it does not start with a line. */
export async function listSegments(disk: Disk, directory: string): Promise<{ closed: Segment[]; active?: Segment }> {
  const closed: Segment[] = [];
  let active: Segment | undefined;
  for (const name of await disk.list(directory)) {
    const seq = CLOSED.exec(name)?.[1];
    if (seq === undefined && name !== ACTIVE_NAME) continue;
    const file = path.join(directory, name);
    const bytes = (await disk.stat(file))?.bytes ?? 0;
    if (seq === undefined) active = { firstSeq: await readFirstSeq(disk, file), path: file, bytes };
    else closed.push({ firstSeq: Number(seq), path: file, bytes });
  }
  closed.sort((a, b) => a.firstSeq - b.firstSeq);
  return active === undefined ? { closed } : { closed, active };
}

/** The seq with which the journal in `directory` begins; undefined when that cannot be told, as for an empty one. */
export async function firstSeqOf(disk: Disk, directory: string): Promise<number | undefined> {
  const { closed, active } = await listSegments(disk, directory);
  const first = closed[0]?.firstSeq ?? active?.firstSeq;
  return first !== undefined && Number.isFinite(first) ? first : undefined;
}

/** Below this many bytes it is quicker to read on than to search. */
const SEARCH_BYTES_MIN = 64 * 1024;
const PROBE_BYTES = 16 * 1024;

/**
 * The offset of a line at or before the first one whose seq is `seq` or above: few lines before it, never one after.
 *
 * @param bytes how far the file may be read.
 */
export async function findSeq(file: DiskFile, bytes: number, seq: number): Promise<number> {
  let low = 0;
  let high = bytes;
  while (high - low > SEARCH_BYTES_MIN) {
    const middle = low + Math.floor((high - low) / 2);
    const line = await firstLineAfter(file, middle, high);
    if (line === undefined || line.seq >= seq) high = middle;
    else low = line.offset;
  }
  return low;
}

/** The first line that starts after `from` and before `to` and that says its seq; damaged ones are passed over. */
async function firstLineAfter(
  file: DiskFile,
  from: number,
  to: number,
): Promise<{ offset: number; seq: number } | undefined> {
  const probe = Buffer.allocUnsafe(PROBE_BYTES);
  let at = from;
  while (at < to) {
    const count = await file.read(probe, at);
    for (let newline = findNewline(probe.subarray(0, count), 0); newline >= 0; ) {
      const offset = at + newline + 1;
      if (offset >= to) return undefined;
      const head = Buffer.allocUnsafe(HEAD_BYTES);
      const seq = readSeq(head, 0, await file.read(head, offset));
      if (seq >= 0) return { offset, seq };
      newline = findNewline(probe.subarray(0, count), newline + 1);
    }
    if (count < probe.length) return undefined;
    at += count;
  }
  return undefined;
}

/** `{"seq":` and 16 digits and a comma fit. */
const HEAD_BYTES = 24;

async function readFirstSeq(disk: Disk, segmentPath: string): Promise<number> {
  const file = await disk.open(segmentPath, "read");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const seq = readSeq(head, 0, await file.read(head, 0));
    return seq < 0 ? Number.POSITIVE_INFINITY : seq;
  } finally {
    await file.close();
  }
}
