// Seqs that no event has any more, or ever had: what a loss of power has taken, as the line behind it tells.
//
// Not for damage, which recovery finds. A jump begins a segment, so the first lines are all that has to be read.
// Invariant: only a whole line is believed, and a file that cannot be read tells of no hole: it never stops a start.

import { errorCode } from "../base/error-code.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { findNewline, parseLine, verifyLine } from "./line.ts";
import type { Segment } from "./segment.ts";
import type { SeqHole } from "./types.ts";

/** The line that tells of a jump is a few hundred bytes long. */
const LINE_BYTES_MAX = 4096;

/** Oldest first. */
export async function findSeqHoles(disk: Disk, segments: readonly Segment[]): Promise<SeqHole[]> {
  const holes: SeqHole[] = [];
  for (const { path } of [...segments]) {
    const hole = await readHole(disk, path);
    if (hole !== null) holes.push(hole);
  }
  return holes;
}

async function readHole(disk: Disk, path: string): Promise<SeqHole | null> {
  let file: DiskFile | undefined;
  try {
    file = await disk.open(path, "read");
    const head = Buffer.allocUnsafe(LINE_BYTES_MAX);
    return holeOf(head.subarray(0, await file.read(head, 0)));
  } catch (error) {
    // Retention may take it away meanwhile; what is wrong with the disk is for others to find.
    if (errorCode(error) === undefined) throw error;
    return null;
  } finally {
    await file?.close();
  }
}

function holeOf(bytes: Buffer): SeqHole | null {
  const end = findNewline(bytes, 0);
  const seq = end < 0 ? -1 : verifyLine(bytes, 0, end);
  if (seq < 0) return null;
  const { event } = parseLine(bytes, 0, end);
  const { fromSeq, toSeq } = event.detail as Readonly<Record<string, unknown>>;
  if (event.type !== "storage.recovered" || typeof fromSeq !== "number" || toSeq !== seq - 1) return null;
  return { fromSeq, toSeq };
}
