// Names for Unix sockets in a directory whose path may be longer than a socket's address can hold.
//
// Linux finds an open directory under /proc/self/fd, so a long path becomes a short one; elsewhere it is refused.
//
// Invariant: a path that would be cut is never given out (Node 20 and 22 cut it silently and bind another name).

import path from "node:path";

import { EXIT, ExitError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Disk } from "./disk.ts";

/** The longest name that is asked for. */
const NAME_BYTES_MAX = 32;

export interface SocketDirectory {
  /** An address for the name, valid until `close`. */
  pathOf(name: string): string;
  close(): Promise<void>;
}

/** @throws {ExitError} `config`, naming `--state-dir`, when the path is too long for this system. */
export async function openSocketDirectory(
  disk: Disk,
  directory: string,
  platform: NodeJS.Platform = process.platform,
): Promise<SocketDirectory> {
  if (Buffer.byteLength(directory) + 1 + NAME_BYTES_MAX <= LIMITS.socketPathBytesMax) {
    return { pathOf: (name) => path.join(directory, name), close: async () => {} };
  }
  if (platform !== "linux") {
    const most = LIMITS.socketPathBytesMax - 1 - NAME_BYTES_MAX;
    throw new ExitError(EXIT.config, `--state-dir: ${directory} is too long for a Unix socket (at most ${most} bytes)`);
  }
  const handle = await disk.openDirectory(directory);
  return { pathOf: (name) => `/proc/self/fd/${handle.fd}/${name}`, close: () => handle.close() };
}
