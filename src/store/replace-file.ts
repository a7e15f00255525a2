// Replaces a file as a whole: readers and crashes find the old one or the new one, never a mixture.
//
// Not for two writers of one path at a time: whoever owns the path keeps them apart.
//
// Invariant: a name changes only after what it will stand for is on the medium.

import { randomBytes } from "node:crypto";
import path from "node:path";

import { errorCode } from "../base/error-code.ts";
import type { Disk } from "./disk.ts";

const TEMPORARY = /\.[0-9a-f]{16}\.tmp$/;

/**
 * Writes `parts` one after another to a temporary file in the same directory, syncs it, calls `beforeRename`,
 * renames it and syncs the directory. When anything fails the temporary file is removed and `file` is as it was.
 */
export async function replaceFile(
  disk: Disk,
  file: string,
  parts: Iterable<Uint8Array>,
  beforeRename?: () => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(file);
  await writeNewFile(disk, temporary, parts);
  try {
    await beforeRename?.();
    await disk.rename(temporary, file);
  } catch (error) {
    await removeIfThere(disk, temporary);
    throw error;
  }
  await disk.syncDirectory(path.dirname(file));
}

/**
 * Puts a copy of `file` in its place where it has other names too: a copy of a directory that was made of hard links,
 * as backups are, is not to change with the original, nor the original with a daemon that runs on the copy.
 */
export async function makeOwn(disk: Disk, file: string): Promise<void> {
  const found = await disk.stat(file);
  if (found?.kind === "file" && (found.names ?? 1) > 1) await replaceFile(disk, file, [await disk.readFile(file)]);
}

/** Makes `file` with all of `bytes` in it, or throws `EEXIST` when somebody else has made it. */
export async function createFile(disk: Disk, file: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryName(file);
  await writeNewFile(disk, temporary, [bytes]);
  try {
    await disk.link(temporary, file);
  } finally {
    await removeIfThere(disk, temporary);
  }
  await disk.syncDirectory(path.dirname(file));
}

/** Removes what writers that died have left in `directory`. */
export async function removeTemporaryFiles(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (isTemporary(name)) await removeIfThere(disk, path.join(directory, name));
  }
}

/** Whether a writer under way, or one that died, has made the name. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Renames a damaged file to `<prefix>-<its name>-<n>` beside it; gives the new path. */
export async function setAside(disk: Disk, file: string, prefix = "bad"): Promise<string> {
  const directory = path.dirname(file);
  const aside = await freeName(disk, directory, `${prefix}-${path.basename(file)}`);
  await disk.rename(file, aside);
  await disk.syncDirectory(directory);
  return aside;
}

/** The first of `<stem>-1`, `<stem>-2`, … that is not there yet. */
export async function freeName(disk: Disk, directory: string, stem: string): Promise<string> {
  const taken = new Set(await disk.list(directory));
  let n = 1;
  while (taken.has(`${stem}-${n}`)) n++;
  return path.join(directory, `${stem}-${n}`);
}

async function writeNewFile(disk: Disk, file: string, parts: Iterable<Uint8Array>): Promise<void> {
  const handle = await disk.open(file, "create");
  try {
    let position = 0;
    for (const part of parts) {
      await handle.writeAll(part, position);
      position += part.length;
    }
    await handle.datasync();
  } catch (error) {
    await handle.close();
    await removeIfThere(disk, file);
    throw error;
  }
  await handle.close();
}

async function removeIfThere(disk: Disk, file: string): Promise<void> {
  try {
    await disk.unlink(file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

function temporaryName(file: string): string {
  return `${file}.${randomBytes(8).toString("hex")}.tmp`;
}
