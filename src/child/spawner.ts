// Processes as a parameter: what codexd needs of a child, and the one place that starts a real one.
//
// Invariant: no shell, and a process group of its own, so that Ctrl-C in codexd's terminal ends codexd alone, which
// then ends its children in order.

import { spawn } from "node:child_process";
import { getDefaultHighWaterMark, setDefaultHighWaterMark } from "node:stream";

/** A readable end of a child, as much of it as codexd uses; a spawner of the user's own may give text. */
export interface ChildReadable {
  on(event: "data", listener: (chunk: Buffer | string) => void): unknown;
  on(event: "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  pause?(): unknown;
  resume?(): unknown;
  /** Gives the pipe up, whoever still holds its other end. */
  destroy?(): unknown;
}

export interface ChildWritable {
  write(text: string): unknown;
  end(): unknown;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

export interface ChildHandle {
  readonly pid?: number | undefined;
  readonly stdin: ChildWritable;
  readonly stdout: ChildReadable;
  readonly stderr: ChildReadable;
  kill(signal?: NodeJS.Signals): unknown;
  on(event: "spawn", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "exit", listener: (code: number | null, signal: string | null) => void): unknown;
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface Spawner {
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildHandle;
}

export const processSpawner: Spawner = {
  spawn(command, args, { cwd, env }) {
    const child = withoutReadingAhead(() =>
      spawn(command, args, { cwd, env, detached: true, shell: false, stdio: ["pipe", "pipe", "pipe"] }));
    if ((child.stdin as unknown) !== undefined) return child;
    // Out of file descriptors Node gives a child without pipes, and an error on the next tick that must not go unheard.
    child.on("error", () => undefined);
    throw Object.assign(new Error(`spawn ${command}: no file descriptor is left`), { code: "EMFILE" });
  },
};

/**
 * The streams that are made meanwhile keep one chunk while they are paused, where they would go on to read 64 KiB chunk
 * by chunk: what a child says while nobody listens stays in its pipe, and comes in one piece.
 */
function withoutReadingAhead<T>(make: () => T): T {
  const usual = getDefaultHighWaterMark(false);
  setDefaultHighWaterMark(false, 1);
  try {
    return make();
  } finally {
    setDefaultHighWaterMark(false, usual);
  }
}

export function bytesOf(chunk: Buffer | string): Buffer {
  return typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

/**
 * The environment of the child: codexd's own without its `BAA_CODEXD_*` settings, which are not the child's
 * business, plus the two that tell a child who started it.
 */
export function childEnvironment(
  env: NodeJS.ProcessEnv,
  { daemonId, endpoint }: { daemonId: string; endpoint: string },
): NodeJS.ProcessEnv {
  return { ...withoutOwnVariables(env), BAA_CODEXD_DAEMON_ID: daemonId, BAA_CODEXD_SERVER_ENDPOINT: endpoint };
}

/** What the child has in its environment, and all that it starts unless a policy of Codex's keeps it from them. */
export function daemonMark(daemonId: string): string {
  return `BAA_CODEXD_DAEMON_ID=${daemonId}`;
}

/** The environment of a run: codexd's own in the same way, what was asked for, and the mark of all that it starts. */
export function runEnvironment(
  env: NodeJS.ProcessEnv,
  { runId, asked }: { runId: string; asked: Readonly<Record<string, string>> },
): NodeJS.ProcessEnv {
  return { ...withoutOwnVariables(env), ...asked, BAA_CODEXD_RUN_ID: runId };
}

/** Whoever starts codexd from within a Codex session must not have its own thread's mark on all that codexd starts. */
function withoutOwnVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = /^(?:BAA_CODEXD_.*|CODEXD_.*|CODEX_THREAD_ID)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)));
}
