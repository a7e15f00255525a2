// A log file with a bound: at its limit it becomes the one old file, and a new one begins.
//
// Writes are synchronous on purpose: a child that floods its output is slowed by the disk instead of filling memory.
// Deliberately not the journal: what cannot be written here is dropped, because the daemon must go on.

import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import type { Logger } from "../base/log.ts";
import { errorMessage } from "../core/errors.ts";

export interface RotatingLog {
  /** Appends `text` as it is. Never throws. */
  append(text: string): void;
  close(): void;
}

/** A FIFO without a reader would hold all of codexd at its opening, and one that is not read in a write. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** @param bytesMax the size at which `path` is renamed to `path.1`, whose older content is lost. */
export function createRotatingLog(path: string, bytesMax: number, log: Logger): RotatingLog {
  let fd: number | undefined;
  let bytes = 0;
  let failing = false;

  const open = (): number => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const opened = openSync(path, FLAGS, 0o600);
    try {
      const found = fstatSync(opened);
      if (!found.isFile()) throw new Error("it is not a regular file");
      fchmodSync(opened, 0o600);
      bytes = found.size;
      return opened;
    } catch (error) {
      closeSync(opened);
      throw error;
    }
  };

  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };

  return {
    append(text) {
      try {
        fd ??= open();
        if (bytes >= bytesMax) {
          close();
          renameSync(path, `${path}.1`);
          fd = open();
        }
        bytes += writeSync(fd, text);
        failing = false;
      } catch (error) {
        if (!failing) log.warn("a log file cannot be written", { path, error: errorMessage(error) });
        failing = true;
      }
    },
    close,
  };
}
