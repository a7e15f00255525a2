// A mount namespace of its own: file systems that a test may fill, break and make read-only, and nobody else sees.
//
// Works for root, and for others where user namespaces are allowed to mount (`unshare -r`); elsewhere it says why not.
//
// Invariant: the mounts are the kernel's to remove: they end with the last process in the namespace, and the one that
// holds it ends with the test's own process, by the end of its stdin.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import path from "node:path";

export interface MountSpace {
  /** Before the words of a command that is to run inside; the process keeps its pid. */
  readonly within: readonly string[];
  /** How a file inside is reached from outside. */
  outside(file: string): string;
  /** Runs a command inside to its end. @throws when it fails, with what it said. */
  run(command: string, ...args: string[]): string;
  /** Mounts an empty file system of so much room, closed to others, on a new directory. */
  mountSmall(directory: string, size: string): void;
  /** Ends the holder; the mounts go with it when all that runs inside has ended. */
  close(): Promise<void>;
}

/** Why this process may not mount; null when it may. */
export function whyNoMounts(): string | null {
  const { error, status, stderr } = spawnSync("unshare", [...ENTER, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
  if (error !== undefined) return `there is no unshare (${error.message})`;
  return status === 0 ? null : `mounting is not allowed here (${stderr.toString("utf8").trim()})`;
}

/** Why no file system can be mounted that lies in a file; null when one can. */
export function whyNoLoops(): string | null {
  if (!IS_ROOT) return "only root may mount a file";
  if (!existsSync("/dev/loop-control")) return "there are no loop devices";
  const { error } = spawnSync("mkfs.ext4", ["-V"]);
  return error === undefined ? null : `there is no mkfs.ext4 (${error.message})`;
}

/** To be closed behind the daemons in it. */
export async function openMountSpace(): Promise<MountSpace> {
  const words = [...ENTER, "sh", "-c", "echo ready; exec cat"];
  const holder = spawn("unshare", words, { stdio: ["pipe", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  holder.stdout.destroy();
  // A test that fails before it closes the space is not held up by it.
  holder.unref();
  (holder.stdin as Socket).unref();
  const into = IS_ROOT ? ["-m"] : ["-U", "-m", "--preserve-credentials"];
  const within = ["nsenter", "-t", String(holder.pid), ...into, "--"];
  const run = (command: string, ...args: string[]): string => {
    const [entry = "", ...words] = [...within, command, ...args];
    const { error, status, stdout, stderr } = spawnSync(entry, words, { encoding: "utf8" });
    if (error === undefined && status === 0) return stdout;
    throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  };
  return {
    within, run,
    outside: (file) => path.join("/proc", String(holder.pid), "root", file),
    mountSmall(directory, size) {
      mkdirSync(directory, { recursive: true });
      run("mount", "-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", directory);
    },
    close: () => end(holder),
  };
}

const IS_ROOT = process.getuid?.() === 0;
/** Nothing that is mounted inside is seen outside; other users become root of a namespace first. */
const ENTER = [...(IS_ROOT ? [] : ["-r"]), "-m", "--propagation", "private"];

async function end(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return;
  const gone = once(holder, "exit");
  holder.stdin?.end();
  await gone;
}
