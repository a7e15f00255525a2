// What a run has done, gathered while it prints: the same receipt as a turn's, out of what `codex exec --json` says.
//
// Deliberately not how it ended (codex/exec-events.ts). Invariant: what an executor tells only with its outcome counts
// as much as what it told while it ran, and nothing counts twice.

import { isObject } from "../base/decode.ts";
import { noteExecEvent } from "../codex/exec-items.ts";
import type { WorkReceipt } from "../core/records.ts";
import type { RunResult } from "../core/runs.ts";
import { WorkLog } from "../core/work-log.ts";
import type { RunEnd } from "./run-records.ts";
import { readStructuredOutput } from "./structured-output.ts";

export interface RunWork {
  note(event: Record<string, unknown>): void;
  receipt(status: RunEnd["status"], result: RunResult | null): WorkReceipt;
}

const ENDED: Record<RunEnd["status"], string> = {
  completed: "the run was completed", failed: "the run failed", cancelled: "the run was cancelled",
};

export function createRunWork(outputSchema: unknown): RunWork {
  const log = new WorkLog();
  let isTold = false;

  const note = (event: Record<string, unknown>): void => {
    isTold = true;
    noteExecEvent(log, event);
  };

  return {
    note,
    receipt(status, result) {
      if (!isTold) result?.jsonEvents.filter(isObject).forEach(note);
      return {
        ...readStructuredOutput(outputSchema, result?.lastMessage ?? null, ENDED[status]),
        plan: log.plan,
        commands: log.commands(),
        fileChanges: log.fileChanges(),
      };
    },
  };
}
