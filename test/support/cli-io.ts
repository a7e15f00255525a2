// A process around the command line that is all memory: what was printed, which signals are watched, who was ended.
//
// Invariant: nothing of the real environment gets in; the home and the current directory are what the test says.

import { systemClock, type Clock } from "../../src/base/clock.ts";
import type { CliIo, CliParts, StopSignal } from "../../src/cli/command.ts";

export interface FakeIo extends CliIo {
  readonly out: () => string;
  readonly err: () => string;
  /** Pids to which SIGTERM was sent. */
  readonly terminated: readonly number[];
  /** How many listeners watch signals or the output's end. */
  readonly listeners: () => number;
  /** How many holds are not released. */
  readonly holds: () => number;
  raise(signal: StopSignal): void;
  closeOutput(): void;
}

export interface FakeIoOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly homeDir?: string;
  readonly stdin?: string;
  readonly stdinIsTerminal?: boolean;
  readonly stdoutIsTerminal?: boolean;
  readonly stderrIsTerminal?: boolean;
  /** What is typed, a line a question; behind the last one the input is at its end. A promise is typed later. */
  readonly lines?: ReadonlyArray<string | null | Promise<string | null>>;
  readonly clock?: Clock;
  readonly colours?: boolean;
  readonly alive?: (pid: number) => boolean;
  readonly onTerminate?: (pid: number) => void;
  readonly onStdout?: (text: string) => void;
}

export function createFakeIo(options: FakeIoOptions = {}): FakeIo {
  const out: string[] = [];
  const err: string[] = [];
  const terminated: number[] = [];
  const signalListeners = new Set<readonly [StopSignal, () => void]>();
  const outputListeners = new Set<() => void>();
  const lines = [...(options.lines ?? [])];
  let holds = 0;
  return {
    env: options.env ?? {},
    platform: { cwd: options.cwd ?? "/home/ada/repo", homeDir: options.homeDir ?? "/home/ada", hostName: "engine" },
    clock: options.clock ?? systemClock,
    colours: options.colours ?? false,
    stdout(text) {
      out.push(text);
      options.onStdout?.(text);
    },
    stdoutReady: async () => undefined,
    stderr: (text) => void err.push(text),
    stdinIsTerminal: options.stdinIsTerminal ?? false,
    stdoutIsTerminal: options.stdoutIsTerminal ?? false,
    stderrIsTerminal: options.stderrIsTerminal ?? false,
    readStdin: async () => options.stdin ?? "",
    readLine: async (signal, question = "") => {
      if (question !== "") err.push(question);
      const line = await unlessAborted(lines[0] ?? null, signal);
      lines.shift();
      return line;
    },
    onSignal(signal, listener) {
      const entry = [signal, listener] as const;
      signalListeners.add(entry);
      return () => signalListeners.delete(entry);
    },
    onOutputClosed(listener) {
      outputListeners.add(listener);
      return () => outputListeners.delete(listener);
    },
    isAlive: options.alive ?? (() => false),
    terminate(pid) {
      terminated.push(pid);
      options.onTerminate?.(pid);
    },
    hold() {
      holds += 1;
      // The clock's timers are not enough to keep a test's process alive either.
      const handle = setInterval(() => undefined, 60_000);
      return () => {
        holds -= 1;
        clearInterval(handle);
      };
    },
    out: () => out.join(""),
    err: () => err.join(""),
    terminated,
    listeners: () => signalListeners.size + outputListeners.size,
    holds: () => holds,
    raise(wanted) {
      for (const [signal, listener] of [...signalListeners]) if (signal === wanted) listener();
    },
    closeOutput() {
      for (const listener of [...outputListeners]) listener();
    },
  };
}

/** Parts that fail the test when a command uses one it was not given. */
export function createParts(parts: Partial<CliParts> = {}): CliParts {
  return {
    createService() {
      throw new Error("no service was expected");
    },
    resolveCommand: async (command) => `/usr/bin/${command}`,
    agentProgram: () => ({ command: process.execPath, args: ["/opt/codexd/agent.js"] }),
    rotateToken: async () => {
      throw new Error("no rotation was expected");
    },
    inspectFiles: async () => {
      throw new Error("no look at the files was expected");
    },
    readFiles: async () => {
      throw new Error("no reading of the files was expected");
    },
    killChildren() {
      throw new Error("no second signal was expected");
    },
    ...parts,
  };
}

/** What is typed too late stays for the next question. */
async function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  if (signal === undefined) return value;
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
