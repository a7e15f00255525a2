// Files beside the lines of the journal: what is too large for a line that names it, below the logs directory.
//
// Deliberately without a table of its own: a file is known by its name alone, which its line, or the record that the
// line changes, tells. Which are too many is found at start, by who knows the lines and the records.
//
// Invariants: a file is whole and on the medium before the line that names it is written; it goes, or what it held
// before does, when the line that gives that up is on the medium: no crash and no loss of power leaves a line without
// its file, or with that of a line which is lost.

import path from "node:path";

import { errorCode } from "../base/error-code.ts";
import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";
import type { Disk } from "./disk.ts";
import { openPrivateDirectory } from "./private-directory.ts";
import { removeTemporaryFiles, replaceFile } from "./replace-file.ts";
import { keepFile, keptNameOf, restoreFile, restoreLost, unlinkIfThere } from "./replaced-files.ts";

/** A file that belongs to a line which waits to be written. */
export interface BesideFile {
  /** Relative to the logs directory: a folder and a name of codexd's own. */
  readonly name: string;
  /** All of it; null where the file is to go once the line is written. */
  readonly bytes: Buffer | null;
  /** It is there, for this line; `begun`: it may be. */
  state: "waits" | "begun" | "written";
  /** Where the file of this name lies that an earlier line has; null for none. Unknown as long as this one waits. */
  kept?: string | null;
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
  write(claims: ReadonlyArray<{ readonly seq: number; readonly claim: Claimed }>): Promise<void>;
  /** The lines are written: the files that they give up are to go, but not before `durable` says so. */
  published(claims: ReadonlyArray<{ readonly seq: number; readonly claim: Claimed }>): void;
  /** Lines up to `seq` are on the medium: the files that they give up are removed, sooner or later. */
  durable(seq: number): void;
  /**
   * The lines were refused: what was written for them goes, sooner or later, and what they had replaced is back when
   * this resolves. @throws (rejects) what the disk throws; a second call goes on there.
   */
  refused(claims: readonly Claimed[]): Promise<void>;
  /** All of it, also of one that waits with its line; null where there is none that can be read. */
  read(name: string): Promise<Buffer | null>;
  /** Removes what writers that died have left in a folder; only while nothing is written. */
  removeUnfinished(folder: string): Promise<void>;
  /** The names in a folder, of whatever they are; none where there is no such folder. Thousands cost no more. */
  names(folder: string): Promise<readonly string[]>;
  /** The same, once all is back that lines above `headSeq` have replaced; only while nothing is written. */
  restoredNames(folder: string, headSeq: number): Promise<readonly string[]>;
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

  const remove = (name: string): Promise<void> => unlinkIfThere(disk, path.join(directory, name));

  const names = async (folder: string): Promise<readonly string[]> => {
    const where = path.join(directory, folder);
    return (await isDirectory(where)) ? disk.list(where) : [];
  };

  const restore = (kept: string, name: string): Promise<void> =>
    restoreFile(disk, path.join(directory, kept), path.join(directory, name));

  const writeOnce = async (seq: number, file: BesideFile): Promise<void> => {
    const { name, bytes } = file;
    if (file.state === "written" || bytes === null) return;
    // By the disk: what memory says of the record that it replaces may be undone with the line.
    if (file.kept === undefined) {
      const isThere = (await disk.stat(path.join(directory, name))) !== undefined;
      file.kept = isThere ? keptNameOf(name, seq) : null;
    }
    file.state = "begun";
    if (file.kept !== null) await keepFile(disk, path.join(directory, name), path.join(directory, file.kept));
    await put(name, bytes);
    file.state = "written";
  };

  const removeSoon = (file: string): void => {
    inTurn(() => remove(file)).catch((error: unknown) => {
      log.warn("a file that nothing names any more stays until the next start", { file, error: errorMessage(error) });
    });
  };

  return {
    write(claims) {
      // At once: from now on the name is not to go for a line that was there before.
      for (const { name, bytes } of claims.flatMap(({ claim }) => claim.files ?? [])) {
        if (bytes !== null) givenUp.delete(name);
      }
      return inTurn(async () => {
        for (const { seq, claim } of claims) for (const file of claim.files ?? []) await writeOnce(seq, file);
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
          else if (typeof file.kept === "string") givenUp.set(file.kept, seq);
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
    async refused(claims) {
      const files = claims.flatMap(({ files: some = [] }) => some);
      for (const name of new Set(files.filter(isBegun).map((file) => file.name))) {
        // Lines that stay may have written it too, before or behind: they do so once more, on what was there before.
        const writers = [...new Set([...waiting, ...files])].filter((file) => file.name === name && isBegun(file));
        const [first, ...later] = writers;
        const kept = first?.kept;
        if (typeof kept === "string") await inTurn(() => restore(kept, name));
        else removeSoon(name);
        for (const file of later) if (typeof file.kept === "string") removeSoon(file.kept);
        for (const file of writers) Object.assign(file, { state: "waits", kept: undefined });
      }
      for (const file of files) waiting.delete(file);
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
    names,
    async restoredNames(folder, headSeq) {
      return restoreLost(disk, path.join(directory, folder), await names(folder), headSeq);
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

function isBegun({ bytes, state }: BesideFile): boolean {
  return bytes !== null && state !== "waits";
}

/** Bytes that wait with the line. */
export function besideBytes(files: readonly BesideFile[]): number {
  return files.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
}
