// Programs that a bench starts beside the daemon, and the directories that it makes.
// Each is a process of its own, so that what loads the daemon is not measured with it.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { makeWorkDir } from "../../test/support/codex-install.ts";

export const BLAST = fileURLToPath(new URL("./blast-app-server.mjs", import.meta.url));

/** Flags that give a daemon the synthetic child. */
export const BLAST_FLAGS = ["--server-command", process.execPath, "--server-arg", BLAST] as const;

export interface Program {
  readonly process: ChildProcess;
  /** The next line of its standard output. @throws (rejects) when it ends without one. */
  line(): Promise<string>;
  /** Writes a line to its standard input. */
  say(line: string): void;
  /** Closes its standard input. */
  end(): void;
}

/** Starts one of the programs beside this file; `input` is all of its standard input where it is given. */
export function startProgram(name: string, args: readonly string[], input?: string): Program {
  const program = startCommand(process.execPath, [fileURLToPath(new URL(`./${name}`, import.meta.url)), ...args]);
  if (input !== undefined) program.process.stdin?.end(input);
  return program;
}

export function startCommand(command: string, args: readonly string[]): Program {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  // A program that has ended does not take what it is told: its lines say so.
  child.stdin.on("error", () => undefined);
  const lines: string[] = [];
  let rest = "";
  let ended = false;
  let wake = (): void => undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    wake();
  });
  child.on("close", () => {
    ended = true;
    wake();
  });
  return {
    process: child,
    async line() {
      while (lines.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
      const line = lines.shift();
      if (line === undefined) throw new Error(`${command} ${args[0] ?? ""} ended without an answer`);
      return line;
    },
    say: (line) => void child.stdin.write(`${line}\n`),
    end: () => void child.stdin.end(),
  };
}

export function withTempDir<T>(body: (dir: string) => Promise<T>): Promise<T> {
  return withDir(mkdtempSync(path.join(tmpdir(), "codexd-bench-")), body);
}

/** One outside the system's temporary directory, where the real Codex wants its home. */
export function withWorkDir<T>(body: (dir: string) => Promise<T>): Promise<T> {
  return withDir(makeWorkDir("bench"), body);
}

async function withDir<T>(dir: string, body: (dir: string) => Promise<T>): Promise<T> {
  try {
    return await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
