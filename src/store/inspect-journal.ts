// Looks at every line of every segment, the old ones too that no start reads, and tells what is whole.
//
// Judges nothing: what damage means for a start is for journal-recovery.ts to say. Invariant: holds one piece of a
// file at a time, however long the journal is.

import { errorCode } from "../base/error-code.ts";
import { ChangeFinder } from "./change-finder.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { findNewline, parseLine, verifyLine, type LineChanges } from "./line.ts";
import { readPassingPieces } from "./line-reader.ts";
import { listSegments, type Segment } from "./segment.ts";

export interface SegmentReport {
  readonly path: string;
  readonly active: boolean;
  readonly bytes: number;
  /** Whole lines. */
  lines: number;
  /** Of whole lines; null where there is none. */
  firstSeq: number | null;
  lastSeq: number | null;
  /** What its name says; null for the active one. */
  readonly namedSeq: number | null;
  /** Lines that are not whole and have whole ones behind them in this segment; where the first of them begins. */
  badLines: number;
  badAt: number | null;
  /** Bytes behind the last whole line. */
  tailBytes: number;
  /** Seqs that are missing before a whole line of this segment, and no line tells why. */
  readonly missing: SeqRange[];
  /** The same where a line does: the one behind them, or a later one. */
  toldJumps: number;
}

export interface SeqRange {
  readonly fromSeq: number;
  readonly toSeq: number;
}

export interface LineVisitor {
  changes(seq: number, changes: LineChanges): void;
  /** Lines are missing here: what was put before may have been put anew in them. */
  broken(): void;
}

const PIECE_BYTES = 1024 * 1024;

/** Oldest first. Where retention takes a segment away meanwhile, the journal begins behind that. */
export async function inspectSegments(disk: Disk, directory: string, visitor: LineVisitor): Promise<SegmentReport[]> {
  const { closed, active } = await listSegments(disk, directory);
  const scan: Scan = { lastSeq: 0, told: [], visitor };
  const reports: SegmentReport[] = [];
  for (const segment of active === undefined ? closed : [...closed, active]) {
    const report = await inspectSegment(disk, segment, segment === active, scan);
    if (report !== undefined) {
      reports.push(report);
      continue;
    }
    reports.length = 0;
    scan.lastSeq = 0;
    visitor.broken();
  }
  for (const report of reports) takeTold(report, scan.told);
  return reports;
}

/** What an event of a later start names is known to be gone. */
function takeTold(report: SegmentReport, told: readonly SeqRange[]): void {
  const untold = report.missing.filter(({ fromSeq, toSeq }) =>
    !told.some((range) => range.fromSeq <= fromSeq && toSeq <= range.toSeq));
  report.toldJumps += report.missing.length - untold.length;
  report.missing.splice(0, report.missing.length, ...untold);
}

interface Scan {
  /** The newest whole line so far, 0 for none. */
  lastSeq: number;
  /** Seqs that lines behind them tell to be gone. */
  readonly told: SeqRange[];
  readonly visitor: LineVisitor;
}

async function inspectSegment(
  disk: Disk, segment: Segment, active: boolean, scan: Scan,
): Promise<SegmentReport | undefined> {
  const { path, bytes, firstSeq: namedSeq } = segment;
  const report: SegmentReport = {
    path, active, bytes, lines: 0, firstSeq: null, lastSeq: null, namedSeq: active ? null : namedSeq,
    badLines: 0, badAt: null, tailBytes: 0, missing: [], toldJumps: 0,
  };
  let file: DiskFile;
  try {
    file = await disk.open(path, "read");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const hole: Hole = { at: null, lines: 0 };
  let wholeTo = 0;
  try {
    for await (const { bytes: piece, position, whole } of readPassingPieces(file, 0, bytes, PIECE_BYTES)) {
      if (whole) wholeTo = inspectPiece(piece, position, { report, hole, scan, wholeTo });
    }
  } finally {
    await file.close();
  }
  report.tailBytes = bytes - wholeTo;
  return report;
}

/** The lines that are not whole since the last one that is. */
interface Hole {
  at: number | null;
  lines: number;
}

interface Place {
  readonly report: SegmentReport;
  readonly hole: Hole;
  readonly scan: Scan;
  readonly wholeTo: number;
}

/** Gives where the last whole line so far ends in the file. */
function inspectPiece(bytes: Buffer, position: number, { report, hole, scan, wholeTo }: Place): number {
  const changes = new ChangeFinder(bytes);
  let nextTold = bytes.indexOf(TELLS);
  let wholeEnd = wholeTo;
  let start = 0;
  while (start < bytes.length) {
    const end = findNewline(bytes, start);
    const seq = verifyLine(bytes, start, end);
    if (seq < 0 || (scan.lastSeq > 0 && seq <= scan.lastSeq)) {
      hole.at ??= position + start;
      hole.lines += 1;
      if (nextTold >= 0 && nextTold < end) nextTold = bytes.indexOf(TELLS, end);
    } else {
      closeHole(report, hole, scan);
      if (scan.lastSeq > 0 && seq !== scan.lastSeq + 1) noteJump(report, scan, seq, parseLine(bytes, start, end));
      if (nextTold >= 0 && nextTold < end) {
        noteTold(scan.told, parseLine(bytes, start, end));
        nextTold = bytes.indexOf(TELLS, end);
      }
      if (changes.mayBeWithin(start, end)) scan.visitor.changes(seq, parseLine(bytes, start, end).changes);
      report.firstSeq ??= seq;
      report.lastSeq = seq;
      report.lines += 1;
      scan.lastSeq = seq;
      wholeEnd = position + end + 1;
    }
    start = end + 1;
  }
  return wholeEnd;
}

const TELLS = Buffer.from('"type":"storage.recovered"');

function noteTold(told: SeqRange[], { event: { type, detail } }: ReturnType<typeof parseLine>): void {
  const { lostFromSeq: fromSeq, lostToSeq: toSeq } = detail;
  if (type !== "storage.recovered" || typeof fromSeq !== "number" || typeof toSeq !== "number") return;
  told.push({ fromSeq, toSeq });
}

/** A whole line follows: what stood before it is damage, not the end of a file. */
function closeHole(report: SegmentReport, hole: Hole, { visitor }: Scan): void {
  if (hole.at === null) return;
  report.badLines += hole.lines;
  report.badAt ??= hole.at;
  hole.at = null;
  hole.lines = 0;
  visitor.broken();
}

function noteJump(report: SegmentReport, scan: Scan, seq: number, { event }: ReturnType<typeof parseLine>): void {
  scan.visitor.broken();
  if (event.type === "storage.recovered") report.toldJumps += 1;
  else report.missing.push({ fromSeq: scan.lastSeq + 1, toSeq: seq - 1 });
}
