// The soak `runs`: many runs on the embedded agent, and what they leave behind of processes, files and memory.
//
// Nothing may be left: no zombie, no process with a run's mark, no open file more than before, and no more than 10 MB
// of resident memory. `runs-codex` does the same with the real Codex.

import { readdirSync, readFileSync } from "node:fs";
import type { RunRecord } from "../../src/core/runs.ts";
import { startDaemon, type Daemon } from "../../test/support/daemon.ts";
import { withTempDir } from "../bench/programs.ts";
import { createSeeded } from "../seeded.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";

/** What a prompt must come to, and how often it is one of ten. */
interface Prompt {
  readonly prompt: string;
  readonly status: RunRecord["status"];
  readonly share: number;
}

export interface RunsUnderTest {
  readonly daemon: Daemon;
  readonly prompts: readonly Prompt[];
  readonly cwd: string;
}

const AGENT_PROMPTS: readonly Prompt[] = [
  { prompt: "hello", status: "completed", share: 5 },
  { prompt: "run", status: "completed", share: 3 },
  { prompt: "fail", status: "failed", share: 1 },
  { prompt: "stall", status: "cancelled", share: 1 },
];

const AT_A_TIME = 16;
const GROWTH_BYTES_MAX = 10_000_000;
/**
 * Runs before the first measurement. Code is compiled and V8's young generation has its size by then: it takes some 300
 * runs to grow to its 32 MB, which it keeps whatever lives in it.
 */
const WARM_UP = { least: 300, share: 0.5 } as const;

export function run(options: SoakOptions): Promise<SoakResult> {
  return withTempDir(async (stateDir) => {
    const daemon = await startDaemon({ stateDir, command: "demo" });
    try {
      return await soakRuns({ daemon, prompts: AGENT_PROMPTS, cwd: stateDir }, options);
    } finally {
      await daemon.kill("SIGTERM");
    }
  });
}

export async function soakRuns(under: RunsUnderTest, { n, seed, log }: SoakOptions): Promise<SoakResult> {
  const { next } = createSeeded(seed);
  const deck = under.prompts.flatMap((prompt) => Array.from({ length: prompt.share }, () => prompt));
  const pick = (): Prompt => deck[Math.floor(next() * deck.length)] as Prompt;
  const problems: string[] = [];
  const runIds = new Set<string>();
  const submit = (count: number): Promise<void> =>
    runMany(under, Array.from({ length: count }, pick), runIds, (problem) => problems.push(problem));

  await submit(Math.max(WARM_UP.least, Math.round(n * WARM_UP.share)));
  const before = await measure(under.daemon.pid, runIds);
  await submit(n);
  const after = await measure(under.daemon.pid, runIds);

  const growth = after.rss - before.rss;
  if (growth > GROWTH_BYTES_MAX) problems.push(`resident memory grew by ${growth} bytes`);
  if (after.files > before.files) problems.push(`${after.files - before.files} more open files than before`);
  if (after.children.length > before.children.length) problems.push(`left behind: ${after.children.join(", ")}`);
  if (after.marked.length > 0) problems.push(`processes of ended runs live: ${after.marked.join(", ")}`);
  for (const problem of problems) log(problem);
  return { failures: problems.length, detail: { rssBefore: before.rss, rssAfter: after.rss, files: after.files } };
}

async function runMany(
  under: RunsUnderTest, prompts: readonly Prompt[], runIds: Set<string>, fail: (why: string) => void,
): Promise<void> {
  const waiting = [...prompts];
  const worker = async (): Promise<void> => {
    for (let prompt = waiting.pop(); prompt !== undefined; prompt = waiting.pop()) {
      const ended = await runOne(under, prompt);
      runIds.add(ended.runId);
      if (ended.status !== prompt.status) {
        fail(`${prompt.prompt}: ${ended.status} instead of ${prompt.status}: ${ended.error?.message ?? ""}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

async function runOne({ daemon, cwd }: RunsUnderTest, { prompt, status }: Prompt): Promise<RunRecord> {
  const body = { prompt, cwd, skipGitRepoCheck: true, sandbox: "danger-full-access" };
  if (status !== "cancelled") {
    const { data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", { ...body, waitMs: 60_000 });
    return data.run;
  }
  const { data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", { ...body, waitMs: 200 });
  const cancelled = await daemon.post<{ run: RunRecord }>(`/v1/codexd/runs/${data.run.runId}/cancel`);
  return cancelled.data.run;
}

interface Measured {
  readonly rss: number;
  readonly files: number;
  /** Child processes, zombies too. */
  readonly children: readonly string[];
  /** Processes with the mark of one of these runs in their environment. */
  readonly marked: readonly string[];
}

/** When nothing runs any more: the smallest of some looks, because garbage is not growth. */
async function measure(pid: number, runIds: ReadonlySet<string>): Promise<Measured> {
  let rss = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 10; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    rss = Math.min(rss, residentBytes(pid));
  }
  const files = readdirSync(`/proc/${pid}/fd`).length;
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const children = pids.filter((name) => statusField(name, "PPid") === String(pid))
    .map((name) => `${name} ${statusField(name, "Name")} ${statusField(name, "State")}`);
  const marked = pids.filter((name) => runIds.has(runOf(name)));
  return { rss, files, children, marked };
}

function residentBytes(pid: number): number {
  return Number(/^(\d+)/.exec(statusField(String(pid), "VmRSS"))?.[1] ?? 0) * 1024;
}

function statusField(pid: string, field: string): string {
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(readProc(pid, "status"))?.[1] ?? "";
}

function runOf(pid: string): string {
  return /(?:^|\0)BAA_CODEXD_RUN_ID=([^\0]*)/.exec(readProc(pid, "environ"))?.[1] ?? "";
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It has gone meanwhile.
    return "";
  }
}
