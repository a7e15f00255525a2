// A disk in memory that can fail, fill up, and lose what was not synced, as its seed decides.
//
// Files are bytes plus the writes that no sync has made safe; names are a map plus the changes that no sync of their
// directory has made safe. Not simulated: permissions, and links to anything but files.
//
// Invariant: after `killProcess` or `losePower` nothing that was started before ever settles, as in a dead process.

import path from "node:path";

import type { Disk, DiskFile, DiskStat, OpenMode } from "../../src/store/disk.ts";

export type Operation =
  | "open" | "write" | "read" | "truncate" | "datasync" | "close" | "readFile" | "stat" | "list" | "makeDirectory"
  | "chmod" | "rename" | "link" | "unlink" | "removeDirectory" | "syncDirectory";

/** What a test may do to an operation: an error, or for a write how many bytes get through before `error`. */
export type Fault = { readonly error: Error; readonly written?: number } | undefined;

const SECTOR = 512;
export const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

interface Write {
  readonly position: number;
  readonly bytes: Buffer;
}

class FileNode {
  data: Buffer = Buffer.alloc(0);
  /** What a loss of power cannot take. */
  safe: Buffer = Buffer.alloc(0);
  /** Since the last sync, in order. */
  writes: Write[] = [];

  write(position: number, bytes: Buffer): void {
    this.data = overlay(this.data, position, bytes);
    this.writes.push({ position, bytes });
  }

  truncate(length: number): void {
    this.data = Buffer.from(this.data.subarray(0, length));
    this.safe = Buffer.from(this.safe.subarray(0, length));
    this.writes = this.writes.flatMap(({ position, bytes }) =>
      position < length ? [{ position, bytes: bytes.subarray(0, length - position) }] : [],
    );
  }

  sync(): void {
    this.safe = Buffer.from(this.data);
    this.writes = [];
  }
}

export function errnoError(code: string, what = "simulated"): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

export class SimulatedDisk {
  /** Asked before every operation. */
  fault: (operation: Operation, file: string) => Fault = () => undefined;
  /** Operations so far. */
  operations = 0;
  /** Called before each operation that can be interrupted, with its number. */
  onOperation: (n: number) => void = () => {};
  /** Bytes that all files together may hold. */
  capacity = Number.POSITIVE_INFINITY;
  readonly #directories = new Set<string>(["/"]);
  #names = new Map<string, FileNode>();
  #safeNames = new Map<string, FileNode>();
  #nameChanges: Array<{ directory: string; apply(names: Map<string, FileNode>): void }> = [];
  #epoch = 0;
  #boots = 1;

