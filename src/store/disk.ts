// The disk as the store sees it: the few operations that durability needs, and no other module here touches node:fs.
//
// Deliberately dumb: no retries, no buffering and no policy, so that a simulated disk can stand in for it. Errors are
// Node's own, with their `code`.
//
// Invariant: every file is 0600 and every directory 0700 whatever the umask, and no file is opened through a link.

import fs from "node:fs";
import fsp from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../base/error-code.ts";

/** An open file. One writer at a time; offsets are bytes from the start of the file. */
export interface DiskFile {
  /** Writes all of `bytes` at `position`; a short write goes on until all is written or the disk says why not. */
  writeAll(bytes: Uint8Array, position: number): Promise<void>;
  /** Fills `into` from `position`; gives fewer bytes only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  truncate(bytes: number): Promise<void>;
  /** fdatasync: the bytes and the length are on the medium. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** `create` fails when the name exists; `write` makes the file when there is none. */
export type OpenMode = "read" | "write" | "create";

export interface DiskStat {
  readonly kind: "file" | "directory" | "link" | "socket" | "other";
  readonly bytes: number;
  /** The permission bits, with the sticky bit. */
  readonly mode: number;
  readonly uid: number;
  /** Which file or directory it is, whatever its name: a copy is another one. */
  readonly device: number;
  readonly inode: number;
  /** When content, mode or owner changed last, in milliseconds of the epoch; a disk need not tell it. */
  readonly changedMs?: number;
  /** How many names the file has; a disk need not tell it. */
  readonly names?: number;
}

export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** The whole file; for small files and for checkpoints. */
  readFile(path: string): Promise<Buffer>;
  /** Of the name itself, not of what a link points to; undefined where there is nothing. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** Names in the directory, without order. */
  list(path: string): Promise<string[]>;
  /** Makes the directory and those above it that are missing, each 0700, and their names are on the medium then. */
  makeDirectory(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for the file; fails when the name exists. */
  link(existing: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Fails when there is anything in it. */
  removeDirectory(path: string): Promise<void>;
  readLink(path: string): Promise<string>;
  /** Holds the directory open, so that it can be named by its descriptor. */
  openDirectory(path: string): Promise<{ readonly fd: number; close(): Promise<void> }>;
  /** fsync of the directory: names made, renamed and removed before are on the medium. */
  syncDirectory(path: string): Promise<void>;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants;

const FLAGS: Record<OpenMode, number> = {
  // A FIFO would hold whoever opens it, for ever; of a file nothing is changed by it.
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  write: O_RDWR | O_CREAT | O_NOFOLLOW,
  create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
};

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export const nodeDisk: Disk = {
  open: openNodeFile,
  readFile: readWholeFile,
  stat: statName,
  list: (path) => fsp.readdir(path),
  makeDirectory,
  chmod: (path, mode) => fsp.chmod(path, mode),
  rename: (from, to) => fsp.rename(from, to),
  link: (existing, path) => fsp.link(existing, path),
  unlink: (path) => fsp.unlink(path),
  removeDirectory: (path) => fsp.rmdir(path),
  readLink: (path) => fsp.readlink(path),
  openDirectory: (path) => fsp.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
  async syncDirectory(path) {
    const handle = await fsp.open(path, O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

const OUT_OF_HANDLES = new Set(["EMFILE", "ENFILE"]);
const MAY_PASS = new Set(["ENOSPC", "EDQUOT", ...OUT_OF_HANDLES]);

/** No room on the disk, or for one more open file: the store holds what it has and tries again. Else it is final. */
export function mayPass(error: unknown): boolean {
  return MAY_PASS.has(errorCode(error) ?? "");
}

/** No room for one more open file: only an opening can say so. */
export function isOutOfHandles(error: unknown): boolean {
  return OUT_OF_HANDLES.has(errorCode(error) ?? "");
}

async function openNodeFile(path: string, mode: OpenMode): Promise<DiskFile> {
  const fd = await new Promise<number>((resolve, reject) => {
    fs.open(path, FLAGS[mode], FILE_MODE, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  const named = <R>(work: Promise<R>): Promise<R> =>
    work.catch((error: unknown) => Promise.reject(withPath(error, path)));
  try {
    await named(refuseIrregular(fd));
    // The umask may have taken bits away, and an old file may have more than it should.
    if (mode !== "read") await named(settle((done) => fs.fchmod(fd, FILE_MODE, done)));
  } catch (error) {
    await settle((done) => fs.close(fd, done));
    throw error;
  }
  return {
    writeAll: (bytes, position) => named(writeAll(fd, bytes, position)),
    read: (into, position) => named(readFully(fd, into, position)),
    truncate: (bytes) => named(settle((done) => fs.ftruncate(fd, bytes, done))),
    datasync: () => named(settle((done) => fs.fdatasync(fd, done))),
    close: () => settle((done) => fs.close(fd, done)),
  };
}

/** Node names the file only where its name was used, and who reads the message has to know which one it is. */
function withPath(error: unknown, path: string): unknown {
  if (error instanceof Error && !error.message.includes(path)) error.message += ` '${path}'`;
  return error;
}

async function refuseIrregular(fd: number): Promise<void> {
  const stats = await new Promise<fs.Stats>((resolve, reject) => {
    fs.fstat(fd, (error, found) => (error ? reject(error) : resolve(found)));
  });
  if (!stats.isFile()) throw Object.assign(new Error("EISDIR: not a regular file, open"), { code: "EISDIR" });
}

/** Node may write short without an error when the disk fills up: only the next write says ENOSPC. */
function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let written = 0;
    const next = (): void => {
      fs.write(fd, bytes, written, bytes.length - written, position + written, (error, count) => {
        if (error) return reject(error);
        written += count;
        if (written === bytes.length) return resolve();
        next();
      });
    };
    next();
  });
}

async function readFully(fd: number, into: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await new Promise<number>((resolve, reject) => {
      fs.read(fd, into, filled, into.length - filled, position + filled, (error, bytesRead) => {
        if (error) reject(error);
        else resolve(bytesRead);
      });
    });
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

async function readWholeFile(path: string): Promise<Buffer> {
  const handle = await fsp.open(path, FLAGS.read);
  try {
    await refuseIrregular(handle.fd);
    return await handle.readFile();
  } catch (error) {
    throw withPath(error, path);
  } finally {
    await handle.close();
  }
}

async function statName(path: string): Promise<DiskStat | undefined> {
  let stats: fs.Stats;
  try {
    stats = await fsp.lstat(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const { size: bytes, mode, uid, dev: device, ino: inode, ctimeMs: changedMs, nlink: names } = stats;
  return { kind: kindOf(stats), bytes, mode: mode & 0o7777, uid, device, inode, changedMs, names };
}

function kindOf(stats: fs.Stats): DiskStat["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "link";
  return stats.isSocket() ? "socket" : "other";
}

/** One by one: under a umask that takes the owner's own bits away nothing could be made in the one before. */
async function makeDirectory(path: string): Promise<void> {
  const missing = [path];
  for (let at = dirname(path); (await statName(at)) === undefined; at = dirname(at)) missing.unshift(at);
  for (const directory of missing) {
    try {
      // Not `recursive`, which says of a file system that is read-only that there is no such directory.
      await fsp.mkdir(directory, { mode: DIRECTORY_MODE });
      await fsp.chmod(directory, DIRECTORY_MODE);
      await syncNameOf(directory);
    } catch (error) {
      // One that is there meanwhile keeps its mode.
      if (errorCode(error) !== "EEXIST" || (await statName(directory))?.kind !== "directory") throw error;
    }
  }
}

function settle(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
}

/** Of a new directory. Above it may be one of somebody else's that is not this user's to read, and so to sync. */
async function syncNameOf(directory: string): Promise<void> {
  try {
    await nodeDisk.syncDirectory(dirname(directory));
  } catch (error) {
    if (errorCode(error) !== "EACCES") throw error;
  }
}
