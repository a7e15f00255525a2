// A disk in memory that can fail, fill up, and lose what was not synced, as its seed decides.
//
// Names are a map plus the changes that no sync of their directory has made safe; what is in the files is kept in
// simulated-file.ts. Not simulated: permissions, links to anything but files, and directories that are lost.
//
// Invariant: after `killProcess` or `losePower` nothing that was started before ever settles, as in a dead process.

import path from "node:path";

import type { Disk, DiskFile, DiskStat, OpenMode } from "../../src/store/disk.ts";
import { SimulatedFile } from "./simulated-file.ts";

export type Operation =
  | "open" | "write" | "read" | "truncate" | "datasync" | "close" | "readFile" | "stat" | "list" | "makeDirectory"
  | "chmod" | "rename" | "link" | "unlink" | "removeDirectory" | "syncDirectory";

/** What a test may do to an operation: an error, or for a write how many bytes get through before `error`. */
export type Fault = { readonly error: Error; readonly written?: number } | undefined;

export const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

export function errnoError(code: string, what = "simulated"): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

export class SimulatedDisk {
  /** Asked before every operation. */
  fault: (operation: Operation, file: string) => Fault = () => undefined;
  /** Operations so far. */
  operations = 0;
  /**
   * Called before each operation that can be interrupted, with its number. `tear` puts a share of a write through
   * after all: the process dies within it.
   */
  onOperation: (n: number, tear: (share: number) => void) => void = () => {};
  /** What an operation waits for before it begins. */
  stall: (operation: Operation, file: string) => Promise<void> | undefined = () => undefined;
  /** Bytes that all files together may hold. */
  capacity = Number.POSITIVE_INFINITY;
  readonly #directories = new Set<string>(["/"]);
  #names = new Map<string, SimulatedFile>();
  #safeNames = new Map<string, SimulatedFile>();
  #nameChanges: Array<{ directory: string; apply(names: Map<string, SimulatedFile>): void }> = [];
  #epoch = 0;
  #boots = 1;
  /** That of every directory is 1. */
  #inodes = 1;

