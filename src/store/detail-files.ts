// The files of details that are too large for their events, as a part of the journal: they go with their segment.
//
// How one is written stands in pending.ts and beside-files.ts. Invariant: a file of an event that the journal has not
// is removed, at the start or with the segment, and nothing else is.

import type { BesideFiles } from "./beside-files.ts";
import { DETAILS_FOLDER, seqOfDetailFile } from "./event-details.ts";
import type { Segment } from "./segment.ts";

/** Counts each file to its segment, and removes those of no event: a crash came before a line, or behind its end. */
export async function assignDetails(
  files: BesideFiles, segments: readonly Segment[], headSeq: number,
): Promise<void> {
  await files.removeUnfinished(DETAILS_FOLDER);
  for (const { name, bytes } of await files.list(DETAILS_FOLDER)) {
    const seq = seqOfDetailFile(name);
    if (seq === undefined) continue;
    const segment = seq > headSeq ? undefined : segments.findLast(({ firstSeq }) => firstSeq <= seq);
    if (segment === undefined) await files.remove(`${DETAILS_FOLDER}/${name}`);
    else segment.detailBytes = (segment.detailBytes ?? 0) + bytes;
  }
}

/** Takes the oldest segment out of the journal with its details. @throws (rejects) what the disk throws. */
export async function removeOldest(
  writer: { readonly segments: readonly Segment[]; removeOldest(): Promise<void> }, files: BesideFiles,
): Promise<void> {
  const hasDetails = (writer.segments[0]?.detailBytes ?? 0) > 0;
  await writer.removeOldest();
  if (!hasDetails) return;
  const oldestSeq = writer.segments[0]?.firstSeq ?? 0;
  for (const { name } of await files.list(DETAILS_FOLDER)) {
    const seq = seqOfDetailFile(name);
    if (seq !== undefined && seq < oldestSeq) await files.remove(`${DETAILS_FOLDER}/${name}`);
  }
}
