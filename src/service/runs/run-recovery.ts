// What a daemon that died has left of its runs: each that was under way ends once, as failed, and its processes first.
//
// Its receipt is what the journal had heard of it. Deliberately without a second start: nobody knows how far such a run
// has come. Invariant: when this has resolved, no run that the journal calls under way has processes that could still
// be found.

import { isoTime, type Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { foldExecEvent, NO_PROGRESS, type ExecProgress } from "../../codex/exec-events.ts";
import { errorMessage } from "../../core/errors.ts";
import { decodeEntry } from "../../core/event.ts";
import { NOTHING_STOPPED, type StopReport } from "../../core/processes.ts";
import { runMarkId } from "../../core/receipt-mark.ts";
import type { RunRecord } from "../../core/runs.ts";
import type { RunFiles } from "../../store/run-files.ts";
import { markGone } from "../receipts/receipt-marks.ts";
import type { Tally } from "../status/tally.ts";
import type { CodexdStore } from "../tables.ts";
import { wholeDetail } from "../turns/turn-recovery.ts";
import { endedEvent, endedRecord, ownEnd, type RunEnd, type RunWhole } from "./run-records.ts";
import { dropSecrets, readRequest } from "./run-requests.ts";
import { readRunState } from "./run-state.ts";
import { createRunWork, type RunWork } from "./run-work.ts";

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
  const { store, log, files, endLeftovers } = options;
  const abandoned = [...store.tables.run.newestFirst()].filter(({ status }) => status === "running").reverse();
  if (abandoned.length === 0) return;
  const stops = await Promise.all(abandoned.map(({ runId }) =>
    endLeftovers(runId).catch((error: unknown): StopReport => {
      log.error("the processes of a run could not be looked for", { runId, reason: errorMessage(error) });
      return NOTHING_STOPPED;
    })));
  const heard = await readBack(options, abandoned);
  for (const [at, run] of abandoned.entries()) {
    await endAbandoned(options, run, stops[at] ?? NOTHING_STOPPED, heard.get(run.runId) as Heard);
  }
  await store.settled();
  for (const { runId } of abandoned) await dropSecrets(files, log, runId);
}

/** Puts beside the line what the record of a run that has ended does not hold. Never rejects. */
export async function keepWhole(
  { files, log }: Pick<RunRecoveryOptions, "files" | "log">, runId: string, whole: RunWhole,
): Promise<void> {
  await files.writeDocument(runId, "result.json", whole).catch((error: unknown) => {
    log.error("the whole result of a run could not be written", { runId, reason: errorMessage(error) });
  });
}

async function endAbandoned(
  options: RunRecoveryOptions, run: RunRecord, stop: StopReport, { work, progress, threadId, prompt }: Heard,
): Promise<void> {
  const { store, clock, tally } = options;
  const survivors = stop.survived.length === 0 ? "" : `; ${stop.survived.length} of its processes could not be ended`;
  const said = progress.lastMessage;
  const end: RunEnd = {
    ...ownEnd("failed", "interrupted", `the daemon died while the run was under way${survivors}`, stop),
    work: work.receipt("failed", said), said, threadId,
  };
  const { record, whole } = endedRecord(run, end, prompt, isoTime(clock.now()));
  if (whole !== null) await keepWhole(options, run.runId, whole);
  store.append(endedEvent(record, end), { put: { run: record }, ...markGone(store, runMarkId(run.runId)) });
  tally.runs.failed += 1;
}

/** What the journal has heard of a run. */
interface Heard {
  readonly work: RunWork;
  readonly prompt: string;
  /** What was said before it is in here already. */
  readonly fromSeq: number;
  progress: ExecProgress;
  threadId: string | null;
}

/** All of them in one pass: what their marks do not hold lies between the oldest of these and the journal's end. */
async function readBack(options: RunRecoveryOptions, runs: readonly RunRecord[]): Promise<Map<string, Heard>> {
  const { store } = options;
  const heard = new Map<string, Heard>();
  for (const run of runs) heard.set(run.runId, await beginOf(options, run));
  const fromSeq = Math.min(...[...heard.values()].map((of) => of.fromSeq));
  for await (const batch of store.replay(fromSeq - 1)) {
    for (const entry of batch.entries) {
      const of = entry.type === "run.item" && entry.runId !== null ? heard.get(entry.runId) : undefined;
      if (of === undefined || entry.seq < of.fromSeq) continue;
      const { item, itemEvent, threadId } = await wholeDetail(store, decodeEntry(batch, entry));
      of.work.note({ type: itemEvent, item });
      of.progress = foldExecEvent(of.progress, { type: itemEvent, item });
      of.threadId = threadId ?? of.threadId;
    }
  }
  return heard;
}

/** Where its mark stands; where it has none that can be read, at its beginning. */
async function beginOf({ store, files }: RunRecoveryOptions, run: RunRecord): Promise<Heard> {
  const request = await readRequest(files, run.runId);
  const mark = store.tables.mark.get(runMarkId(run.runId));
  const state = mark === undefined ? undefined : readRunState((await store.readWhole("mark", mark)).state);
  return {
    work: createRunWork(request?.outputSchema, state?.work),
    prompt: request?.prompt ?? run.prompt,
    fromSeq: mark === undefined || state === undefined ? run.firstSeq ?? 1 : mark.seq,
    progress: { ...NO_PROGRESS, lastMessage: state?.said ?? null },
    threadId: state?.threadId ?? null,
  };
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
