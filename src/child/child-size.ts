// What a child costs: its resident memory and the processes below it, out of /proc at the moment of asking.
//
// Linux only; elsewhere, and of a child that has gone, nothing is known. Invariants: one question reads the files of
// `LIMITS.childDescendantsMax` processes at most, and lets others run between two of them.

import path from "node:path";

import { LIMITS } from "../core/limits.ts";
import type { ChildSize } from "../core/processes.ts";
import { listProcDirectory, readProcFile } from "./proc-files.ts";
import { COMMAND_MARK } from "./thread-marks.ts";

export interface ChildSizeOptions {
  /** Where the process file system is. */
  readonly root?: string;
  readonly descendantsMax?: number;
}

/** Null where it cannot be told. */
export async function readChildSize(
  pid: number, { root = "/proc", descendantsMax = LIMITS.childDescendantsMax }: ChildSizeOptions = {},
): Promise<ChildSize | null> {
  const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(await readProcFile(path.join(root, String(pid), "status")))?.[1];
  if (rssKib === undefined) return null;
  const found = new Set<number>([pid]);
  let commands = 0;
  // A set gives what is added to it while it is gone through.
  for (const at of found) {
    if (at !== pid && await isCommand(root, at)) commands += 1;
    for (const child of await childrenOf(root, at)) {
      if (found.size <= descendantsMax) found.add(child);
    }
  }
  return { rssBytes: Number(rssKib) * 1024, descendants: found.size - 1, commands };
}

async function isCommand(root: string, pid: number): Promise<boolean> {
  return `\0${await readProcFile(path.join(root, String(pid), "environ"))}`.includes(`\0${COMMAND_MARK}=`);
}

/** A process stands with the thread that has started it. */
async function childrenOf(root: string, pid: number): Promise<number[]> {
  const tasks = path.join(root, String(pid), "task");
  const children: number[] = [];
  for (const task of await listProcDirectory(tasks)) {
    const text = await readProcFile(path.join(tasks, task, "children"));
    children.push(...text.split(" ").filter((word) => /^\d+$/.test(word)).map(Number));
  }
  return children;
}
