// The real `codex exec` on the mock model, for end-to-end tests: as codexd's engine runs it, and by itself, with any
// arguments and its stdin in the test's hand.
//
// Nothing of a daemon. Invariant: all of it is below one directory, which `remove` takes away with the model.

import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { runCodexExec, runMark, type CodexExecOptions } from "../../src/child/exec-process.ts";
import { systemProcesses } from "../../src/child/process-tree.ts";
import type { CodexExecRequest, RunOutcome } from "../../src/core/runs.ts";
import { codexBinary, codexHomeEnv, makeWorkDir, writeCodexHome } from "./codex-install.ts";
import { startMockModel, type MockModel } from "./mock-model.ts";

export interface RealExec {
  readonly mock: MockModel;
  readonly root: string;
  /** Where it works: below `root`, and in no repository of its own. */
  readonly work: string;
  /** A run of codexd's, which may write anywhere unless `request` says otherwise. */
  run(prompt: string, request?: Partial<CodexExecRequest>, options?: CodexExecOptions): Promise<RunOutcome>;
  /** `codex exec --json` in `work`, with these arguments alone and nothing on its stdin, to its end. */
  exec(...args: string[]): Promise<ExecEnd>;
  /** The same, while its stdin is open. */
  open(...args: string[]): OpenExec;
  /** The newest input that the model was asked with. */
  asked(): AskedInput;
  remove(): Promise<void>;
}

export interface OpenExec {
  /** Whole lines of its stdout so far. */
  readonly lines: readonly string[];
  /** Resolves once its stderr has said this. */
  says(text: string): Promise<void>;
  /** Ends its stdin behind `last`; resolves when it has gone. */
  end(last?: string): Promise<ExecEnd>;
}

export interface ExecEnd {
  readonly code: number | null;
  readonly events: ReadonlyArray<Record<string, unknown>>;
  readonly stderr: string;
}

export interface AskedInput {
  /** What the user said, part by part, and the kinds of the parts. */
  readonly texts: unknown[];
  readonly types: unknown[];
  readonly body: Readonly<Record<string, unknown>>;
}

/** @param streamRetries how often Codex asks again when the model's answer breaks off. */
export async function prepareRealExec(name: string, streamRetries = 0): Promise<RealExec> {
  const mock = await startMockModel();
  const root = makeWorkDir(name);
  const work = path.join(root, "work");
  const home = path.join(root, "home");
  mkdirSync(work);
  writeCodexHome(home, mock.port, streamRetries);
  const env = { PATH: process.env["PATH"], ...codexHomeEnv(home) };
  let serial = 0;
  const open: RealExec["open"] = (...args) => spawnExec(args, { cwd: work, env });
  return {
    mock, root, work, open,
    exec: (...args) => open(...args).end(),
    run(prompt, request = {}, options = {}) {
      serial += 1;
      const runId = `run_e2e_${process.pid}_${serial}`;
      const command = codexBinary();
      const sandbox = "danger-full-access";
      const whole = { prompt, runId, command, cwd: work, skipGitRepoCheck: true, sandbox, ...request } as const;
      return runCodexExec(whole, { env, ...options });
    },
    asked() {
      const body = mock.requests.at(-1) ?? {};
      const items = body["input"] as Array<{ role?: string; content?: Array<{ type: string; text?: string }> }>;
      const parts = items.filter(({ role }) => role === "user").flatMap(({ content = [] }) => content);
      return { texts: parts.map(({ text }) => text), types: parts.map(({ type }) => type), body };
    },
    async remove() {
      await mock.close();
      rmSync(root, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
    },
  };
}

/** The number of this run's command, once it has come to be. */
export async function pidOfCommand(runId: string, command: string): Promise<number> {
  for (;;) {
    const found = await systemProcesses.find({ marks: [runMark(runId)] });
    const process = found.find((entry) => systemProcesses.describe(entry) === command);
    if (process !== undefined) return process.pid;
    await sleep(systemClock, 20);
  }
}

function spawnExec(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): OpenExec {
  const child = spawn(codexBinary(), ["exec", "--json", ...args], { ...options, stdio: "pipe" });
  let [stdout, stderr] = ["", ""];
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const look of listeners) look();
  });
  // One that has gone says so by its exit.
  child.stdin.on("error", () => undefined);
  const exited = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  const lines = (): string[] => stdout.split("\n").slice(0, -1);
  return {
    get lines() {
      return lines();
    },
    says: (text) => new Promise((resolve) => {
      const look = (): void => {
        if (!stderr.includes(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
    }),
    async end(last = "") {
      child.stdin.end(last);
      const code = await exited;
      return { code, events: lines().map((line) => JSON.parse(line) as Record<string, unknown>), stderr };
    },
  };
}
