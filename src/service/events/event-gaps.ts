// Events that are not there for a reader: taken by retention, by a loss of power, or by damage; and how that is told.
//
// Who comes with a cursor before what is gone is refused with the oldest that there is. What is found damaged is known
// only when it is read, so it is told in its place among the events, in every form, and the reader goes on behind it.
//
// Invariant: no seq is left out in silence, whatever a filter lets pass.

import { CodexdError } from "../../core/errors.ts";
import type { EventBatch, EventGap } from "../../core/event.ts";
import type { CodexdStore } from "../tables.ts";

/** What a reader is told whose next events are not kept any more; `oldestSeq` is the first one behind them. */
export function expired(after: number, oldestSeq: number): CodexdError {
  const gone = `events ${after + 1} to ${oldestSeq - 1} are not kept any more`;
  return new CodexdError("cursor_expired", `after: ${gone}; ${oldestSeq - 1} goes on behind them`, { oldestSeq });
}

/** Who was told of events that a loss of power has taken goes on behind all that has gone with them. */
export function oldestFor(after: number | null, { oldestSeq, seqHoles }: CodexdStore): number {
  const hole = seqHoles.find(({ fromSeq, toSeq }) => after !== null && after >= fromSeq && after < toSeq);
  return hole === undefined ? oldestSeq : Math.max(oldestSeq, hole.toSeq + 1);
}

/** Whether retention has taken events between `cursor` and `batch`: a reader that is slower than it has to be told. */
export function skipsTaken({ firstSeq }: EventBatch, cursor: number, { oldestSeq }: { oldestSeq: number }): boolean {
  return firstSeq > cursor + 1 && oldestSeq > cursor + 1;
}

/** What the journal lacks between `cursor` and `batch`; null where nothing is, or the next event tells it itself. */
export function damageBefore({ firstSeq }: EventBatch, cursor: number, { seqHoles }: CodexdStore): EventGap | null {
  if (firstSeq <= cursor + 1) return null;
  const toSeq = (seqHoles.find((hole) => hole.toSeq === firstSeq - 1)?.fromSeq ?? firstSeq) - 1;
  return toSeq > cursor ? { fromSeq: cursor + 1, toSeq } : null;
}
