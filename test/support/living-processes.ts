// Which processes live now, by what they were started with: read from /proc, for tests and soaks.
//
// Deliberately without codexd's own reading of /proc (src/child/process-tree.ts): it would agree with itself on a
// mistake. Linux alone; elsewhere nobody is found. Invariant: nothing here waits for a process to go: what lives when
// it is looked at has survived.

import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface LivingProcess {
  readonly pid: number;
  readonly command: string;
  /** It and all above it, as they were in the same look. */
  readonly line: readonly number[];
}

/** What a process is known by; one of all is enough. */
export interface Traits {
  /** In the environment that it was started with: `NAME=value`. */
  readonly marks: readonly string[];
  /** In its command line, where nothing else may have them: they find also what has been given another environment. */
  readonly words: readonly string[];
}

/** Who lives now and has one of the traits. A zombie does not live. */
export function findLiving({ marks, words }: Traits): LivingProcess[] {
  if (!existsSync("/proc/self/environ")) return [];
  const parents = new Map<number, number>();
  const found: Array<Omit<LivingProcess, "line">> = [];
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    // Both are empty for a zombie.
    const command = readProcess(name, "cmdline").split("\0").join(" ").trim();
    const variables = readProcess(name, "environ").split("\0");
    parents.set(Number(name), Number(/^PPid:\s*(\d+)$/m.exec(readProcess(name, "status"))?.[1] ?? 0));
    const isOne = words.some((word) => command.includes(word)) || marks.some((mark) => variables.includes(mark));
    if (isOne) found.push({ pid: Number(name), command: command.slice(0, 120) });
  }
  return found.map((process) => ({ ...process, line: lineOf(process.pid, parents) }));
}

function lineOf(pid: number, parents: ReadonlyMap<number, number>): number[] {
  const line: number[] = [];
  for (let at = pid; at > 0; at = parents.get(at) ?? 0) line.push(at);
  return line;
}

/** A problem for each that lives and is not spared. */
export function survivors(traits: Traits, isSpared: (process: LivingProcess) => boolean = () => false): string[] {
  const found = findLiving(traits).filter((process) => !isSpared(process));
  return found.map(({ line, command }) => `process ${line.join(" below ")} lives: ${command}`);
}

function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It has gone meanwhile, or is another user's.
    return "";
  }
}