  /** The disk as a new process sees it: operations of processes before it hang for ever. */
  mount(): Disk {
    const epoch = this.#epoch;
    const step = async <R>(operation: Operation, file: string, work: () => R): Promise<R> => {
      await this.#begin(epoch, operation, file);
      return work();
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

  /** The machine goes down: of what was not synced any part may be lost, and parts of writes too. */
  losePower(random: () => number): void {
    this.#epoch++;
    this.#boots++;
    const kept = Math.floor(random() * (this.#nameChanges.length + 1));
    for (const change of this.#nameChanges.slice(0, kept)) change.apply(this.#safeNames);
    this.#nameChanges = [];
    this.#names = new Map(this.#safeNames);
    for (const node of new Set(this.#names.values())) {
      node.data = afterPowerLoss(node, random);
      node.sync();
    }
  }

  /** The bytes of a file as they are now, without an operation. */
  peek(file: string): Buffer | undefined {
    return this.#names.get(file)?.data;
  }

  /** Changes a file behind everybody's back. */
  poke(file: string, bytes: Uint8Array): void {
    const node = this.#names.get(file) ?? new FileNode();
    node.data = Buffer.from(bytes);
    node.sync();
    this.#names.set(file, node);
    this.#safeNames.set(file, node);
  }

  remove(file: string): void {
    this.#names.delete(file);
    this.#safeNames.delete(file);
  }

  names(directory: string): string[] {
    const all = [...this.#names.keys()];
    return all.filter((name) => path.dirname(name) === directory).map((name) => path.basename(name));
  }

  async #begin(epoch: number, operation: Operation, file: string): Promise<void> {
    await Promise.resolve();
    if (epoch === this.#epoch) this.onOperation(++this.operations);
    if (epoch !== this.#epoch) await new Promise(() => {});
    const fault = operation === "write" ? undefined : this.fault(operation, file);
    if (fault !== undefined) throw fault.error;
  }

  #open(epoch: number, file: string, mode: OpenMode): DiskFile {
    let node = this.#names.get(file);
    if (node === undefined && mode === "read") throw errnoError("ENOENT", file);
    if (node !== undefined && mode === "create") throw errnoError("EEXIST", file);
    if (node === undefined) {
      const made = new FileNode();
      this.#changeNames(path.dirname(file), (names) => names.set(file, made));
      node = made;
    }
    return this.#handle(epoch, file, node);
  }

  #handle(epoch: number, file: string, node: FileNode): DiskFile {
    return {
      writeAll: async (bytes, position) => {
        await this.#begin(epoch, "write", file);
        const fault = this.fault("write", file) ?? this.#fullAt(node, position, bytes.length);
        const through = fault === undefined ? bytes.length : (fault.written ?? 0);
        if (through > 0) node.write(position, Buffer.from(bytes.subarray(0, through)));
        if (fault !== undefined) throw fault.error;
      },
      read: async (into, position) => {
        await this.#begin(epoch, "read", file);
        return node.data.copy(into, 0, position);
      },
      truncate: async (length) => {
        await this.#begin(epoch, "truncate", file);
        node.truncate(length);
      },
      datasync: async () => {
        await this.#begin(epoch, "datasync", file);
        node.sync();
      },
      close: () => this.#begin(epoch, "close", file),
    };
  }

  #fullAt(node: FileNode, position: number, bytes: number): Fault {
    const used = [...new Set(this.#names.values())].reduce((sum, { data }) => sum + data.length, 0);
    const grows = Math.max(0, position + bytes - node.data.length);
    const over = used + grows - this.capacity;
    return over > 0 ? { error: errnoError("ENOSPC"), written: Math.max(0, bytes - over) } : undefined;
  }

  #readFile(file: string): Buffer {
    if (file === BOOT_ID_PATH) return Buffer.from(`boot-${this.#boots}\n`);
    const node = this.#names.get(file);
    if (node === undefined) throw errnoError("ENOENT", file);
    return Buffer.from(node.data);
  }

  #stat(file: string): DiskStat | undefined {
    const uid = process.getuid?.() ?? 0;
    if (this.#directories.has(file)) return { kind: "directory", bytes: 0, mode: 0o700, uid };
    const node = this.#names.get(file);
    return node && { kind: "file", bytes: node.data.length, mode: 0o600, uid };
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

  #nodeAt(file: string): FileNode {
    const node = this.#names.get(file);
    if (node === undefined) throw errnoError("ENOENT", file);
    return node;
  }

  #changeNames(directory: string, apply: (names: Map<string, FileNode>) => void): void {
    apply(this.#names);
    this.#nameChanges.push({ directory, apply });
  }

  #syncDirectory(directory: string): void {
    for (const change of this.#nameChanges) if (change.directory === directory) change.apply(this.#safeNames);
    this.#nameChanges = this.#nameChanges.filter((change) => change.directory !== directory);
  }
}

/** Each sector of each unsynced write is there or not; a length that grew over lost sectors shows zeros. */
function afterPowerLoss(node: FileNode, random: () => number): Buffer {
  let data = node.safe;
  const keep = random();
  for (const { position, bytes } of node.writes) {
    for (let at = 0; at < bytes.length; at += SECTOR) {
      if (random() < keep) data = overlay(data, position + at, bytes.subarray(at, at + SECTOR));
    }
  }
  return data;
}

function overlay(data: Buffer, position: number, bytes: Buffer): Buffer {
  const length = Math.max(data.length, position + bytes.length);
  const result = Buffer.alloc(length);
  data.copy(result);
  bytes.copy(result, position);
  return result;
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
