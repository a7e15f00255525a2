// Starts a program and waits for its end, for the scripts: no shell, its output goes where the script's goes.
//
// A script is thin: what can fail throws, and `main` makes one line of it.

import { spawnSync } from "node:child_process";

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What it prints is shown only when it fails. */
  readonly quiet?: boolean;
}

/** @throws when it cannot be started or ends with anything but 0. */
export function run(command: string, args: readonly string[], options: RunOptions): void {
  const status = tryRun(command, args, options);
  if (status !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${status}`);
}

/** Its exit code; 1 when a signal ended it. @throws when it cannot be started. */
export function tryRun(command: string, args: readonly string[], { cwd, env, quiet = false }: RunOptions): number {
  const result = spawnSync(command, args, {
    cwd,
    env: env ?? process.env,
    stdio: quiet ? "pipe" : "inherit",
    encoding: "utf8",
  });
  if (result.error !== undefined) throw result.error;
  if (quiet && result.status !== 0) process.stderr.write(`${result.stdout}${result.stderr}`);
  return result.status ?? 1;
}

/** Runs the body of a script: an error is one line on stderr and exit code 1, never a stack. */
export async function main(body: () => void | Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
