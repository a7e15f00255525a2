// A disk that is only looked at: what is read comes from the real one, what would be changed is noted and not done.
//
// Knows just as much of its own changes as the opening of a store asks back: which names are gone, made or closed.
// What is written to a file is not kept. Nothing is synced.
//
// Invariant: no operation that changes anything reaches the real disk, and no name is opened that could block.

import path from "node:path";

import { EXIT, ExitError } from "../core/errors.ts";
import type { Disk, DiskFile, DiskStat } from "./disk.ts";
import { ACTIVE_NAME } from "./segment.ts";

export interface DryDisk extends Disk {
  /** What would have been done, a sentence each, in order. */
  readonly steps: readonly string[];
  /** Files that are there and would not be any more; their steps are among the others. */
  readonly removed: readonly string[];
  /** Lets go of the files that it holds. */
  close(): Promise<void>;
}

const TEMPORARY = /\.tmp$/;

export function createDryDisk(disk: Disk, uid = process.getuid?.() ?? 0): DryDisk {
  const steps: string[] = [];
  const removed: string[] = [];
  const gone = new Set<string>();
  const made = new Map<string, DiskStat>();
  const modes = new Map<string, number>();
  /** Where the content lies of a file that has another name now. */
  const moved = new Map<string, string>();
  const held = new Map<string, DiskFile>();

  const stat = async (name: string): Promise<DiskStat | undefined> => {
    const own = made.get(name);
    if (own !== undefined) return { ...own, mode: modes.get(name) ?? own.mode };
    if (gone.has(name)) return undefined;
    const found = await disk.stat(name);
    // Nothing is written, and so nothing needs a file of its own.
    return found === undefined ? undefined : { ...found, mode: modes.get(name) ?? found.mode, names: 1 };
  };
  const make = (name: string, kind: "file" | "directory"): void => {
    made.set(name, { kind, bytes: 0, mode: kind === "file" ? 0o600 : 0o700, uid, device: 0, inode: 0 });
  };
  const requireThere = async (name: string): Promise<void> => {
    if ((await stat(name)) === undefined) throw systemError("ENOENT", name);
  };
  const remove = (name: string): void => {
    if (!made.delete(name)) gone.add(name);
  };
  const isUnderWay = (name: string): boolean => made.has(name) && TEMPORARY.test(name);

  /** The active segment stays open, so that it is the same file until the end whoever renames it. */
  const openToRead = async (name: string): Promise<DiskFile> => {
    const before = held.get(name);
    if (before !== undefined) return reader(before);
    await refuseBlocking(name, await stat(name));
    const file = await disk.open(name, "read");
    if (path.basename(name) !== ACTIVE_NAME) return file;
    held.set(name, file);
    return reader(file);
  };

  return {
    steps,
    removed,
    stat,
    async close() {
      for (const file of held.values()) await file.close();
      held.clear();
    },
    async open(name, mode) {
      const found = await stat(name);
      if (mode === "create" && found !== undefined) throw systemError("EEXIST", name);
      if (mode === "read" && found === undefined) throw systemError("ENOENT", name);
      if (found !== undefined && !made.has(name)) {
        const file = await openToRead(name);
        return mode === "read" ? file : cuttable(file, name, steps);
      }
      make(name, "file");
      if (!TEMPORARY.test(name)) steps.push(`${name} is written`);
      return NOTHING_IN_IT;
    },
    async readFile(name) {
      await refuseBlocking(name, await stat(name));
      const source = made.has(name) ? moved.get(name) : undefined;
      if (source !== undefined) return disk.readFile(source);
      if (made.has(name) || gone.has(name)) throw systemError("ENOENT", name);
      return disk.readFile(name);
    },
    async list(directory) {
      const real = made.has(directory) ? [] : await disk.list(directory);
      const there = real.filter((name) => !gone.has(path.join(directory, name)));
      const own = [...made.keys()].filter((name) => path.dirname(name) === directory);
      return [...new Set([...there, ...own.map((name) => path.basename(name))])];
    },
    async makeDirectory(name) {
      make(name, "directory");
      steps.push(`the directory ${name} is made`);
    },
    async chmod(name, mode) {
      modes.set(name, mode);
      steps.push(`${name} gets the mode ${mode.toString(8)}`);
    },
    async rename(from, to) {
      await requireThere(from);
      steps.push(isUnderWay(from) ? `${to} is written` : `${from} is renamed ${path.basename(to)}`);
      const source = made.has(from) ? moved.get(from) : from;
      remove(from);
      make(to, "file");
      if (source === undefined) moved.delete(to);
      else moved.set(to, source);
    },
    async link(existing, name) {
      if ((await stat(name)) !== undefined) throw systemError("EEXIST", name);
      await requireThere(existing);
      make(name, "file");
      steps.push(`${name} is written`);
    },
    async unlink(name) {
      await requireThere(name);
      if (!isUnderWay(name)) {
        steps.push(`${name} is removed`);
        removed.push(name);
      }
      remove(name);
    },
    async removeDirectory(name) {
      steps.push(`the directory ${name} is removed`);
      remove(name);
    },
    readLink: (name) => disk.readLink(name),
    openDirectory: (name) => disk.openDirectory(name),
    syncDirectory: async () => undefined,
  };
}

/** What a program would wait for at the opening, for ever, is none of codexd's files. */
async function refuseBlocking(name: string, found: DiskStat | undefined): Promise<void> {
  // What does not block is left to the disk, which has its own words for it.
  if (found?.kind !== "other") return;
  throw new ExitError(EXIT.config, `${name} is not a regular file`);
}

const NOTHING_IN_IT: DiskFile = {
  writeAll: async () => undefined,
  read: async () => 0,
  truncate: async () => undefined,
  datasync: async () => undefined,
  close: async () => undefined,
};

/** Of a file that is held open by somebody else. */
function reader(file: DiskFile): DiskFile {
  return { ...NOTHING_IN_IT, read: (into, position) => file.read(into, position) };
}

/** Of a file that is there only a cut is worth a word: what is appended are a start's own events. */
function cuttable(file: DiskFile, name: string, steps: string[]): DiskFile {
  return {
    ...reader(file),
    close: () => file.close(),
    truncate: async (bytes) => void steps.push(`${name} is cut at byte ${bytes}`),
  };
}

function systemError(code: string, name: string): Error {
  return Object.assign(new Error(`${code}: ${name}`), { code });
}
