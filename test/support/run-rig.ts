// Runs as parts.ts builds them, on a memory store, a simulated disk and an executor in the test's hand.
// Nothing ends by itself: a test says what a process prints, and how it ends.

import { silentLogger, type Logger } from "../../src/base/log.ts";
import type { StopReport } from "../../src/core/processes.ts";
import type {
  CodexExecRequest, RunExecutor, RunOutcome, RunRecord, RunResult, StartRunInput,
} from "../../src/core/runs.ts";
import { createReceiptMarks } from "../../src/service/receipts/receipt-marks.ts";
import { watchRuns } from "../../src/service/runs/run-state.ts";
import { createRuns, type Runs } from "../../src/service/runs/runs.ts";
import { createTally, type Tally } from "../../src/service/status/tally.ts";
import { createWorkGate, type WorkGate } from "../../src/service/work-gate.ts";
import { openRunFiles, type RunFiles } from "../../src/store/run-files.ts";
import { SimulatedDisk } from "./disk-simulator.ts";
import { createFakeClock, settle, type FakeClock } from "./fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";

const RUNS_DIR = "/home/user/logs/runs";

export interface FakeProcess {
  readonly request: CodexExecRequest;
  readonly runId: string;
  print(event: Record<string, unknown>): void;
  /** An agent's message that is complete. */
  say(text: string): void;
  out(stream: "stdout" | "stderr", text: string): void;
  end(outcome: unknown): void;
  succeed(lastMessage?: string, more?: Partial<RunResult>): void;
  fail(error: unknown): void;
  readonly isAborted: boolean;
}

export interface RunRig {
  readonly runs: Runs;
  readonly store: MemoryStore;
  readonly disk: SimulatedDisk;
  readonly files: RunFiles;
  readonly clock: FakeClock;
  readonly gate: WorkGate;
  readonly tally: Tally;
  /** In the order of their start; their ends do not take them out. */
  readonly processes: FakeProcess[];
  readonly leftovers: Map<string, StopReport | Error>;
  readonly sought: string[];
  start(input?: Partial<StartRunInput>): Promise<RunRecord>;
  /** Lets everything go on that waits neither for time nor for the real disk, as the look at a `cwd` does. */
  settle(): Promise<void>;
  until(condition: () => boolean): Promise<void>;
  statuses(): string[];
  /** What lies beside the records. */
  fileNames(): Promise<string[]>;
}

export interface RunRigOptions {
  readonly max?: number;
  readonly maxQueued?: number;
  readonly executor?: RunExecutor;
  /** What another rig has left: the same files and records, as after a restart. */
  readonly from?: Pick<RunRig, "store" | "disk">;
  readonly begin?: boolean;
  readonly keepUnrecorded?: boolean;
  readonly stallWarnMs?: number | null;
  /** Receipts are marked each time when so many bytes have been written; never without it. */
  readonly markBytes?: number;
  readonly log?: Logger;
}

export async function createRunRig(options: RunRigOptions = {}): Promise<RunRig> {
  const { max = 2, maxQueued = 3, begin = true, log = silentLogger, stallWarnMs = null } = options;
  const turns = { stallWarnMs, stallInterruptMs: null };
  const clock = createFakeClock();
  const store = options.from?.store ?? createMemoryStore(clock);
  const disk = options.from?.disk ?? new SimulatedDisk();
  const files = await openRunFiles(disk.mount(), RUNS_DIR, clock);
  const gate = createWorkGate("exec");
  const tally = createTally();
  const processes: FakeProcess[] = [];
  const leftovers = new Map<string, StopReport | Error>();
  const sought: string[] = [];
  let ids = options.from === undefined ? 0 : 1000;
  const marks = createReceiptMarks(store, options.markBytes ?? Number.POSITIVE_INFINITY);
  const runs = createRuns({
    marks,
    config: { repoRoot: "/", turns, runs: { command: "/bin/codex", args: ["main.mjs"], max, maxQueued } },
    store, files, gate, clock, log, tally,
    keepUnrecorded: options.keepUnrecorded,
    executor: options.executor ?? fakeExecutor(processes),
    endLeftovers: async (runId) => {
      sought.push(runId);
      const found = leftovers.get(runId) ?? { stopped: [], survived: [] };
      if (found instanceof Error) throw found;
      return found;
    },
    uuid: () => String(++ids).padStart(32, "0"),
    redact: (text) => text.replaceAll("hunter2", "[redacted]"),
  });
  watchRuns(marks, runs);
  if (begin) runs.begin();
  const rounds = async (): Promise<void> => {
    for (let i = 0; i < 20; i += 1) await settle();
  };
  return {
    runs, store, disk, files, clock, gate, tally, processes, leftovers, sought,
    start: async (input = {}) => {
      const run = await runs.start({ prompt: "do it", ...input });
      await rounds();
      return run;
    },
    settle: rounds,
    async until(condition) {
      while (!condition()) await settle();
    },
    fileNames: () => disk.mount().list(RUNS_DIR),
    statuses: () => [...store.tables.run.newestFirst()].map(({ status }) => status).reverse(),
  };
}

export function makeResult(changes: Partial<RunResult> = {}): RunResult {
  return {
    exitCode: 0, signal: null, timedOut: false, durationMs: 5, startedAt: "2026-01-01T00:00:00.000Z",
    finishedAt: "2026-01-01T00:00:01.000Z", lastMessage: null, threadId: null, tokenUsage: null, jsonEvents: [],
    jsonParseErrors: [], stdout: "", stderr: "", ...changes,
  };
}

function fakeExecutor(processes: FakeProcess[]): RunExecutor {
  return (request) => new Promise((resolve, reject) => {
    const invocation = {
      command: request.command ?? "", args: ["exec"], cwd: request.cwd ?? "", prompt: request.prompt,
      purpose: request.purpose ?? "worker", timeoutMs: null,
    };
    const end = (outcome: unknown): void => resolve(outcome as RunOutcome);
    const print: FakeProcess["print"] = (event) => request.onEvent?.(event);
    request.onStarted?.(7);
    processes.push({
      request, print, end,
      runId: request.runId ?? "",
      say: (text) => print({ type: "item.completed", item: { id: "item_1", type: "agent_message", text } }),
      out: (stream, text) => request.onOutput?.(stream, Buffer.from(text)),
      succeed: (lastMessage, more) =>
        end({ ok: true, invocation, result: makeResult({ lastMessage: lastMessage ?? null, ...more }) }),
      fail: reject,
      get isAborted() {
        return request.signal?.aborted ?? false;
      },
    });
  });
}
