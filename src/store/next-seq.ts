// Where seqs go on after a start, so that none that anybody may have seen is ever given out again.
//
// Pure: what the files say goes in, a number comes out.

import type { EventDraft } from "../core/event.ts";
import type { PreviousState } from "./daemon-state.ts";

/**
 * Whether the machine may have gone down under the last daemon, so that what was written but not synced is lost.
 * Without a boot id, or without a state to compare it with, that must be assumed.
 */
export function mayHaveLostPower(previous: PreviousState, bootId: string | null): boolean {
  if (previous.document === undefined) return true;
  return !previous.clean && (bootId === null || bootId !== previous.bootId);
}

export interface SeqEvidence {
  readonly previous: PreviousState;
  readonly powerLost: boolean;
  /** Published lines were cut from the journal. */
  readonly linesLost: boolean;
  /** The newest whole line of the journal, 0 for none. */
  readonly headSeq: number;
  /** The newest seq that a checkpoint stands for. */
  readonly checkpointSeq: number;
  /** By how much the ceiling was raised at a time. */
  readonly ceilingStep: number;
}

/** The newest seq that may have been given out: the next event gets the one after it. */
export function lastSeqGivenOut(evidence: SeqEvidence): number {
  const { previous, powerLost, linesLost, headSeq, checkpointSeq, ceilingStep } = evidence;
  const known = Math.max(headSeq, checkpointSeq, previous.seq);
  if (previous.document === undefined) {
    // The ceiling is lost, but it never is more than one and a half steps above what has been published.
    return known === 0 && !previous.damaged ? 0 : known + 2 * ceilingStep;
  }
  // With this durability every line that was published had been synced before.
  const synced = previous.document["durability"] === "power";
  // Somebody has taken the journal's end away, if not all of it: nothing says how far it went.
  const endGone = headSeq < Math.max(checkpointSeq, previous.seq) && !previous.clean;
  return linesLost || endGone || (powerLost && !synced) ? Math.max(known, previous.seqCeiling) : known;
}

/**
 * Tells that the seqs in between are gone; it must be the first line after the hole.
 *
 * @param checkpointSeq the newest seq that a checkpoint stands for: behind the hole's begin, only that one has records
 *   of the missing lines.
 */
export function jumpNotice(headSeq: number, lastSeq: number, checkpointSeq: number): EventDraft {
  const hole = { fromSeq: headSeq + 1, toSeq: lastSeq };
  return {
    level: "warn",
    type: "storage.recovered",
    message: `events ${hole.fromSeq} to ${hole.toSeq} are gone, or never were: the last end was not in order`,
    detail: checkpointSeq > headSeq ? { ...hole, recordsSeq: checkpointSeq } : hole,
  };
}
