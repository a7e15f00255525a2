// A directory as a list of lines, one a name below it, to see whether anything in it has changed.
//
// With what each name is, its mode, times, inode and content; not when it was read last, which reading changes.

import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";

/** Sorted by name, the directory itself first; empty where there is no directory. */
export function treeOf(directory: string): string[] {
  if (!existsSync(directory) || !lstatSync(directory).isDirectory()) return [];
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  return ["", ...names].map((name) => {
    const file = path.join(directory, name);
    const stats = lstatSync(file);
    const content = stats.isFile() ? readFileSync(file) : stats.isSymbolicLink() ? readlinkSync(file) : "";
    const digest = createHash("sha256").update(content).digest("hex");
    return [file, stats.mode, stats.mtimeMs, stats.ctimeMs, stats.ino, stats.size, digest].join(" ");
  });
}
