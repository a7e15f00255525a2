// What a run has done, gathered while it prints: the same receipt as a turn's, out of what `codex exec --json` says.
//
// The same fold serves the live process and recovery, which reads the items back from the journal. Deliberately not how
// it ended (codex/exec-events.ts). Invariant: what an executor tells only with its outcome counts as much as what it
// told while it ran, and nothing counts twice.

import { isObject } from "../../base/decode.ts";
import { noteExecEvent } from "../../codex/exec-items.ts";
import type { WorkReceipt } from "../../core/records.ts";
import { WorkLog, type WorkLogState } from "../../core/work-log.ts";
import { readStructuredOutput } from "../receipts/structured-output.ts";
import type { RunEnd } from "./run-records.ts";

export interface RunWork {
  note(event: Record<string, unknown>): void;
  /** @param untold the printed objects, should the executor have told none of them while it ran. */
  receipt(status: RunEnd["status"], lastMessage: string | null, untold?: readonly unknown[]): WorkReceipt;
  /** What it goes by, but for its schema. */
  state(): WorkLogState;
}

const ENDED: Record<RunEnd["status"], string> = {
  completed: "the run was completed", failed: "the run failed", cancelled: "the run was cancelled",
};

/** @param from where an earlier one stood. */
export function createRunWork(outputSchema: unknown, from?: WorkLogState): RunWork {
  const log = from === undefined ? new WorkLog() : WorkLog.of(from);
  let isTold = false;

  const note = (event: Record<string, unknown>): void => {
    isTold = true;
    noteExecEvent(log, event);
  };

  return {
    note,
    state: () => log.state(),
    receipt(status, lastMessage, untold = []) {
      if (!isTold) untold.filter(isObject).forEach(note);
      return {
        ...readStructuredOutput(outputSchema, lastMessage, ENDED[status]),
        plan: log.plan,
        commands: log.commands(),
        fileChanges: log.fileChanges(),
      };
    },
  };
}
