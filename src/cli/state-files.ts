// What the files of the state directory say, for commands that run beside the daemon or without one.
//
// Plain reads, no lock, no repair: the files are checkpoints and may be behind a running daemon. Layout: the store's.

import { readFile, stat } from "node:fs/promises";
import { isObject } from "../base/decode.ts";
import { errorCode } from "../base/error-code.ts";
import { readTokenFile as readClientTokenFile } from "../client/token-file.ts";
import type { CodexdPaths } from "../core/config.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";

/** Of daemon-state.json, what finds the daemon. */
export interface DaemonFile {
  /** Of the daemon that runs, or ran last; null where the file does not say. */
  readonly pid: number | null;
  /** Null when it did not listen on TCP, or ended in order. */
  readonly baseUrl: string | null;
  /** Null when it had no Unix socket; undefined where the file does not say. */
  readonly socketPath: string | null | undefined;
}

/** Null when there is no daemon-state.json. @throws {ExitError} 65 when it cannot be read. */
export async function readDaemonFile(paths: CodexdPaths): Promise<DaemonFile | null> {
  const state = await readStateFile(paths.daemonStatePath);
  if (state === null) return null;
  const { pid, baseUrl, socketPath } = state;
  return {
    // Zero and negative numbers are process groups to kill(2).
    pid: typeof pid === "number" && Number.isInteger(pid) && pid > 0 ? pid : null,
    baseUrl: typeof baseUrl === "string" ? baseUrl : null,
    socketPath: typeof socketPath === "string" || socketPath === null ? socketPath : undefined,
  };
}

/** One JSON object of the state directory, null when there is no such file. @throws {ExitError} 65 for any other. */
export async function readStateFile(file: string): Promise<Record<string, unknown> | null> {
  const text = await readText(file);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ExitError(EXIT.damagedState, `${file} is not JSON: ${errorMessage(error)}`, { cause: error });
  }
  if (!isObject(value)) throw new ExitError(EXIT.damagedState, `${file} does not hold a JSON object`);
  return value;
}

/** The token in `file`, null when there is no file. @throws {ExitError} 78 when there is none in it to read. */
export async function readTokenFile(file: string): Promise<string | null> {
  try {
    return await readClientTokenFile(file);
  } catch (error) {
    throw new ExitError(EXIT.config, errorMessage(error), { cause: error });
  }
}

async function readText(file: string): Promise<string | null> {
  try {
    // Reading a pipe would wait for whoever writes to it, for ever.
    if (!(await stat(file)).isFile()) throw new Error("it is not a regular file");
    return await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw new ExitError(EXIT.damagedState, `${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
}
