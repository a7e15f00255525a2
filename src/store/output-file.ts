// A file that only grows: what a run prints goes in as it comes, in order, without the writer having to wait.
//
// Deliberately not durable: a process that dies loses nothing that was written, and nobody is promised more of output.
//
// Invariants: a full disk costs time, not bytes, until somebody gives up; what is lost in the end is counted.

import { sleep, type Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import { mayPass, type Disk, type DiskFile } from "./disk.ts";

export interface OutputFile {
  /** Bytes that stand in the file. */
  readonly size: number;
  /** Bytes that wait for the disk. */
  readonly pendingBytes: number;
  /** Bytes that will never be in the file, and why the first of them is not. */
  readonly lost: { readonly bytes: number; readonly reason: string | null };
  /** Takes the bytes; above `LIMITS.runOutputPendingBytesHard` they are lost. */
  write(bytes: Uint8Array): void;
  /** Resolves when at most `bytes` wait. */
  drained(bytes: number): Promise<void>;
  /** Resolves when all is written or lost; waits `patienceMs` for a disk without room. Nothing may be written after. */
  close(patienceMs: number): Promise<void>;
}

export interface OutputFileOptions {
  readonly disk: Disk;
  /** Must not be there yet; made with the first byte. */
  readonly path: string;
  readonly clock: Clock;
  /** More bytes stand in the file. */
  readonly onWritten: () => void;
}

export function createOutputFile({ disk, path, clock, onWritten }: OutputFileOptions): OutputFile {
  const giveUp = new AbortController();
  let file: DiskFile | undefined;
  let chunks: Uint8Array[] = [];
  let pendingBytes = 0;
  let size = 0;
  let lostBytes = 0;
  let reason: string | null = null;
  let writing: Promise<void> | null = null;
  let waiters: Array<{ readonly bytes: number; resolve(): void }> = [];

  const lose = (bytes: number, why: string): void => {
    lostBytes += bytes;
    reason ??= why;
  };

  const tellWaiters = (): void => {
    const ready = waiters.filter(({ bytes }) => pendingBytes <= bytes);
    waiters = waiters.filter(({ bytes }) => pendingBytes > bytes);
    for (const { resolve } of ready) resolve();
  };

  /** True when the bytes are in the file; false when they are not and may be tried again. */
  const put = async (bytes: Uint8Array): Promise<boolean> => {
    try {
      file ??= await disk.open(path, "create");
      await file.writeAll(bytes, size);
    } catch (error) {
      if (mayPass(error) && !giveUp.signal.aborted) return false;
      lose(bytes.length, String(error));
      if (!mayPass(error)) giveUp.abort();
      return true;
    }
    size += bytes.length;
    return true;
  };

  const writeAll = async (): Promise<void> => {
    while (chunks.length > 0) {
      const bytes = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
      chunks = [];
      const sizeBefore = size;
      while (!(await put(bytes))) await sleep(clock, LIMITS.storageRetryMs, giveUp.signal);
      pendingBytes -= bytes.length;
      tellWaiters();
      if (size > sizeBefore) onWritten();
    }
    writing = null;
  };

  return {
    get size() {
      return size;
    },
    get pendingBytes() {
      return pendingBytes;
    },
    get lost() {
      return { bytes: lostBytes, reason };
    },
    write(bytes) {
      if (bytes.length === 0) return;
      if (giveUp.signal.aborted) return lose(bytes.length, "the file could not be written");
      if (pendingBytes + bytes.length > LIMITS.runOutputPendingBytesHard) {
        return lose(bytes.length, "it came faster than the disk could take it");
      }
      pendingBytes += bytes.length;
      chunks.push(bytes);
      writing ??= writeAll();
    },
    drained(bytes) {
      if (pendingBytes <= bytes) return Promise.resolve();
      return new Promise((resolve) => void waiters.push({ bytes, resolve }));
    },
    async close(patienceMs) {
      const timer = clock.after(patienceMs, () => giveUp.abort());
      while (writing !== null) await writing;
      timer.cancel();
      giveUp.abort();
      const closing = file;
      file = undefined;
      await closing?.close();
    },
  };
}
