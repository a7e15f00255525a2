// Which run is started when, and the one way each of them ends.
//
// Invariants: `run.started` is in the journal before the process is spawned, and a run that has it is never started
// again; at most `max` are under way; a run ends once, whoever ends it, and its record then says so at once.

import { isoTime, type Clock, type Timer } from "../../base/clock.ts";
import { createLatch, type Latch } from "../../base/latch.ts";
import type { Logger } from "../../base/log.ts";
import type { CodexdConfig } from "../../core/config.ts";
import { CodexdError, errorMessage } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { NOTHING_STOPPED, type StopReport } from "../../core/processes.ts";
import { runMarkId } from "../../core/receipt-mark.ts";
import type { RunExecutor, RunRecord } from "../../core/runs.ts";
import type { RunFiles } from "../../store/run-files.ts";
import { markGone, type ReceiptMarks } from "../receipts/receipt-marks.ts";
import type { Tally } from "../status/tally.ts";
import type { CodexdStore } from "../tables.ts";
import { startRunLife, type RunLife, type StopReason } from "./run-life.ts";
import type { RunPulse } from "./run-liveness.ts";
import { createRunQueue } from "./run-queue.ts";
import { endedEvent, endedRecord, ownEnd, runEvent, type RunEnd, type StoredRequest } from "./run-records.ts";
import { endAbandonedRuns, keepWhole, removeUnrecorded, type EndLeftovers } from "./run-recovery.ts";
import { dropSecrets, readRequest } from "./run-requests.ts";

/** A run that has not ended. */
export interface OpenRun {
  record: RunRecord;
  /** Null where only its file has it: a long one, or after a restart. */
  request: StoredRequest | null;
  life: RunLife | null;
  /** Somebody wants it ended; it may not live yet. */
  why: StopReason | null;
  /** Resolves when it is in the journal; rejects when it was refused. */
  readonly journaled: Promise<unknown>;
  readonly ended: Latch<StopReport>;
  /** Called whenever more of its output is there. */
  readonly watchers: Set<() => void>;
  /** Grows with its output. */
  written: number;
}

export interface RunScheduleOptions {
  readonly config: Pick<CodexdConfig, "runs">;
  readonly store: CodexdStore;
  readonly files: RunFiles;
  readonly executor: RunExecutor;
  /** Ends what a run of a daemon that died has left behind. */
  readonly endLeftovers: EndLeftovers;
  readonly tally: Pick<Tally, "runs">;
  /** Files of runs without a record stay: records may have been lost. */
  readonly keepUnrecorded?: boolean | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes secrets out of text. */
  readonly redact: (text: string) => string;
  /** @see IngestOptions.marks */
  readonly marks?: Pick<ReceiptMarks, "next"> | undefined;
}

export interface RunSchedule {
  /** Runs that have been started and have not ended. */
  readonly underWay: number;
  readonly waiting: number;
  /** Gives the run its place; it may be started once `journaled` has resolved. Rejects as that does. */
  add(run: RunRecord, request: StoredRequest | null, journaled: Promise<unknown>): Promise<OpenRun>;
  /** Gives what was stopped, once the run has ended; nothing where it had. */
  cancel(runId: string): Promise<StopReport>;
  /** Gives what resolves when there is more output than at the time of this call, or the run has ended. */
  watch(runId: string): (signal?: AbortSignal) => Promise<void>;
  /** What it does now; null where its process has not been started, or has ended. */
  pulse(runId: string): RunPulse | null;
  /** Those whose process has been started and has not ended. */
  running(): Array<{ readonly run: RunRecord } & Pick<RunLife, "pulse" | "state">>;
  recover(): Promise<void>;
  begin(): void;
  stop(): Promise<void>;
}

