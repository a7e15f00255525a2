// What the looks at checkpoints and segments mean, in words for a person.
//
// Pure: reports go in, findings come out. Invariant: only what codexd cannot have written itself is called damaged.

import type { Finding, FindingLevel, FindingSubject } from "../core/inspection.ts";
import type { PreviousState } from "./daemon-state.ts";
import type { CheckpointReport } from "./inspect-checkpoints.ts";
import { finding } from "./inspect-files.ts";
import type { SegmentReport } from "./inspect-journal.ts";

/** Ids and numbers that a finding names; there may be thousands. */
const NAMED_MAX = 10;

/**
 * @param firstSeq with which the journal begins; null for an empty one.
 * @param previous of which tables there was a checkpoint.
 */
export function checkpointFinding(
  report: CheckpointReport, firstSeq: number | null, headSeq: number, previous: PreviousState | undefined,
): Finding {
  const { path: file, outcome, reason, kind, version, seq, records, bytes, differing, compared } = report;
  const detail = {
    kind, outcome, version, seq, records, bytes, compared,
    ahead: Math.max(0, headSeq - seq), differing: differing.slice(0, NAMED_MAX), differingCount: differing.length,
  };
  const say = sayer("checkpoint", file, detail);
  const reachesBack = firstSeq === 1;
  const cure = reachesBack ? "can rebuild it" : "does not reach back far enough to rebuild it";
  if (outcome === "refused") return say("refused", reason ?? "cannot be read");
  if (outcome === "damaged") return say("damaged", `cannot be read as a checkpoint; the journal ${cure}`);
  if (outcome === "missing") {
    if (previous?.checkpoints?.includes(kind) === true) return say("damaged", `is gone; the journal ${cure}`);
    if (reachesBack || firstSeq === null) return say("note", "is not there; a start makes it from the journal");
    return say("note", `is not there: no ${kind} from before event ${firstSeq} is known, if there was any`);
  }
  if (differing.length > 0) {
    const which = `${differing.slice(0, NAMED_MAX).join(", ")}${differing.length > NAMED_MAX ? ", …" : ""}`;
    return say("damaged", `${differing.length} of ${compared} records are not what the journal has put: ${which}`);
  }
  const ahead = detail.ahead === 0 ? "as the journal" : `the journal is ${detail.ahead} ahead`;
  return say("ok", `${counted(records, "record")} at event ${seq}, ${ahead}; ${compared} compared with the journal`);
}

/** @param running a daemon is writing: a line may be there in part. */
export function segmentFinding(report: SegmentReport, running: boolean): Finding {
  const { path: file, active, bytes, lines, firstSeq, lastSeq, namedSeq } = report;
  const { badLines, badAt, tailBytes, missing, toldJumps } = report;
  const detail = {
    active, bytes, lines, firstSeq, lastSeq, badLines, badAt, tailBytes, toldJumps,
    missing: missing.slice(0, NAMED_MAX), missingRanges: missing.length,
  };
  const say = sayer("segment", file, detail);
  const misnamed = namedSeq !== null && firstSeq !== null && namedSeq !== firstSeq && badLines === 0;
  // Each hole in the lines is a hole in the seqs.
  const isTold = badLines > 0 && missing.length === 0 && toldJumps > 0;
  const problems = [
    badLines === 0 || isTold ? null : `${counted(badLines, "line")} from byte ${badAt} on damaged`,
    missing.length === 0 ? null : `missing: ${missing.slice(0, NAMED_MAX).map(rangeText).join(", ")}`,
    misnamed ? `it begins with event ${firstSeq}` : null,
    active || tailBytes === 0 ? null : `its last ${counted(tailBytes, "byte")} damaged`,
  ].filter((problem) => problem !== null);
  if (problems.length > 0) return say("damaged", problems.join("; "));
  const whole = lines === 0 ? "no events" : `events ${firstSeq} to ${lastSeq}, ${bytes} bytes`;
  if (tailBytes > 0 && !running) return say("note", `${whole}; ends in ${tailBytes} bytes that are no whole line`);
  if (isTold) return say("note", `${whole}; ${counted(badLines, "line")} damaged at byte ${badAt}, told by events`);
  return say("ok", toldJumps === 0 ? whole : `${whole}; ${counted(toldJumps, "gap")} in it, told by events`);
}

/** The journal as a whole, against what the other files say of it. */
export function journalFinding(
  directory: string,
  segments: readonly SegmentReport[],
  checkpoints: readonly CheckpointReport[],
  previous: PreviousState | undefined,
): Finding {
  const headSeq = headOf(segments);
  const firstSeq = firstOf(segments);
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const lines = segments.reduce((sum, segment) => sum + segment.lines, 0);
  const detail = { segments: segments.length, bytes, lines, firstSeq, headSeq };
  const say = sayer("journal", directory, detail);
  const furthest = checkpoints.reduce((most, { seq }) => Math.max(most, seq), previous?.seq ?? 0);
  if (furthest > headSeq) {
    return say("damaged", `ends at event ${headSeq}, and other files know of events up to ${furthest}: they are gone`);
  }
  const ceiling = previous?.document === undefined ? Infinity : previous.seqCeiling;
  if (headSeq > ceiling) {
    return say("damaged", `ends at event ${headSeq}, above the ceiling in daemon-state.json (${ceiling})`);
  }
  if (lines === 0) return say("ok", "has no events");
  return say("ok", `${counted(segments.length, "segment")}, events ${firstSeq} to ${headSeq}, ${bytes} bytes`);
}

export function headOf(segments: readonly SegmentReport[]): number {
  return segments.findLast(({ lastSeq }) => lastSeq !== null)?.lastSeq ?? 0;
}

export function firstOf(segments: readonly SegmentReport[]): number | null {
  return segments.find(({ firstSeq }) => firstSeq !== null)?.firstSeq ?? null;
}

type Say = (level: FindingLevel, message: string) => Finding;

function sayer(subject: FindingSubject, file: string, detail: Finding["detail"]): Say {
  return (level, message) => finding(subject, level, file, message, detail);
}

function rangeText({ fromSeq, toSeq }: { fromSeq: number; toSeq: number }): string {
  return fromSeq === toSeq ? `event ${fromSeq}` : `events ${fromSeq} to ${toSeq}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
