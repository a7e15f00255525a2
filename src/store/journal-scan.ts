// Reads the journal from a segment on, verifies every line, and finds where it is damaged; changes no file.
//
// A bad line is a hole. What the hole means is told by what stands behind it: nothing (a torn tail), only lines that
// the checkpoints already stand for (passed over), or lines that are needed (damage).
//
// Invariant: a line is visited only when every line before it that matters was whole, and in the order of seqs.

import { ChangeFinder } from "./change-finder.ts";
import { writtenByNewer } from "./daemon-state.ts";
import type { Disk } from "./disk.ts";
import { findNewline, isOfNewerLayout, parseLine, verifyLine } from "./line.ts";
import { readPassingPieces } from "./line-reader.ts";
import type { Segment } from "./segment.ts";

/** Where whole lines end: the seq that should stand there does not. */
export interface Hole {
  readonly segment: Segment;
  readonly offset: number;
  /** The seq that is missing first. */
  readonly fromSeq: number;
  /** The seq before the next whole line; undefined when no whole line follows. */
  toSeq: number | undefined;
}

export interface ScanOptions {
  readonly disk: Disk;
  /** Oldest first; the first one holds what follows on the checkpoints, or is the oldest. */
  readonly segments: readonly Segment[];
  /** Lines up to this seq are in every checkpoint: losing them loses no record. */
  readonly safeSeq: number;
  /** The first line must follow on this seq or an earlier one; Infinity where what is missing there is accepted. */
  readonly reachSeq: number;
  /** Called with each line that changes records; `at` is its newline. */
  visitChanges(bytes: Buffer, start: number, at: number, seq: number): void;
  /** Called with each jump that a line tells, where checkpoints had what the missing lines have put. */
  jumped(fromSeq: number, toSeq: number): void;
}

export interface Scan {
  /** The newest whole line, 0 for none. */
  readonly lastSeq: number;
  /** Holes that lose nothing but events that the checkpoints stand for. */
  readonly passedOver: readonly Hole[];
  /** Where the journal ends early; undefined when all of it is whole. */
  readonly end: Hole | undefined;
}

const PIECE_BYTES = 1024 * 1024;

export async function scanJournal(options: ScanOptions): Promise<Scan> {
  const state = new ScanState(options);
  for (const segment of options.segments) {
    await scanSegment(options.disk, segment, state);
    if (state.isOver) break;
  }
  return state.finish();
}

async function scanSegment(disk: Disk, segment: Segment, state: ScanState): Promise<void> {
  const file = await disk.open(segment.path, "read");
  let end = 0;
  try {
    for await (const piece of readPassingPieces(file, 0, segment.bytes, PIECE_BYTES)) {
      end = piece.position + piece.bytes.length;
      if (piece.whole) scanPiece(piece.bytes, piece.position, segment, state);
      else state.bad(segment, piece.position);
      if (state.isOver) return;
    }
  } finally {
    await file.close();
  }
  if (end < segment.bytes) state.bad(segment, end);
}

function scanPiece(bytes: Buffer, position: number, segment: Segment, state: ScanState): void {
  const changes = new ChangeFinder(bytes);
  let start = 0;
  while (start < bytes.length && !state.isOver) {
    const end = findNewline(bytes, start);
    const seq = verifyLine(bytes, start, end);
    if (seq >= 0 && isOfNewerLayout(bytes, end)) throw writtenByNewer(segment.path, `the line of event ${seq}`);
    if (seq < 0) state.bad(segment, position + start);
    else if (state.whole(segment, position + start, seq, bytes, start, end)) {
      if (changes.mayBeWithin(start, end)) state.visit(bytes, start, end, seq);
    }
    start = end + 1;
  }
}

class ScanState {
  readonly #options: ScanOptions;
  readonly #passedOver: Hole[] = [];
  #lastSeq = 0;
  #hole: Hole | undefined;
  #end: Hole | undefined;

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  bad(segment: Segment, offset: number): void {
    const fromSeq = this.#lastSeq === 0 ? Math.min(segment.firstSeq, this.#options.reachSeq + 1) : this.#lastSeq + 1;
    this.#hole ??= { segment, offset, fromSeq, toSeq: undefined };
  }

  /** Whether the line may be used; false when it is not the next one. */
  whole(segment: Segment, offset: number, seq: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#lastSeq > 0 && seq <= this.#lastSeq) {
      this.bad(segment, offset);
      return false;
    }
    if (this.#hole === undefined && !this.#follows(seq, bytes, start, end)) this.bad(segment, offset);
    if (this.#hole !== undefined && !this.#passOver(this.#hole, seq)) return false;
    if (!Number.isFinite(segment.firstSeq)) segment.firstSeq = seq;
    this.#lastSeq = seq;
    return true;
  }

  visit(bytes: Buffer, start: number, end: number, seq: number): void {
    this.#options.visitChanges(bytes, start, end, seq);
  }

  finish(): Scan {
    return { lastSeq: this.#lastSeq, passedOver: this.#passedOver, end: this.#end ?? this.#hole };
  }

  #follows(seq: number, bytes: Buffer, start: number, end: number): boolean {
    const missing = (this.#lastSeq === 0 ? this.#options.reachSeq : this.#lastSeq) + 1;
    if (this.#lastSeq === 0 ? seq <= missing : seq === missing) return true;
    // Only a line that says so may leave seqs out, and only those that it names.
    const { type, detail } = parseLine(bytes, start, end).event;
    const { fromSeq, recordsSeq } = detail;
    const isTold = type === "storage.recovered" && typeof fromSeq === "number" && fromSeq <= missing;
    if (isTold && typeof recordsSeq === "number") this.#options.jumped(fromSeq, recordsSeq);
    return isTold;
  }

  /** Whole lines go on behind the hole, at `seq`: decides whether that is good enough. */
  #passOver(hole: Hole, seq: number): boolean {
    hole.toSeq = seq - 1;
    if (hole.toSeq > this.#options.safeSeq && hole.toSeq >= hole.fromSeq) {
      this.#end = hole;
      return false;
    }
    this.#passedOver.push(hole);
    this.#hole = undefined;
    return true;
  }
}

/** The segments that a scan must read: those from the one that holds `seq` on. */
export function segmentsFrom(segments: readonly Segment[], seq: number): readonly Segment[] {
  let first = segments.length - 1;
  while (first > 0 && (segments[first] as Segment).firstSeq > seq) first--;
  return segments.slice(Math.max(first, 0));
}
