// Looks at the segments that no start reads, because every checkpoint stands for them: are there events missing?
//
// Deliberately only at their ends, so that a start takes no longer for a long journal: what is damaged in the middle of
// one shows as a gap to who reads it, and to doctor. Invariant: nothing is changed.

import path from "node:path";

import type { EventDraft } from "../core/event.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { findNewline, parseLine, verifyLine } from "./line.ts";
import type { Segment } from "./segment.ts";

/** Enough for the last line of most; grows for one that is longer. */
const TAIL_BYTES = 16 * 1024;
/** The line that tells of a hole is short. */
const HEAD_BYTES = 4096;

/** @param count so many of `segments`, the oldest ones. Gives an event for each that does not reach up to the next. */
export async function oldSegmentNotices(
  disk: Disk, segments: readonly Segment[], count: number,
): Promise<EventDraft[]> {
  const notices: EventDraft[] = [];
  for (const [i, segment] of segments.slice(0, count).entries()) {
    const next = segments[i + 1];
    if (next === undefined || next.bytes === 0) continue;
    const from = await withFile(disk, segment, async (file) => (await lastSeqIn(file, segment)) + 1);
    if (from >= next.firstSeq || (await withFile(disk, next, (file) => tellsOfHole(file, from)))) continue;
    notices.push(lostNotice(segment, from, next.firstSeq - 1));
  }
  return notices;
}

async function withFile<R>(disk: Disk, segment: Segment, look: (file: DiskFile) => Promise<R>): Promise<R> {
  const file = await disk.open(segment.path, "read");
  try {
    return await look(file);
  } finally {
    await file.close();
  }
}

/** Of the newest whole line near the end; the seq before its first one where there is none. */
async function lastSeqIn(file: DiskFile, { bytes, firstSeq }: Segment): Promise<number> {
  for (let wanted = Math.min(TAIL_BYTES, bytes); wanted > 0; wanted = Math.min(4 * wanted, bytes)) {
    const tail = Buffer.allocUnsafe(wanted);
    const count = await file.read(tail, bytes - wanted);
    const seq = newestIn(tail.subarray(0, count), wanted === bytes);
    if (seq >= 0) return seq;
    if (wanted === bytes) break;
  }
  return firstSeq - 1;
}

/** @param isWhole `tail` begins where a line does. */
function newestIn(tail: Buffer, isWhole: boolean): number {
  let end = tail.lastIndexOf(0x0a);
  while (end >= 0) {
    const before = end === 0 ? -1 : tail.lastIndexOf(0x0a, end - 1);
    if (before < 0 && !isWhole) return -1;
    const seq = verifyLine(tail, before + 1, end);
    if (seq >= 0) return seq;
    end = before;
  }
  return -1;
}

async function tellsOfHole(file: DiskFile, missing: number): Promise<boolean> {
  const head = Buffer.alloc(HEAD_BYTES);
  await file.read(head, 0);
  const end = findNewline(head, 0);
  if (end < 0 || verifyLine(head, 0, end) < 0) return false;
  const { type, detail } = parseLine(head, 0, end).event;
  return type === "storage.recovered" && typeof detail["fromSeq"] === "number" && detail["fromSeq"] <= missing;
}

function lostNotice(segment: Segment, lostFromSeq: number, lostToSeq: number): EventDraft {
  const file = path.basename(segment.path);
  return {
    level: "warn",
    type: "storage.recovered",
    message: `${file} is not followed by what stood behind it: the records are whole, ` +
      `events ${lostFromSeq} to ${lostToSeq} cannot be replayed`,
    detail: { file, lostFromSeq, lostToSeq },
  };
}
