// One run while its process lives: the executor's calls become events and output files, its outcome one end.
//
// Deliberately not: when it may start and what its record says (runs.ts). Invariants: it ends exactly once, also when
// the executor neither answers nor heeds its signal; nothing that comes after the end is taken.

import { sleep, type Clock, type Timer } from "../../base/clock.ts";
import { isObject } from "../../base/decode.ts";
import { createDeferred } from "../../base/deferred.ts";
import type { Logger } from "../../base/log.ts";
import { errorMessage } from "../../core/errors.ts";
import { messageLine, type EventDraft } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import { NOTHING_STOPPED } from "../../core/processes.ts";
import {
  RUN_STREAMS, type CodexExecRequest, type RunExecutor, type RunOutcome, type RunRecord, type RunStream,
} from "../../core/runs.ts";
import type { OutputFile } from "../../store/output-file.ts";
import type { RunFiles } from "../../store/run-files.ts";
import { NO_MARKS, type ReceiptMarks } from "../receipts/receipt-marks.ts";
import type { CodexdStore } from "../tables.ts";
import { createRunPulse, type RunPulse } from "./run-liveness.ts";
import { failure, readOutcome, runEvent, type RunEnd, type StoredRequest } from "./run-records.ts";
import { runState, type RunState } from "./run-state.ts";
import { createRunWork } from "./run-work.ts";

export type StopReason = "cancelled" | "daemon_stopped";

export interface RunLife {
  /** Never rejects; all of the output is in its files, or counted as lost. */
  readonly ended: Promise<RunEnd>;
  /** What the process does now. */
  readonly pulse: RunPulse;
  /** What is heard of it so far, as its recovery would have read it from the journal; null when it is over. */
  state(): RunState | null;
  /** Ends the run; the first reason counts. */
  stop(reason: StopReason): void;
}

export interface RunLifeOptions {
  readonly run: RunRecord;
  readonly request: StoredRequest;
  readonly command: { readonly command: string; readonly commandArgs: readonly string[] };
  readonly executor: RunExecutor;
  readonly store: CodexdStore;
  readonly files: RunFiles;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes secrets out of what a person is told of the process's errors. */
  readonly redact: (text: string) => string;
  /** More of the output is there to be read. */
  readonly onOutput: () => void;
  /** @see IngestOptions.marks */
  readonly marks?: Pick<ReceiptMarks, "next"> | undefined;
}

const STOPPED: Record<StopReason, string> = {
  cancelled: "the run was cancelled",
  daemon_stopped: "codexd was stopped while the run was under way",
};

export function startRunLife(options: RunLifeOptions): RunLife {
  const { run, store, files, clock, redact, marks = NO_MARKS } = options;
  const abort = new AbortController();
  const stopped = createDeferred<void>();
  const gaveUp = createDeferred<RunOutcome>();
  const outputs = Object.fromEntries(
    RUN_STREAMS.map((stream) => [stream, files.createOutput(run.runId, stream, options.onOutput)]),
  ) as Record<RunStream, OutputFile>;
  let giveUp: Timer | undefined;
  let why: StopReason | null = null;
  let over = false;
  let threadId: string | null = null;
  let said: string | null = null;
  /** As it stands on the events of items, which is what can be read back. */
  let toldThreadId: string | null = null;
  const work = createRunWork(options.request.outputSchema);
  const pulse = createRunPulse(clock);

  const onEvent = (event: unknown): void => {
    if (over || !isObject(event)) return;
    const { type, item, thread_id: thread } = event;
    if (type === "thread.started" && typeof thread === "string") threadId = thread;
    const isItem = typeof type === "string" && type.startsWith("item.") && isObject(item);
    if (isItem) store.append(itemEvent(run, type, item, threadId), marks.next());
    work.note(event);
    pulse.note(event);
    if (!isItem) return;
    toldThreadId = threadId;
    const { type: kind, text } = item;
    if (type !== "item.completed" || kind !== "agent_message" || typeof text !== "string") return;
    said = text;
    outputs.message.write(Buffer.from(`${text}\n`));
  };

  const holdBack = (): Promise<void> | null => {
    const full = Object.values(outputs).filter(({ pendingBytes }) => pendingBytes > LIMITS.runOutputPendingBytesMax);
    const behind = store.pendingBytes > LIMITS.journalPendingBytesMax;
    if (why !== null || (full.length === 0 && !behind)) return null;
    const waits = full.map((output) => output.drained(LIMITS.runOutputPendingBytesMax / 2));
    if (behind) waits.push(journalDrained(store));
    // A run that is to end must not wait for the disk.
    return Promise.race([Promise.all(waits).then(() => undefined), stopped.promise]);
  };

  const request: CodexExecRequest = {
    ...options.request,
    ...options.command,
    runId: run.runId,
    signal: abort.signal,
    onEvent,
    onOutput: (stream, chunk) => {
      // Copied: the bytes wait for the disk, and a stranger's executor may use its buffer again.
      if (!over) outputs[stream].write(Buffer.from(chunk));
    },
    holdBack,
  };

  const close = async (outcome: RunOutcome): Promise<number> => {
    if (outcome.result !== undefined) writeUntold(outputs, outcome.result);
    await Promise.all(Object.entries(outputs).map(([stream, output]) =>
      output.close(LIMITS.runOutputCloseMs).catch((error: unknown) => {
        options.log.warn("the output of a run was not closed", { runId: run.runId, stream, error: String(error) });
      })));
    const lost = Object.values(outputs).map((output) => output.lost);
    const bytes = lost.reduce((sum, { bytes: more }) => sum + more, 0);
    const { runId } = run;
    const reason = lost.find((loss) => loss.reason !== null)?.reason;
    if (bytes > 0) options.log.error("output of a run could not be written", { runId, bytes, reason });
    return bytes;
  };

  const live = async (): Promise<RunEnd> => {
    const outcome = await Promise.race([execute(options.executor, request), gaveUp.promise]);
    over = true;
    const lostBytes = await close(outcome);
    // A service manager signals codexd and its runs in one go: whose signal is taken first is chance. Until it is known
    // the run keeps its place, so that none is started that is to be ended at once.
    if (isSignalled(outcome)) await Promise.race([sleep(clock, LIMITS.runSameSignalMs), stopped.promise]);
    giveUp?.cancel();
    const { invocation = null, result = null, stop = NOTHING_STOPPED } = outcome;
    const ended = verdict(outcome, why, redact);
    const receipt = work.receipt(ended.status, result?.lastMessage ?? null, result?.jsonEvents);
    // Its files have what the run has printed as it was; records and events go to more readers.
    const told = result === null ? null : { ...result, stderr: redact(result.stderr) };
    return { ...ended, invocation, result: told, stop, work: receipt, said: null, threadId, lostBytes };
  };

  return {
    ended: live(),
    pulse,
    state: () => (over ? null : runState(work.state(), said, toldThreadId)),
    stop(reason) {
      if (why !== null) return;
      why = reason;
      abort.abort();
      stopped.resolve();
      giveUp = clock.after(LIMITS.runGiveUpMs, () => gaveUp.resolve(UNANSWERED));
    },
  };
}