export function createRunSchedule(options: RunScheduleOptions): RunSchedule {
  const { config, store, files, tally, clock, log } = options;
  const queue = createRunQueue<OpenRun>();
  const open = new Map<string, OpenRun>();
  const slots = new Map<OpenRun, Promise<void>>();
  let state: "idle" | "running" | "stopped" = "idle";
  let retry: Timer | undefined;

  const make = (record: RunRecord, request: StoredRequest | null, journaled: Promise<unknown>): OpenRun => {
    const run: OpenRun = {
      record, request, journaled, life: null, why: null, ended: createLatch<StopReport>(), watchers: new Set(),
      written: 0,
    };
    open.set(record.runId, run);
    queue.add(record.runId, run);
    return run;
  };

  const forget = ({ record: { runId } }: OpenRun): void => {
    open.delete(runId);
    queue.remove(runId);
  };

  const tellWatchers = (run: OpenRun): void => {
    run.written += 1;
    for (const watcher of run.watchers) watcher();
  };

  /** The one end: the record that the tables hold is final when this returns. */
  const finish = async (run: OpenRun, end: RunEnd, prompt: string): Promise<void> => {
    const { runId } = run.record;
    const { record, whole } = endedRecord(run.record, end, prompt, isoTime(clock.now()));
    if (whole !== null) await keepWhole(options, runId, whole);
    forget(run);
    run.record = record;
    try {
      store.append(endedEvent(record, end), { put: { run: record }, ...markGone(store, runMarkId(runId)) });
    } finally {
      settle(run, end);
    }
  };

  const settle = (run: OpenRun, { status, stop }: RunEnd): void => {
    tally.runs[status] += 1;
    run.ended.set(stop);
    tellWatchers(run);
  };

  const start = async (run: OpenRun): Promise<void> => {
    const { runId } = run.record;
    // First, so that runs that start at the same time are told in the order in which they came.
    if (run.why === null && !(await writeStarted(run))) return;
    queue.remove(runId);
    const request = run.request ?? await readRequest(files, runId);
    if (request !== null) await dropSecrets(files, log, runId, request);
    if (run.why !== null) return finish(run, unbegun(run.why), request?.prompt ?? run.record.prompt);
    if (request === null) {
      const message = "what it was asked for could not be read from its file";
      return finish(run, ownEnd("failed", "request_lost", message), run.record.prompt);
    }
    run.life = startRunLife({
      run: run.record, request, store, files, clock, log, marks: options.marks,
      command: { command: config.runs.command, commandArgs: config.runs.args },
      executor: options.executor,
      redact: options.redact,
      onOutput: () => tellWatchers(run),
    });
    if (run.why !== null) run.life.stop(run.why);
    await finish(run, await run.life.ended, request.prompt);
  };

  /** False when the journal has refused: the run waits where it was, and all starts wait a moment. */
  const writeStarted = async (run: OpenRun): Promise<boolean> => {
    const now = isoTime(clock.now());
    let record: RunRecord = { ...run.record, status: "running", startedAt: now, updatedAt: now };
    try {
      await store.commit(runEvent("run.started", "run started", record), (seq) => {
        record = { ...record, firstSeq: seq };
        return { put: { run: record } };
      });
    } catch (error) {
      if (!(error instanceof CodexdError) || error.code !== "storage_full") throw error;
      queue.release(record.runId);
      retry ??= clock.after(LIMITS.storageRetryMs, () => {
        retry = undefined;
        pump();
      });
      return false;
    }
    run.record = record;
    return true;
  };

  const pump = (): void => {
    while (state === "running" && retry === undefined && slots.size < config.runs.max) {
      const run = queue.takeFirst();
      if (run === undefined) return;
      const work = start(run)
        .catch((error: unknown) => log.error("a run could not be seen through", {
          runId: run.record.runId, reason: errorMessage(error),
        }))
        .finally(() => {
          slots.delete(run);
          pump();
        });
      slots.set(run, work);
    }
  };

  const cancelQueued = async (run: OpenRun): Promise<StopReport> => {
    const { runId } = run.record;
    const end = ownEnd("cancelled", "cancelled", "the run was cancelled before it was started");
    const { record } = endedRecord(run.record, end, run.record.prompt, isoTime(clock.now()));
    try {
      await store.commit(endedEvent(record, end), { put: { run: record } });
    } catch (error) {
      queue.release(runId);
      pump();
      throw error;
    }
    run.record = record;
    forget(run);
    settle(run, end);
    await dropSecrets(files, log, runId, run.request);
    return NOTHING_STOPPED;
  };

  const whenEnded = (run: OpenRun): Promise<StopReport> => new Promise((resolve) => void run.ended.onSet(resolve));

  return {
    get underWay() {
      return open.size - queue.size;
    },
    get waiting() {
      return queue.size;
    },

    async add(record, request, journaled) {
      const run = make(record, request, journaled);
      queue.hold(record.runId);
      try {
        await journaled;
      } catch (error) {
        forget(run);
        throw error;
      }
      queue.release(record.runId);
      pump();
      return run;
    },

    async cancel(runId) {
      const run = open.get(runId);
      if (run === undefined) return NOTHING_STOPPED;
      await run.journaled.catch(() => {
        throw new CodexdError("not_found", `there is no run ${JSON.stringify(runId)}`);
      });
      if (queue.hold(runId)) return cancelQueued(run);
      run.why ??= "cancelled";
      run.life?.stop(run.why);
      return whenEnded(run);
    },

    watch(runId) {
      const run = open.get(runId);
      const written = run?.written;
      return (signal) => {
        if (run === undefined || run.written !== written || run.ended.isSet) return Promise.resolve();
        return nextChange(run, signal);
      };
    },

    pulse: (runId) => open.get(runId)?.life?.pulse ?? null,
    running: () => [...open.values()].flatMap(({ record, life }) =>
      life === null ? [] : [{ run: record, pulse: life.pulse, state: life.state }]),

    async recover() {
      await endAbandonedRuns(options);
      if (options.keepUnrecorded !== true) await removeUnrecorded(options);
      const queued = [...store.tables.run.newestFirst()].filter(({ status }) => status === "queued").reverse();
      for (const record of queued) make(record, null, Promise.resolve());
    },

    begin() {
      state = "running";
      pump();
    },

    async stop() {
      state = "stopped";
      retry?.cancel();
      for (const run of slots.keys()) {
        run.why ??= "daemon_stopped";
        run.life?.stop(run.why);
      }
      await Promise.all(slots.values());
    },
  };
}

function nextChange(run: OpenRun, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      run.watchers.delete(finish);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    run.watchers.add(finish);
    signal?.addEventListener("abort", finish, { once: true });
    if (signal?.aborted === true) finish();
  });
}

/** It was journaled as started, and nothing was spawned. */
function unbegun(why: StopReason): RunEnd {
  return why === "cancelled"
    ? ownEnd("cancelled", why, "the run was cancelled before its process was started")
    : ownEnd("failed", why, "codexd was stopped before the process was started");
}
