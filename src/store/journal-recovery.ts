// Brings the journal's files back into order before anything is served: scans, judges the damage, cuts, sets aside.
//
// Nothing is dropped in silence: what is cut is kept beside the journal, and every repair gives an event to tell it.
//
// Invariant: after it the files hold whole lines up to `headSeq`; when it is stopped half-way, the next start finds
// the same damage again.

import path from "node:path";

import { EXIT, ExitError } from "../core/errors.ts";
import type { EventDraft } from "../core/event.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { scanJournal, segmentsFrom, type Hole, type Scan } from "./journal-scan.ts";
import { freeName, makeOwn, setAside } from "./replace-file.ts";
import { listSegments, type Segment } from "./segment.ts";

export interface JournalRecoveryOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** Lines up to this seq are in every checkpoint. */
  readonly safeSeq: number;
  /** @see ScanOptions.reachSeq */
  readonly reachSeq: number;
  /** The machine may have gone down under the last daemon: what was not synced may be there in any part and order. */
  readonly powerLost: boolean;
  readonly acceptLoss: boolean;
  visitChanges(bytes: Buffer, start: number, end: number, seq: number): void;
  /** @see ScanOptions.jumped */
  jumped(fromSeq: number, toSeq: number): void;
}

export interface RecoveredJournal {
  /** Oldest first; the last one is active if its file exists. */
  readonly segments: Segment[];
  /** The newest whole line; 0 when there is none. */
  readonly headSeq: number;
  /** Lines that were published may have been cut: their seqs must not come again. */
  readonly lost: boolean;
  readonly notices: readonly EventDraft[];
}

const COPY_BYTES = 1024 * 1024;

/** @throws {ExitError} `damagedState` when lines that are needed are damaged and `acceptLoss` is not given. */
export async function recoverJournal(options: JournalRecoveryOptions): Promise<RecoveredJournal> {
  const { disk, directory } = options;
  const { closed, active } = await listSegments(disk, directory);
  const segments = active === undefined ? closed : [...closed, active];
  const scan = await scanFromCheckpoints(segments, options);
  const notices = scan.passedOver.map(passedOverNotice);
  if (scan.end === undefined) return { segments, headSeq: scan.lastSeq, lost: false, notices };

  const torn = scan.end.segment === active && (scan.end.toSeq === undefined || options.powerLost);
  if (!torn && !options.acceptLoss) throw damaged(scan.end);
  const cut = await cutAt(scan.end, segments, options);
  return {
    segments: cut.segments,
    headSeq: scan.lastSeq,
    lost: !torn || options.powerLost || cut.hadNewline,
    notices: [...notices, cutNotice(scan.end, cut)],
  };
}

/**
 * A process that was killed may have left lines, and names, that are not on the medium yet. From here on they are
 * served, and a loss of power must not take them any more.
 */
export async function syncJournal(disk: Disk, directory: string, segments: readonly Segment[]): Promise<void> {
  const last = segments.at(-1);
  if (last !== undefined) {
    const file = await disk.open(last.path, "write");
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  }
  await disk.syncDirectory(directory);
}

/** From the segment that follows on the checkpoints; from an older one where the newer ones hold no whole line. */
async function scanFromCheckpoints(segments: readonly Segment[], options: JournalRecoveryOptions): Promise<Scan> {
  const { safeSeq } = options;
  let from = segmentsFrom(segments, safeSeq + 1);
  for (;;) {
    const scan = await scanJournal({ ...options, segments: from });
    if (scan.lastSeq > 0 || from.length === segments.length) return scan;
    from = segments.slice(-from.length - 1);
  }
}

interface Cut {
  readonly segments: Segment[];
  readonly aside: readonly string[];
  /** More was cut than a single line that was being written. */
  readonly hadNewline: boolean;
}

/** Takes away all from the hole on. Later segments go first, so that a crash in between leaves the hole in sight. */
async function cutAt(hole: Hole, segments: readonly Segment[], options: JournalRecoveryOptions): Promise<Cut> {
  const { disk, directory } = options;
  const at = segments.indexOf(hole.segment);
  const aside: string[] = [];
  for (const later of segments.slice(at + 1).toReversed()) aside.push(await setAside(disk, later.path));
  const kept = segments.slice(0, at + 1);
  const isActive = hole.segment === segments.at(-1);
  if (hole.offset === 0 && !isActive) {
    aside.push(await setAside(disk, hole.segment.path));
    return { segments: kept.slice(0, -1), aside, hadNewline: true };
  }
  const copy = await freeName(disk, directory, `torn-${hole.fromSeq}`);
  aside.push(copy);
  const hadNewline = await moveTail(disk, hole.segment, hole.offset, copy);
  hole.segment.bytes = hole.offset;
  return { segments: kept, aside, hadNewline };
}

/** Moves the segment's bytes from `offset` on to the new file `to`. Tells whether a newline was among them. */
async function moveTail(disk: Disk, segment: Segment, offset: number, to: string): Promise<boolean> {
  await makeOwn(disk, segment.path);
  const file = await disk.open(segment.path, "write");
  try {
    const hadNewline = await copyTail(disk, file, segment.bytes, offset, to);
    await disk.syncDirectory(path.dirname(to));
    await file.truncate(offset);
    await file.datasync();
    return hadNewline;
  } finally {
    await file.close();
  }
}

async function copyTail(disk: Disk, from: DiskFile, end: number, offset: number, to: string): Promise<boolean> {
  const copy = await disk.open(to, "create");
  let hadNewline = false;
  try {
    const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, end - offset));
    for (let position = offset; position < end; position += COPY_BYTES) {
      const bytes = buffer.subarray(0, await from.read(buffer, position));
      hadNewline ||= bytes.includes(0x0a);
      await copy.writeAll(bytes, position - offset);
    }
    await copy.datasync();
  } finally {
    await copy.close();
  }
  return hadNewline;
}

function damaged(hole: Hole): ExitError {
  const lost = hole.toSeq === undefined ? `from ${hole.fromSeq} on` : `${hole.fromSeq} to ${hole.toSeq}`;
  return new ExitError(
    EXIT.damagedState,
    `${hole.segment.path} is damaged at byte ${hole.offset} (events ${lost} are missing), and whole events follow: ` +
      "restore the file, or `codexd start --accept-loss` to go on without all that stands from there on",
  );
}

function passedOverNotice(hole: Hole): EventDraft {
  const file = path.basename(hole.segment.path);
  return {
    level: "warn",
    type: "storage.recovered",
    message: `${file} is damaged at byte ${hole.offset}; the records are whole, some events cannot be replayed`,
    detail: { file, offset: hole.offset, lostFromSeq: hole.fromSeq, lostToSeq: hole.toSeq },
  };
}

function cutNotice(hole: Hole, cut: Cut): EventDraft {
  const file = path.basename(hole.segment.path);
  return {
    level: "warn",
    type: "storage.recovered",
    message: `${file} was cut at byte ${hole.offset}; what stood there is kept aside`,
    detail: { file, offset: hole.offset, setAside: cut.aside.map((name) => path.basename(name)) },
  };
}