  /** The disk as a new process sees it: operations of processes before it hang for ever. */
  mount(): Disk {
    const epoch = this.#epoch;
    const step = <R>(operation: Operation, file: string, work: () => R): Promise<R> => {
      return this.#do(epoch, operation, file, work);
    };
    return {
      open: (file, mode) => step("open", file, () => this.#open(epoch, file, mode)),
      readFile: (file) => step("readFile", file, () => this.#readFile(file)),
      stat: (file) => step("stat", file, () => this.#stat(file)),
      list: (directory) => step("list", directory, () => this.#list(directory)),
      makeDirectory: (directory) => step("makeDirectory", directory, () => this.#makeDirectory(directory)),
      chmod: (file) => step("chmod", file, () => {}),
      rename: (from, to) => step("rename", from, () => this.#rename(from, to)),
      link: (from, to) => step("link", from, () => this.#link(from, to)),
      unlink: (file) => step("unlink", file, () => this.#unlink(file)),
      removeDirectory: (directory) => step("removeDirectory", directory, () => this.#removeDirectory(directory)),
      readLink: async (file) => Promise.reject(errnoError("EINVAL", file)),
      openDirectory: async () => ({ fd: -1, close: async () => {} }),
      syncDirectory: (directory) => step("syncDirectory", directory, () => this.#syncDirectory(directory)),
    };
  }

  /** The process dies; what it has written stays. */
  killProcess(): void {
    this.#epoch++;
  }

  /**
   * The machine goes down: of what was not synced any part may be lost, and parts of writes too. Of the names either
   * the first changes stay, as with a file system that keeps a journal, or any of them.
   */
  losePower(random: () => number): void {
    this.#epoch++;
    this.#boots++;
    const changes = this.#nameChanges;
    const inOrder = random() < 0.5;
    const chance = random();
    const kept = Math.floor(chance * (changes.length + 1));
    for (const [i, change] of changes.entries()) {
      if (inOrder ? i < kept : random() >= chance) change.apply(this.#safeNames);
    }
    this.#nameChanges = [];
    this.#names = new Map(this.#safeNames);
    for (const node of new Set(this.#names.values())) node.losePower(random);
  }

  /** The bytes of a file as they are now, without an operation. */
  peek(file: string): Buffer | undefined {
    return this.#names.get(file)?.content();
  }

  /** Changes a file behind everybody's back. */
  poke(file: string, bytes: Uint8Array): void {
    const node = this.#names.get(file) ?? new SimulatedFile(++this.#inodes);
    node.truncate(0);
    node.write(0, bytes);
    node.sync();
    this.#names.set(file, node);
    this.#safeNames.set(file, node);
  }

  remove(file: string): void {
    this.#names.delete(file);
    this.#safeNames.delete(file);
  }

  /** Of all files together. */
  get bytes(): number {
    return [...new Set(this.#names.values())].reduce((sum, { length }) => sum + length, 0);
  }

  names(directory: string): string[] {
    const all = [...this.#names.keys()];
    return all.filter((name) => path.dirname(name) === directory).map((name) => path.basename(name));
  }

  /** What an operation does is done in the tick in which it begins: no death comes in between. */
  async #do<R>(
    epoch: number, operation: Operation, file: string, work: () => R, tear: (share: number) => void = () => {},
  ): Promise<R> {
    await this.stall(operation, file);
    if (epoch === this.#epoch) this.onOperation(++this.operations, tear);
    if (epoch !== this.#epoch) return new Promise<never>(() => {});
    const fault = operation === "write" ? undefined : this.fault(operation, file);
    if (fault !== undefined) throw fault.error;
    return work();
  }

  #open(epoch: number, file: string, mode: OpenMode): DiskFile {
    let node = this.#names.get(file);
    if (node === undefined && mode === "read") throw errnoError("ENOENT", file);
    if (node !== undefined && mode === "create") throw errnoError("EEXIST", file);
    if (node === undefined) {
      const made = new SimulatedFile(++this.#inodes);
      this.#changeNames(path.dirname(file), (names) => names.set(file, made));
      node = made;
    }
    return this.#handle(epoch, file, node);
  }

  #handle(epoch: number, file: string, node: SimulatedFile): DiskFile {
    const step = <R>(operation: Operation, work: () => R): Promise<R> => this.#do(epoch, operation, file, work);
    const put = (bytes: Uint8Array, position: number, count: number): void => {
      if (count > 0) node.write(position, bytes.subarray(0, count));
    };
    const write = (bytes: Uint8Array, position: number): void => {
      const fault = this.fault("write", file) ?? this.#fullAt(node, position, bytes.length);
      put(bytes, position, fault === undefined ? bytes.length : (fault.written ?? 0));
      if (fault !== undefined) throw fault.error;
    };
    return {
      writeAll: (bytes, position) => {
        const tear = (share: number): void => put(bytes, position, Math.floor(share * bytes.length));
        return this.#do(epoch, "write", file, () => write(bytes, position), tear);
      },
      read: (into, position) => step("read", () => node.copyTo(into, position)),
      truncate: (length) => step("truncate", () => node.truncate(length)),
      datasync: () => step("datasync", () => node.sync()),
      close: () => step("close", () => {}),
    };
  }

  #fullAt(node: SimulatedFile, position: number, bytes: number): Fault {
    if (this.capacity === Number.POSITIVE_INFINITY) return undefined;
    const grows = Math.max(0, position + bytes - node.length);
    const over = this.bytes + grows - this.capacity;
    return over > 0 ? { error: errnoError("ENOSPC"), written: Math.max(0, bytes - over) } : undefined;
  }

  #readFile(file: string): Buffer {
    if (file === BOOT_ID_PATH) return Buffer.from(`boot-${this.#boots}\n`);
    const node = this.#names.get(file);
    if (node === undefined) throw errnoError("ENOENT", file);
    return node.content();
  }

  #stat(file: string): DiskStat | undefined {
    const uid = process.getuid?.() ?? 0;
    const place = { uid, device: 1 };
    if (this.#directories.has(file)) return { kind: "directory", bytes: 0, mode: 0o700, inode: 1, ...place };
    const node = this.#names.get(file);
    return node && { kind: "file", bytes: node.length, mode: 0o600, inode: node.inode, ...place };
  }

  #list(directory: string): string[] {
    if (!this.#directories.has(directory)) throw errnoError("ENOENT", directory);
    return this.names(directory);
  }

  /** Directories survive everything: they are made once, before there is anything to lose. */
  #makeDirectory(directory: string): void {
    for (let at = directory; at !== "/"; at = path.dirname(at)) this.#directories.add(at);
  }

  #removeDirectory(directory: string): void {
    if (!this.#directories.has(directory)) throw errnoError("ENOENT", directory);
    if (this.names(directory).length > 0) throw errnoError("ENOTEMPTY", directory);
    this.#directories.delete(directory);
  }

  #rename(from: string, to: string): void {
    const node = this.#nodeAt(from);
    this.#changeNames(path.dirname(to), (names) => {
      names.delete(from);
      names.set(to, node);
    });
  }

  #link(from: string, to: string): void {
    const node = this.#nodeAt(from);
    if (this.#names.has(to)) throw errnoError("EEXIST", to);
    this.#changeNames(path.dirname(to), (names) => names.set(to, node));
  }

  #unlink(file: string): void {
    this.#nodeAt(file);
    this.#changeNames(path.dirname(file), (names) => names.delete(file));
  }

  #nodeAt(file: string): SimulatedFile {
    const node = this.#names.get(file);
    if (node === undefined) throw errnoError("ENOENT", file);
    return node;
  }

  #changeNames(directory: string, apply: (names: Map<string, SimulatedFile>) => void): void {
    apply(this.#names);
    this.#nameChanges.push({ directory, apply });
  }

  #syncDirectory(directory: string): void {
    for (const change of this.#nameChanges) if (change.directory === directory) change.apply(this.#safeNames);
    this.#nameChanges = this.#nameChanges.filter((change) => change.directory !== directory);
  }
}

/** A small, seeded source of numbers from 0 up to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