const NO_ANSWER = `its executor did not answer within ${LIMITS.runGiveUpMs} ms, and its processes may live`;
const UNANSWERED: RunOutcome = { ok: false, error: { message: NO_ANSWER, reason: null } };

async function execute(executor: RunExecutor, request: CodexExecRequest): Promise<RunOutcome> {
  try {
    return readOutcome(await executor(request), request);
  } catch (error) {
    return failure(`the executor has failed: ${errorMessage(error)}`);
  }
}

/** By codexd too, which then has said why before. */
function isSignalled({ ok, result }: RunOutcome): boolean {
  return !ok && (result?.signal ?? null) !== null;
}

/** A success stands, even if somebody has asked for the end a moment before. */
function verdict(
  outcome: RunOutcome, why: StopReason | null, redact: (text: string) => string,
): Pick<RunEnd, "status" | "error"> {
  if (outcome.ok) return { status: "completed", error: null };
  if (why !== null) {
    const unanswered = outcome === UNANSWERED ? `; ${NO_ANSWER}` : "";
    const error = { message: `${STOPPED[why]}${unanswered}`, reason: why };
    return { status: why === "cancelled" ? "cancelled" : "failed", error };
  }
  const message = redact(outcome.error.message).slice(0, LIMITS.finalMessageEventCharsMax);
  return { status: "failed", error: { message, reason: outcome.error.reason ?? null } };
}

function itemEvent(
  run: RunRecord, printed: string, item: Record<string, unknown>, threadId: string | null,
): EventDraft {
  const kind = typeof item["type"] === "string" ? item["type"] : "item";
  return runEvent("run.item", messageLine(`${kind} ${printed.slice("item.".length)}`), run, {
    threadId, itemId: item["id"] ?? null, itemEvent: printed, item,
  });
}

/** An executor that tells all only at the end has told it all the same. */
function writeUntold(outputs: Record<RunStream, OutputFile>, result: NonNullable<RunOutcome["result"]>): void {
  const texts = { stdout: result.stdout, stderr: result.stderr, message: result.lastMessage };
  for (const stream of RUN_STREAMS) {
    const { size, pendingBytes, lost } = outputs[stream];
    const text = texts[stream];
    if (typeof text !== "string" || text === "" || size + pendingBytes + lost.bytes > 0) continue;
    outputs[stream].write(Buffer.from(stream === "message" ? `${text}\n` : text));
  }
}

function journalDrained(store: CodexdStore): Promise<void> {
  return new Promise((resolve) => {
    const leave = store.onDrained(() => {
      if (store.pendingBytes > LIMITS.journalPendingBytesMax / 2) return;
      leave();
      resolve();
    });
  });
}
