// Ends what codexd has started in this very moment, without order: for a program that must be gone at once.
//
// Synchronous, because nothing runs after it. Deliberately not a sweep: what has lost its parent before is found by its
// mark at the next start. Linux only, as process-tree.ts is; elsewhere nothing is found.
//
// Invariant: only what this process has started as a child or run of codexd's, and what is below that; an embedding
// program's other children live.

import path from "node:path";
import { pidsIn, read, systemProcesses, type ProcessEntry, type ProcessTree } from "./process-tree.ts";

/** Every child of codexd's has one of them, of its own value. */
const MARKS = ["BAA_CODEXD_DAEMON_ID", "BAA_CODEXD_RUN_ID"] as const;

/** What is being started while it is looked for is there at the next look. */
const LOOKS = 3;

export interface KillChildrenOptions {
  readonly processes?: Pick<ProcessTree, "identify" | "signal">;
  readonly ownPid?: number;
  /** Where the process file system is. */
  readonly root?: string;
  /** Of this process: a mark that it bears itself tells nothing of its children. */
  readonly env?: NodeJS.ProcessEnv;
}

/** SIGKILL for each of them and all below; gives the pids, lowest first. Takes some 50 µs a process of the machine. */
export function killChildren(options: KillChildrenOptions = {}): number[] {
  const { processes = systemProcesses, root = "/proc" } = options;
  const killed = new Set<number>();
  for (let look = 0; look < LOOKS; look += 1) {
    const found = findChildren(options, pidsIn(root).map((pid) => processes.identify(pid)));
    const alive = found.filter((entry) => processes.signal(entry, "SIGKILL"));
    for (const { pid } of alive) killed.add(pid);
    if (alive.length === 0) break;
  }
  return [...killed].sort((a, b) => a - b);
}

function findChildren(
  { ownPid = process.pid, root = "/proc", env = process.env }: KillChildrenOptions,
  all: ReadonlyArray<ProcessEntry | undefined>,
): ProcessEntry[] {
  const living = all.filter((entry) => entry !== undefined);
  const own = MARKS.map((name) => `${name}=${env[name] ?? ""}`);
  const isMarked = (pid: number): boolean => {
    const variables = read(path.join(root, String(pid), "environ")).split("\0");
    return variables.some((one) => MARKS.some((name) => one.startsWith(`${name}=`)) && !own.includes(one));
  };
  const found = living.filter(({ pid, parentPid }) => parentPid === ownPid && isMarked(pid));
  const pids = new Set(found.map(({ pid }) => pid));
  // Children have greater numbers than their parents only until the numbers wrap: so until nothing is added.
  for (let before = -1; before < found.length; ) {
    before = found.length;
    for (const entry of living) {
      if (!pids.has(entry.parentPid) || pids.has(entry.pid)) continue;
      pids.add(entry.pid);
      found.push(entry);
    }
  }
  return found;
}
