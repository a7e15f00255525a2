// Ends what is found, until nothing is found any more: a process that is being ended can still start others.
//
// Deliberately at once (SIGKILL): whoever could end in order has been asked to before. Invariants: where there was
// anything, two looks in a row must find nothing, because one can miss what goes from process to process; it comes to
// an end itself, after `LIMITS.runSweepMs` at the latest, and says what has survived.

import { sleep, type Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { StoppedProcess, StopReport } from "../core/processes.ts";
import type { ProcessEntry, ProcessIdentity, ProcessTree } from "./process-tree.ts";

const FIRST_LOOK_MS = 5;
const LOOK_MS_MAX = 100;

export interface EndProcessesOptions {
  readonly processes: ProcessTree;
  readonly clock: Clock;
}

/** Ends everything that `find` gives. */
export async function endProcesses(
  find: () => Promise<readonly ProcessEntry[]>,
  { processes, clock }: EndProcessesOptions,
): Promise<StopReport> {
  const seen = new Map<string, StoppedProcess>();
  const until = clock.monotonic() + LIMITS.runSweepMs;
  let wasQuiet = true;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(2 * waitMs, LOOK_MS_MAX)) {
    const found = await find();
    if ((found.length === 0 && wasQuiet) || clock.monotonic() >= until) return reportOf(seen, found);
    for (const entry of found) {
      const key = keyOf(entry);
      if (!seen.has(key)) seen.set(key, { pid: entry.pid, command: processes.describe(entry), signal: "SIGKILL" });
      processes.signal(entry, "SIGKILL");
    }
    wasQuiet = found.length === 0;
    await sleep(clock, wasQuiet ? FIRST_LOOK_MS : waitMs);
  }
}

/** Ends what has one of these in its environment (`NAME=value`), such as the leftovers of a run after a restart. */
export function endMarkedProcesses(marks: readonly string[], options: EndProcessesOptions): Promise<StopReport> {
  return endProcesses(() => options.processes.find({ marks }), options);
}

/** Its identity in one string. */
export function keyOf({ pid, startTime }: ProcessIdentity): string {
  return `${pid} ${startTime}`;
}

function reportOf(seen: ReadonlyMap<string, StoppedProcess>, left: readonly ProcessEntry[]): StopReport {
  const leftKeys = new Set(left.map(keyOf));
  const of = (isLeft: boolean): StoppedProcess[] =>
    [...seen].filter(([key]) => leftKeys.has(key) === isLeft).map(([, stopped]) => stopped);
  return { stopped: of(false), survived: of(true) };
}
