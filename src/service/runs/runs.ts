// The use cases of runs: start, read, list, cancel, read the output.
//
// Deliberately not: what runs when (run-schedule.ts) and what a process says (run-life.ts). Invariants: a run is in
// the journal, and its request on disk, before its caller hears of it; it is started at most once, whatever dies.

import { isoTime } from "../../base/clock.ts";
import type { CodexdConfig } from "../../core/config.ts";
import { CodexdError, errorMessage } from "../../core/errors.ts";
import { createId, type UuidSource } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { runSummary, type RunLiveness, type RunRecord, type StartRunInput } from "../../core/runs.ts";
import { requireDirectory } from "../directories.ts";
import type { Keeping } from "../idempotency/idempotency.ts";
import { readPage } from "../pages.ts";
import type { RunOutput, RunService } from "../services.ts";
import { requireSession } from "../sessions/threads.ts";
import { within } from "../wait.ts";
import type { WorkGate } from "../work-gate.ts";
import { hasWholePrompt, queuedRecord, runEvent } from "./run-records.ts";
import { readWholeRun, writeRequest } from "./run-requests.ts";
import { createRunSchedule, type OpenRun, type RunSchedule, type RunScheduleOptions } from "./run-schedule.ts";

export interface RunsOptions extends RunScheduleOptions {
  readonly config: Pick<CodexdConfig, "repoRoot" | "runs" | "turns">;
  readonly gate: WorkGate;
  readonly uuid: UuidSource;
}

export interface Runs extends RunService {
  /** Ends what ran when the last daemon died and takes up what waited; nothing is started. Before anyone may ask. */
  recover(): Promise<void>;
  /** Starts what waits, and from then on what comes. */
  begin(): void;
  /** Ends what is under way and starts nothing any more; what waits stays queued. */
  stop(): Promise<void>;
  /** Removes what lies beside the record of an ended run. */
  forget(runId: string): Promise<void>;
  /** Those whose process has been started and has not ended, with what they do now. */
  running(): ReturnType<RunSchedule["running"]>;
  /** Runs whose record says `running`, and those that say `queued`. */
  readonly underWay: number;
  readonly waiting: number;
}

/** Its record says that it runs, and its process is about to be started. */
const BEFORE_ITS_PROCESS: RunLiveness = { state: "starting", quietMs: 0 };

export function createRuns(options: RunsOptions): Runs {
  const { config, store, files, gate, clock, uuid, log } = options;
  const schedule = createRunSchedule(options);
  /** Those whose request is on its way to the disk: they have their place in the queue already. */
  let arriving = 0;

  /** As it is told: with what it does now, which is not written down. */
  const asTold = (run: RunRecord): RunRecord => {
    if (run.status !== "running") return run;
    const { stallWarnMs } = config.turns;
    return { ...run, liveness: schedule.pulse(run.runId)?.liveness(stallWarnMs) ?? BEFORE_ITS_PROCESS };
  };

  const requireRun = (runId: string): RunRecord => {
    const run = store.tables.run.get(runId);
    if (run === undefined) throw new CodexdError("not_found", `there is no run ${JSON.stringify(runId)}`);
    return run;
  };

  const checkRoom = (): void => {
    const { max, maxQueued } = config.runs;
    if (schedule.underWay + schedule.waiting + arriving < max + maxQueued) return;
    const message = `${max} runs at a time and ${maxQueued} waiting are the most; try again later`;
    const { underWay } = schedule;
    const waiting = schedule.waiting + arriving;
    throw new CodexdError("too_many_runs", message, { underWay, waiting, max, maxQueued });
  };

  const write = async (
    input: StartRunInput & { readonly cwd: string }, keeping?: Keeping<RunRecord>,
  ): Promise<{ readonly queued: RunRecord; readonly open: OpenRun }> => {
    const run = queuedRecord(createId("run", uuid), input, isoTime(clock.now()));
    const { sessionId: _session, metadata: _metadata, waitMs: _wait, ...request } = input;
    arriving += 1;
    try {
      await writeRequest(files, run.runId, request);
    } finally {
      arriving -= 1;
    }
    try {
      gate.assertNotDraining();
      const changes = { put: { run } };
      const kept = keeping?.line(changes, { ...run, prompt: input.prompt }) ?? changes;
      const journaled = store.commit(runEvent("run.queued", "run queued", run), kept);
      // A thousand long prompts wait in their files, not in memory.
      const held = hasWholePrompt(run) ? request : null;
      return { queued: run, open: await schedule.add(run, held, journaled) };
    } catch (error) {
      await files.remove(run.runId).catch((reason: unknown) => {
        log.warn("the files of a run that was refused stay", { runId: run.runId, reason: errorMessage(reason) });
      });
      throw error;
    }
  };

  const get = async (runId: string): Promise<RunRecord> => {
    const [whole] = await Promise.all([readWholeRun(files, requireRun(runId)), store.settled()]);
    return asTold(whole);
  };

  return {
    async start(input, signal, keeping) {
      const cwd = input.cwd ?? config.repoRoot;
      await requireDirectory("cwd", cwd);
      gate.assertNotDraining();
      if (input.sessionId !== undefined) requireSession(store, input.sessionId);
      checkRoom();
      const { queued, open } = await write({ ...input, cwd }, keeping);
      if (input.waitMs === undefined) return { ...queued, prompt: input.prompt };
      await within(clock, open.ended, input.waitMs, signal);
      return get(queued.runId);
    },

    get,

    async list({ limit, cursor, status }) {
      const page = readPage(store.tables.run.newestFirst(), {
        limit,
        cursor,
        idOf: ({ runId }) => runId,
        keep: (run) => status === null || run.status === status,
      });
      const records = page.records.map((run) => runSummary(asTold(run)));
      await store.settled();
      return { ...page, records };
    },

    async cancel(runId) {
      requireRun(runId);
      const stop = await schedule.cancel(runId);
      return { run: await get(runId), stopped: stop.stopped, survived: stop.survived };
    },

    async output(runId, stream, after): Promise<RunOutput> {
      const { finishedAt } = requireRun(runId);
      // Before the reading, so that nothing is missed between the two.
      const grown = schedule.watch(runId);
      const { bytes, size } = await files.readOutput(runId, stream, after, LIMITS.runOutputPieceBytes);
      if (after > size) {
        const message = `after: ${after} is behind the end of ${stream}, which is at ${size}`;
        throw new CodexdError("cursor_ahead", message, { size });
      }
      const nextOffset = after + bytes.length;
      const ended = finishedAt !== null && nextOffset >= size;
      await store.settled();
      const more = async (signal?: AbortSignal): Promise<void> => {
        if (!ended && nextOffset >= size) await grown(signal);
      };
      return { bytes, nextOffset, size, ended, more };
    },

    recover: () => schedule.recover(),
    begin: () => schedule.begin(),
    stop: () => schedule.stop(),
    running: () => schedule.running(),
    forget: (runId) => files.remove(runId),
    get underWay() {
      return schedule.underWay;
    },
    get waiting() {
      return schedule.waiting + arriving;
    },
  };
}
