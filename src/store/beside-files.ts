// Files beside the lines of the journal: what is too large for a line that names it, below the logs directory.
//
// Deliberately without a table of its own: a file is known by its name alone, which its line, or the record that the
// line changes, tells. Which are too many is found at start, by who knows the lines and the records.
//
// Invariants: a file is whole and on the medium before the line that names it is written; it goes when the line that
// gives it up is on the medium, so that no crash and no loss of power leaves a line without its file.

import path from "node:path";

import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";
import { errorCode, type Disk } from "./disk.ts";
import { openPrivateDirectory } from "./private-directory.ts";
import { removeTemporaryFiles, replaceFile } from "./replace-file.ts";

/** A file that belongs to a line which waits to be written. */
export interface BesideFile {
  /** Relative to the logs directory: a folder and a name of codexd's own. */
  readonly name: string;
  /** All of it; null where the file is to go once the line is written. */
  readonly bytes: Buffer | null;
  /** It is there, for this line; `begun`: it may be. */
  state: "waits" | "begun" | "written";
  /** An earlier line has a file of this name, which its record goes on to need where this line is refused. */
  replaces?: boolean;
}

/** A line that waits, as far as it concerns its files. */
interface Claimed {
  readonly files?: readonly BesideFile[];
}

export interface BesideFiles {
  /** Files of a line that begins to wait: `read` finds them from now on. */
  announce(files: readonly BesideFile[]): void;
  /**
   * Writes what is not written yet for these lines. @throws (rejects) what the disk throws; the file at which it
   * stopped is as it was, and a second call goes on there.
   */
  write(claims: ReadonlyArray<{ readonly claim: Claimed }>): Promise<void>;
  /** The lines are written: the files that they give up are to go, but not before `durable` says so. */
  published(claims: ReadonlyArray<{ readonly seq: number; readonly claim: Claimed }>): void;
  /** Lines up to `seq` are on the medium: the files that they give up are removed, sooner or later. */
  durable(seq: number): void;
  /** The lines were refused: what was written for them is removed, sooner or later. */
  refused(claims: readonly Claimed[]): void;
  /** All of it, also of one that waits with its line; null where there is none that can be read. */
  read(name: string): Promise<Buffer | null>;
  /** Removes what writers that died have left in a folder; only while nothing is written. */
  removeUnfinished(folder: string): Promise<void>;
  /** The names in a folder, of whatever they are; none where there is no such folder. Thousands cost no more. */
  names(folder: string): Promise<readonly string[]>;
  /** The files in a folder, with their bytes; none where there is no such folder. */
  list(folder: string): Promise<Array<{ readonly name: string; readonly bytes: number }>>;
  /** One that is not there is no error. @throws (rejects) what the disk throws. */
  remove(name: string): Promise<void>;
  /** Resolves when nothing is left to be removed. */
  settled(): Promise<void>;
}

export function createBesideFiles(disk: Disk, directory: string, log: Logger): BesideFiles {
  const folders = new Set<string>();
  const waiting = new Set<BesideFile>();
  /** Names that are to go, each with the seq of the line that gives it up; in the order of the seqs. */
  const givenUp = new Map<string, number>();
  /** One after another, so that a name that is written anew is not taken away behind that. */
  let work: Promise<void> = Promise.resolve();

  const inTurn = (next: () => Promise<void>): Promise<void> => {
    const done = work.then(next);
    work = done.catch(() => {
      // Whoever asked for it has its error.
    });
    return done;
  };

  const isDirectory = async (where: string): Promise<boolean> => (await disk.stat(where))?.kind === "directory";

  const openFolder = async (folder: string): Promise<void> => {
    if (folders.has(folder)) return;
    if ((await disk.stat(folder)) === undefined) {
      // Not left to what follows: its error has no code by which a full disk is known.
      await disk.makeDirectory(folder);
      await disk.syncDirectory(path.dirname(folder));
    }
    await openPrivateDirectory(disk, folder);
    folders.add(folder);
  };

  const put = async (name: string, bytes: Buffer): Promise<void> => {
    const file = path.join(directory, name);
    const folder = path.dirname(file);
    const known = folders.has(folder);
    await openFolder(folder);
    try {
      await replaceFile(disk, file, [bytes]);
    } catch (error) {
      // Its folder may have been taken away since it was opened.
      folders.delete(folder);
      if (!known || errorCode(error) !== "ENOENT") throw error;
      await put(name, bytes);
    }
  };

  const remove = async (name: string): Promise<void> => {
    try {
      await disk.unlink(path.join(directory, name));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
  };

  const removeSoon = (file: string): void => {
    inTurn(() => remove(file)).catch((error: unknown) => {
      log.warn("a file that nothing names any more stays until the next start", { file, error: errorMessage(error) });
    });
  };

  return {
    write(claims) {
      const files = claims.flatMap(({ claim }) => claim.files ?? []);
      // At once: from now on the name is not to go for a line that was there before.
      for (const { name, bytes } of files) if (bytes !== null) givenUp.delete(name);
      return inTurn(async () => {
        for (const file of files) {
          if (file.state === "written" || file.bytes === null) continue;
          // By the disk: what memory says of the record that it replaces may be undone with the line.
          file.replaces ??= (await disk.stat(path.join(directory, file.name))) !== undefined;
          file.state = "begun";
          await put(file.name, file.bytes);
          file.state = "written";
        }
      });
    },
    announce(files) {
      for (const file of files) if (file.bytes !== null) waiting.add(file);
    },
    published(claims) {
      for (const { seq, claim } of claims) {
        if (claim.files === undefined) continue;
        for (const file of claim.files) {
          waiting.delete(file);
          // One that a later line has written anew stays.
          givenUp.delete(file.name);
          if (file.bytes === null) givenUp.set(file.name, seq);
        }
      }
    },
    durable(seq) {
      for (const [name, lineSeq] of givenUp) {
        if (lineSeq > seq) break;
        givenUp.delete(name);
        removeSoon(name);
      }
    },
    refused(claims) {
      for (const file of claims.flatMap(({ files = [] }) => files)) {
        waiting.delete(file);
        if (file.state !== "waits" && file.replaces !== true) removeSoon(file.name);
      }
    },
    async read(name) {
      const newest = [...waiting].findLast((file) => file.name === name);
      if (newest !== undefined) return newest.bytes;
      try {
        return await disk.readFile(path.join(directory, name));
      } catch (error) {
        if (errorCode(error) !== undefined) return null;
        throw error;
      }
    },
    async removeUnfinished(folder) {
      const where = path.join(directory, folder);
      if (await isDirectory(where)) await removeTemporaryFiles(disk, where);
    },
    async names(folder) {
      const where = path.join(directory, folder);
      return (await isDirectory(where)) ? disk.list(where) : [];
    },
    async list(folder) {
      const where = path.join(directory, folder);
      if (!(await isDirectory(where))) return [];
      const found = [];
      for (const name of await disk.list(where)) {
        const stat = await disk.stat(path.join(where, name));
        if (stat?.kind === "file") found.push({ name, bytes: stat.bytes });
      }
      return found;
    },
    remove,
    settled: () => work,
  };
}

/** Bytes that wait with the line. */
export function besideBytes(files: readonly BesideFile[]): number {
  return files.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
}
