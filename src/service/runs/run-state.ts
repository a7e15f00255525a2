// What is heard of a run under way, as JSON and back: what its recovery would read out of its events.
//
// Deliberately not what its executor tells at the end (run-work.ts): who recovers a run does not have that. Invariant:
// what is read back behaves as what was written, event for event.

import { isObject } from "../../base/decode.ts";
import { runMarkId } from "../../core/receipt-mark.ts";
import type { WorkLogState } from "../../core/work-log.ts";
import type { ReceiptMarks } from "../receipts/receipt-marks.ts";
import { isWorkLogState } from "../receipts/receipt-state.ts";
import type { RunSchedule } from "./run-schedule.ts";

export interface RunState extends Readonly<Record<string, unknown>> {
  /** Of this form; another is not read. */
  readonly version: typeof VERSION;
  readonly work: WorkLogState;
  /** Its last message. */
  readonly said: string | null;
  readonly threadId: string | null;
}

const VERSION = 1;

export function runState(work: WorkLogState, said: string | null, threadId: string | null): RunState {
  return { version: VERSION, work, said, threadId };
}

/** Undefined where it is not a state of this form. */
export function readRunState(value: Readonly<Record<string, unknown>> | null): RunState | undefined {
  return isObject(value) && value["version"] === VERSION && isWorkLogState(value["work"])
    ? (value as unknown as RunState) : undefined;
}

/** Has the receipts of runs under way marked. */
export function watchRuns(marks: Pick<ReceiptMarks, "watch">, runs: Pick<RunSchedule, "running">): void {
  marks.watch(() => runs.running().map(({ run: { runId, firstSeq }, state }) =>
    ({ markId: runMarkId(runId), firstSeq: firstSeq ?? 1, state })));
}
