// Who else has a thread loaded: Codex says "already has an active writer" and not which process that is.
//
// Deliberately only told, never ended: it may be a person's own Codex. Linux only, out of /proc; elsewhere nobody is
// found. Invariants: codexd's own child is never named; a process is named as the holder because it has a file of that
// thread open, or because it is the only Codex on the same home.

import { readlink, realpath } from "node:fs/promises";
import path from "node:path";

import { isoTime } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { ThreadHolder } from "../core/processes.ts";
import { listProcDirectory, readProcFile } from "./proc-files.ts";
import { systemProcesses, type ProcessTree } from "./process-tree.ts";

export interface ThreadHolderOptions {
  /** Of codexd's own child; null where it is not known. */
  readonly codexHome: string | null;
  /** codexd's own child. */
  readonly ownPid: number | null;
  /** Where the process file system is. */
  readonly root?: string;
  readonly processes?: Pick<ProcessTree, "identify" | "describe">;
  readonly filesMax?: number;
}

/** Ticks in a second, on every Linux that Node runs on (proc(5): they do not depend on the kernel's own clock). */
const TICKS_PER_SECOND = 100;

/** Null where it cannot be told. Reads which files every process has open, `LIMITS.holderFilesMax` at most. */
export async function findThreadHolder(threadId: string, options: ThreadHolderOptions): Promise<ThreadHolder | null> {
  const { codexHome, ownPid, root = "/proc", processes = systemProcesses, filesMax = LIMITS.holderFilesMax } = options;
  if (codexHome === null) return null;
  const home = await targetOf(codexHome);
  const own = new Set([ownPid, process.pid]);
  const names = (await listProcDirectory(root)).filter((name) => /^\d+$/.test(name));
  const pids = names.map(Number).filter((pid) => !own.has(pid));
  const pid = await withFileOpen(pids, { root, home, threadId, filesMax }) ?? await onlyCodex(pids, root, home);
  const identity = pid === null ? undefined : processes.identify(pid);
  if (identity === undefined) return null;
  const startedAt = await startOf(identity.startTime, root);
  return { pid: identity.pid, command: processes.describe(identity), startedAt };
}

interface Search {
  readonly root: string;
  readonly home: string;
  readonly threadId: string;
  readonly filesMax: number;
}

/** By the thread's lock (0.169) or by its history, which its writer keeps open. */
async function withFileOpen(pids: readonly number[], search: Search): Promise<number | null> {
  const lock = path.join(search.home, "thread-writer-locks", `${search.threadId}.lock`);
  const history = `-${search.threadId}.jsonl`;
  let left = search.filesMax;
  for (const pid of pids) {
    const directory = path.join(search.root, String(pid), "fd");
    for (const name of await listProcDirectory(directory)) {
      if (left === 0) return null;
      left -= 1;
      const file = await readlink(path.join(directory, name)).catch(() => "");
      if (file === lock || (file.startsWith(search.home + path.sep) && file.endsWith(history))) return pid;
    }
  }
  return null;
}

/** With two of them there is no telling which it is. */
async function onlyCodex(pids: readonly number[], root: string, home: string): Promise<number | null> {
  const found: number[] = [];
  for (const pid of pids) {
    const [program = "", command = ""] = (await readProcFile(path.join(root, String(pid), "cmdline"))).split("\0");
    if (path.basename(program) !== "codex" || !SUBCOMMANDS.has(command)) continue;
    const at = homeOf(await readProcFile(path.join(root, String(pid), "environ")));
    if (at !== null && await targetOf(at) === home) found.push(pid);
  }
  const [only, another] = found;
  return another === undefined ? only ?? null : null;
}

const SUBCOMMANDS: ReadonlySet<string> = new Set(["app-server", "exec"]);

function homeOf(environment: string): string | null {
  const valueOf = (name: string): string | undefined =>
    environment.split("\0").find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  const userHome = valueOf("HOME");
  return valueOf("CODEX_HOME") ?? (userHome === undefined ? null : path.join(userHome, ".codex"));
}

/** Where a link leads; as it is where that cannot be told. */
function targetOf(directory: string): Promise<string> {
  return realpath(directory).catch(() => directory);
}

async function startOf(ticks: number, root: string): Promise<string | null> {
  const bootSeconds = /^btime (\d+)$/m.exec(await readProcFile(path.join(root, "stat")))?.[1];
  if (bootSeconds === undefined) return null;
  return isoTime((Number(bootSeconds) + ticks / TICKS_PER_SECOND) * 1000);
}
