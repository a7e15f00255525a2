// Runs of the fake `codex exec` for tests of the engine: what is asked, with the fake as its command.
//
// The environment is small and fixed, so that a test sees what a run adds to it.

import type { CodexExecOptions } from "../../src/child/exec-process.ts";
import { runCodexExec } from "../../src/child/exec-process.ts";
import { systemProcesses } from "../../src/child/process-tree.ts";
import type { CodexExecRequest, RunOutcome } from "../../src/core/runs.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { fakeCodexCommand } from "./fake-codex.ts";

/** What the fake inherits. */
export const EXEC_ENV = { PATH: process.env["PATH"], CODEX_HOME: "/nonexistent", BAA_CODEXD_TOKEN: "hunter2" } as const;

export function runFake(
  prompt: string,
  request: Partial<CodexExecRequest> = {},
  options: CodexExecOptions = {},
): Promise<RunOutcome> {
  const { command, args } = fakeCodexCommand;
  return runCodexExec({ prompt, command, commandArgs: args, ...request }, { env: EXEC_ENV, ...options });
}

/** The grace of a run that is deaf to its first signal ends a hundred times sooner; nothing else is hurried. */
export const hastyClock: Clock = {
  ...systemClock,
  after: (ms, fn) => systemClock.after(ms === LIMITS.runStopGraceMs ? ms / 100 : ms, fn),
};

/** A clock that fires the timers of `timeoutMs` as soon as it is told to, and leaves all others as they are. */
export function createTriggerClock(timeoutMs: number): { readonly clock: Clock; fire(): void } {
  const due: Array<() => void> = [];
  const after: Clock["after"] = (ms, fn) => {
    if (ms !== timeoutMs) return systemClock.after(ms, fn);
    due.push(fn);
    return { cancel: () => void due.splice(due.indexOf(fn), 1) };
  };
  return {
    clock: { ...systemClock, after },
    fire: () => due.splice(0).forEach((fn) => fn()),
  };
}

/** A signal that aborts once so many commands have been started, and the listener that counts them. */
export function abortAtCommand(count = 1): Required<Pick<CodexExecRequest, "signal" | "onEvent">> {
  const controller = new AbortController();
  let left = count;
  return {
    signal: controller.signal,
    onEvent({ type }) {
      if (type === "item.started") left -= 1;
      if (left === 0) controller.abort();
    },
  };
}

/** The process numbers of the commands that a run has told to have started. */
export function commandPids(events: readonly unknown[]): number[] {
  const items = (events as Array<{ item?: { pid?: number } }>).map(({ item }) => item?.pid);
  return items.filter((pid) => pid !== undefined);
}

export function isRunning(pid: number): boolean {
  return systemProcesses.identify(pid) !== undefined;
}
