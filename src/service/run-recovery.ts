// What a daemon that died has left of its runs: each that was under way ends once, as failed, and its processes first.
//
// Deliberately without a second start: nobody knows how far such a run has come. Invariant: when this has resolved,
// no run that the journal calls under way has processes that could still be found.

import { isoTime, type Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";
import { NOTHING_STOPPED, type StopReport } from "../core/processes.ts";
import type { RunFiles } from "../store/run-files.ts";
import { endedEvent, endedRecord, ownEnd } from "./run-records.ts";
import { dropSecrets } from "./run-requests.ts";
import type { CodexdStore } from "./tables.ts";
import type { Tally } from "./tally.ts";

/** Ends the processes that carry the mark of the run. */
export type EndLeftovers = (runId: string) => Promise<StopReport>;

export interface RunRecoveryOptions {
  readonly store: CodexdStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly endLeftovers: EndLeftovers;
  readonly files: RunFiles;
  readonly tally: Pick<Tally, "runs">;
}

export async function endAbandonedRuns(options: RunRecoveryOptions): Promise<void> {
  const { store, clock, log, files, tally, endLeftovers } = options;
  const abandoned = [...store.tables.run.newestFirst()].filter(({ status }) => status === "running").reverse();
  const stops = await Promise.all(abandoned.map(({ runId }) =>
    endLeftovers(runId).catch((error: unknown): StopReport => {
      log.error("the processes of a run could not be looked for", { runId, reason: errorMessage(error) });
      return NOTHING_STOPPED;
    })));
  abandoned.forEach((run, at) => {
    const stop = stops[at] ?? NOTHING_STOPPED;
    const survivors = stop.survived.length === 0 ? "" : `; ${stop.survived.length} of its processes could not be ended`;
    const end = ownEnd("failed", "interrupted", `the daemon died while the run was under way${survivors}`, stop);
    const { record } = endedRecord(run, end, run.prompt, isoTime(clock.now()));
    store.append(endedEvent(record, end), { put: { run: record } });
    tally.runs.failed += 1;
  });
  await store.settled();
  for (const { runId } of abandoned) await dropSecrets(files, log, runId);
}

/** What lies there without a record: a crash came between the file and the line that names it, or that drops it. */
export async function removeUnrecorded(options: Pick<RunRecoveryOptions, "store" | "files" | "log">): Promise<void> {
  const { store, files, log } = options;
  try {
    const unrecorded = (await files.runIds()).filter((runId) => store.tables.run.get(runId) === undefined);
    for (const runId of unrecorded) await files.remove(runId);
    if (unrecorded.length > 0) log.info("removed the files of runs that have no record", { runs: unrecorded.length });
  } catch (error) {
    log.warn("files of runs that have no record could not be removed", { reason: errorMessage(error) });
  }
}
