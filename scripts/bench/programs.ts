// Programs that a bench starts beside the daemon, and the directories that it makes.
// Each is a process of its own, so that what loads the daemon is not measured with it.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const BLAST = fileURLToPath(new URL("./blast-app-server.mjs", import.meta.url));

/** Flags that give a daemon the synthetic child. */
export const BLAST_FLAGS = ["--server-command", process.execPath, "--server-arg", BLAST] as const;

export interface Program {
  readonly process: ChildProcess;
  /** The next line of its standard output. @throws (rejects) when it ends without one. */
  line(): Promise<string>;
}

/** Starts one of the programs beside this file. */
export function startProgram(name: string, args: readonly string[], input = ""): Program {
  const file = fileURLToPath(new URL(`./${name}`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(input);
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
      if (line === undefined) throw new Error(`${name} ended without an answer`);
      return line;
    },
  };
}

export async function withTempDir<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(path.join(tmpdir(), "codexd-bench-"));
  try {
    return await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
