// Whether the journal's files are still those that codexd has written: somebody may take one away while it runs.
//
// A look at names and lengths and at two bytes, cheap enough to be taken every second. Deliberately not a search for
// damaged lines: that is recovery's.
//
// Invariant: it only looks; what a loss means is decided by whoever asked.

import path from "node:path";

import { errorCode } from "../base/error-code.ts";
import type { Disk, DiskFile } from "./disk.ts";
import type { Segment } from "./segment.ts";

/** `cut` is a file that has become shorter, also when it has grown again since. */
export type Loss = "removed" | "replaced" | "cut";

export interface LostSegment {
  readonly segment: Segment;
  readonly loss: Loss;
}

/** The active segment's file as it was opened, and as it was last found. */
export interface OpenSegment {
  readonly file: DiskFile;
  readonly device: number;
  readonly inode: number;
  /** So many bytes were whole lines at the last look. */
  provenBytes: number;
}

/** Those that are no longer in the directory; all of them when the directory is gone. */
export async function removedOf(disk: Disk, directory: string, closed: readonly Segment[]): Promise<LostSegment[]> {
  const names = new Set(await namesIn(disk, directory));
  const removed = closed.filter((segment) => !names.has(path.basename(segment.path)));
  return removed.map((segment) => ({ segment, loss: "removed" }));
}

/** What has become of the active segment's file; null when it is where and what it was. */
export async function lossOf(disk: Disk, { path: file, bytes }: Segment, open: OpenSegment): Promise<Loss | null> {
  const found = await disk.stat(file);
  if (found === undefined) return "removed";
  if (found.device !== open.device || found.inode !== open.inode) return "replaced";
  if (found.bytes < bytes) return "cut";
  // Writing goes on where it was: a file that was cut has a hole in front of what came after.
  const { provenBytes } = open;
  // Where nothing was written since the last look, its length has said enough.
  if (provenBytes > 0 && provenBytes !== bytes) {
    const stands = (await has(open.file, 0, "{")) && (await has(open.file, provenBytes - 1, "\n"));
    if (!stands) return "cut";
  }
  open.provenBytes = bytes;
  return null;
}

async function has(file: DiskFile, position: number, character: string): Promise<boolean> {
  const byte = Buffer.alloc(1);
  await file.read(byte, position);
  return byte.toString("latin1") === character;
}

async function namesIn(disk: Disk, directory: string): Promise<readonly string[]> {
  try {
    return await disk.list(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
