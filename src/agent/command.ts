// The one command that the embedded agent runs, as a process of its own.
//
// Deliberately not a shell, and nothing of a prompt gets into it. Invariants: it has a process group of its own, so
// that ending it ends what it started; it ends in bounded time, and no more of its output is kept than the limit.

import { spawn } from "node:child_process";
import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

export type CommandLine = readonly [program: string, ...args: string[]];

/** On every POSIX system, over in milliseconds, and changes nothing. */
export const HARMLESS_COMMAND: CommandLine = ["uname", "-s"];

export interface CommandEnd {
  /** 127 where the program could not be started, 128 and more where a signal ended it, as shells have it. */
  readonly exitCode: number;
  readonly output: string;
  readonly durationMs: number;
}

export interface RunningCommand {
  /** Null where it could not be started. */
  readonly pid: number | null;
  /** Never rejects. */
  readonly ended: Promise<CommandEnd>;
  /** Ends it and all of its group; harmless when it has ended. */
  kill(): void;
}

export interface CommandOptions {
  readonly line: CommandLine;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** What it prints, as it prints it. */
  readonly onOutput: (text: string) => void;
}

export function startCommand({ line, cwd, env, clock, onOutput }: CommandOptions): RunningCommand {
  const [program, ...args] = line;
  const began = clock.monotonic();
  let output = "";
  let exited = false;
  const child = spawn(program, args, { cwd, env, detached: true, shell: false, stdio: ["ignore", "pipe", "pipe"] });
  const take = (text: string): void => {
    const kept = text.slice(0, LIMITS.agentCommandCharsMax - output.length);
    output += kept;
    if (kept !== "") onOutput(kept);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", take);
  const kill = (): void => {
    if (exited || child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended this moment.
    }
  };
  const timer = clock.after(LIMITS.agentCommandMs, kill);
  const ended = new Promise<CommandEnd>((resolve) => {
    const finish = (exitCode: number): void => {
      timer.cancel();
      exited = true;
      resolve({ exitCode, output, durationMs: Math.round(clock.monotonic() - began) });
    };
    child.on("error", (error) => {
      take(`${errorMessage(error)}\n`);
      finish(127);
    });
    child.on("close", (code) => finish(code ?? 137));
  });
  return { pid: child.pid ?? null, ended, kill };
}
