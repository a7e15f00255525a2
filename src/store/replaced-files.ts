// What stood in a file beside the lines before a later line has written it anew: kept under a second name, beside it,
// until that line is on the medium.
//
// Knows names and seqs, not what the files hold. Deliberately nothing for what is new, which nearly all files are.
//
// Invariant: whichever line is lost or refused, the line before it has the file that it names as it was.

import path from "node:path";

import { errorCode } from "../base/error-code.ts";
import type { Disk } from "./disk.ts";

const SEQ_DIGITS = 16;
const KEPT = /^(.+)\.(\d{16})\.old$/;

/** Where the file lies that line `seq` replaces. */
export function keptNameOf(name: string, seq: number): string {
  return `${name}.${String(seq).padStart(SEQ_DIGITS, "0")}.old`;
}

/** Gives it the second name, for good, before the first one stands for anything else. */
export async function keepFile(disk: Disk, file: string, kept: string): Promise<void> {
  try {
    await disk.link(file, kept);
  } catch (error) {
    // A second try of the same line, whose first one has not come to its end.
    if (errorCode(error) !== "EEXIST") throw error;
  }
  await disk.syncDirectory(path.dirname(file));
}

/** The file is what it was, for good, and the second name is gone. One that was never kept was never replaced. */
export async function restoreFile(disk: Disk, kept: string, file: string): Promise<void> {
  const [was, is] = [await disk.stat(kept), await disk.stat(file)];
  if (was !== undefined && (was.inode !== is?.inode || was.device !== is.device)) await disk.rename(kept, file);
  // Of two names for one file a rename changes nothing, and a disk that is full may not even take it.
  else await unlinkIfThere(disk, kept);
  await disk.syncDirectory(path.dirname(file));
}

/**
 * Brings a folder back to what the lines up to `headSeq` name: to be called at the start, with the names that it has.
 * Gives those that are left.
 */
export async function restoreLost(
  disk: Disk, folder: string, names: readonly string[], headSeq: number,
): Promise<readonly string[]> {
  const left = new Set(names);
  // The newest first, each for good: what the oldest of the lost lines has replaced is what stays.
  for (const kept of names.filter((name) => KEPT.test(name)).sort().reverse()) {
    const [, name = "", seq] = KEPT.exec(kept) ?? [];
    if (Number(seq) <= headSeq) await unlinkIfThere(disk, path.join(folder, kept));
    else {
      await restoreFile(disk, path.join(folder, kept), path.join(folder, name));
      left.add(name);
    }
    left.delete(kept);
  }
  return [...left];
}

export async function unlinkIfThere(disk: Disk, file: string): Promise<void> {
  try {
    await disk.unlink(file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
