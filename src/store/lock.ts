// One writer a state directory: whoever listens on the newest `lock-<n>.sock` holds it.
//
// A Unix socket by pathname connects while its owner lives, in whatever namespace, and refuses once the owner is dead;
// so a lock is broken on proof of death only, never by age. `lock.json` beside it is for people and decides nothing.
//
// Invariant: a generation is claimed by linking a socket that listens already, which only one of many can do, and the
// newest generation is never removed, so that a racer with an old view finds its number taken.

import { randomBytes } from "node:crypto";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import { errorCode } from "../base/error-code.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
import { parseObject } from "./daemon-state.ts";
import type { Disk } from "./disk.ts";
import { replaceFile } from "./replace-file.ts";
import { openSocketDirectory, type SocketDirectory } from "./socket-directory.ts";

export interface Lock {
  release(): Promise<void>;
}

const NAME = /^lock-(\d+)\.sock$/;
const INFO_NAME = "lock.json";
/** A live owner says who it is at once; one that is stopped says nothing. */
const ANSWER_MS = 500;
/** Every round somebody else has won: more rounds than this cannot be chance. */
const ROUNDS_MAX = 100;

/** @throws {ExitError} `held` when another process holds the directory; the message names its pid. */
export async function acquireLock(disk: Disk, directory: string): Promise<Lock> {
  const sockets = await openSocketDirectory(disk, directory);
  try {
    return await acquire(disk, directory, sockets);
  } catch (error) {
    await sockets.close();
    throw error;
  }
}

/**
 * The pid of the process that holds `directory`, in its own words; null where nobody does, or says nothing.
 * Takes nothing and changes nothing.
 *
 * @throws {ExitError} `held` when the system does not let it be told.
 */
export async function readLockOwner(disk: Disk, directory: string): Promise<number | null> {
  return (await readLockHolder(disk, directory))?.pid ?? null;
}

/** Who holds a directory; null for what it does not say. */
export interface LockHolder {
  readonly pid: number | null;
  readonly host: string | null;
}

/** As `readLockOwner`, null only where nobody holds it: one that says nothing holds it all the same. */
export async function readLockHolder(disk: Disk, directory: string): Promise<LockHolder | null> {
  const sockets = await openSocketDirectory(disk, directory);
  try {
    const newest = await newestGeneration(disk, directory);
    const answer = newest === 0 ? undefined : await probe(sockets.pathOf(nameOf(newest)));
    if (answer === undefined) return null;
    const { pid, host } = parseObject(answer) ?? {};
    return { pid: typeof pid === "number" ? pid : null, host: typeof host === "string" ? host : null };
  } finally {
    await sockets.close();
  }
}

async function acquire(disk: Disk, directory: string, sockets: SocketDirectory): Promise<Lock> {
  const info = `${JSON.stringify(await describeOwner(disk), null, 2)}\n`;
  // A name that the next start removes, should this one die before it does.
  const own = `lock.sock.${randomBytes(8).toString("hex")}.tmp`;
  const server = await listen(sockets.pathOf(own), info);
  try {
    await disk.chmod(path.join(directory, own), 0o600).catch(ignoreMissing);
    const generation = await claim(disk, directory, sockets, own);
    await disk.unlink(path.join(directory, own)).catch(ignoreMissing);
    await removeOlder(disk, directory, generation);
    await replaceFile(disk, path.join(directory, INFO_NAME), [Buffer.from(info)]);
  } catch (error) {
    await disk.unlink(path.join(directory, own)).catch(ignoreMissing);
    await close(server);
    throw error;
  }
  return {
    async release() {
      await disk.unlink(path.join(directory, INFO_NAME)).catch(ignoreMissing);
      // The socket's name stays: it is the newest generation, and dead from now on.
      await close(server);
      await sockets.close();
    },
  };
}

/** Links `own` as the next generation after the newest, which must be dead. */
async function claim(disk: Disk, directory: string, sockets: SocketDirectory, own: string): Promise<number> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const newest = await newestGeneration(disk, directory);
    if (newest > 0) {
      const answer = await probe(sockets.pathOf(nameOf(newest)));
      if (answer !== undefined) throw await heldBy(disk, directory, answer);
    }
    try {
      await disk.link(path.join(directory, own), path.join(directory, nameOf(newest + 1)));
    } catch (error) {
      // Another was quicker, or has tidied up the directory already: the next round finds it.
      if (errorCode(error) === "EEXIST" || errorCode(error) === "ENOENT") continue;
      throw new ExitError(EXIT.diskFailed, `the lock in ${directory} cannot be made: ${errorMessage(error)}`);
    }
    if ((await newestGeneration(disk, directory)) === newest + 1) return newest + 1;
    // Others went through this generation and on before: it counts no more.
    await disk.unlink(path.join(directory, nameOf(newest + 1))).catch(ignoreMissing);
  }
  throw new ExitError(EXIT.held, `the state directory ${directory} is fought over by other processes`);
}

function nameOf(generation: number): string {
  return `lock-${generation}.sock`;
}

/** 0 when nobody has ever held the lock. */
async function newestGeneration(disk: Disk, directory: string): Promise<number> {
  return Math.max(0, ...(await generations(disk, directory)));
}

async function generations(disk: Disk, directory: string): Promise<number[]> {
  return (await disk.list(directory)).flatMap((name) => {
    const generation = NAME.exec(name)?.[1];
    return generation === undefined ? [] : [Number(generation)];
  });
}

/** Leaves the one before the own: a racer that lists the directory meanwhile must not see a moment without any. */
async function removeOlder(disk: Disk, directory: string, own: number): Promise<void> {
  for (const generation of await generations(disk, directory)) {
    if (generation < own - 1) await disk.unlink(path.join(directory, nameOf(generation))).catch(ignoreMissing);
  }
}

const DISK_FAILURES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EIO"]);

/** Accepts, says who holds the lock, and hangs up. Does not keep the process alive. */
function listen(socketPath: string, info: string): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => socket.destroy());
      // Destroyed once it is sent: a peer that never hangs up must not hold back the release.
      socket.end(info, () => socket.destroy());
    });
    server.on("error", (error) => {
      // Else it is the place that will not do: one that is not there, or a file system without sockets.
      const code = DISK_FAILURES.has(errorCode(error) ?? "") ? EXIT.diskFailed : EXIT.config;
      reject(new ExitError(code, `the lock ${socketPath} cannot listen: ${errorMessage(error)}`));
    });
    server.listen(socketPath, () => resolve(server.unref()));
  });
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** What the owner says of itself, empty when it says nothing; undefined on proof that it is dead. */
function probe(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect(socketPath);
    const finish = (answer: string | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS, () => finish(text));
    socket.on("data", (bytes: Buffer) => (text += bytes.toString("utf8")));
    socket.on("end", () => finish(text));
    socket.on("error", (error) => {
      const code = errorCode(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") return finish(undefined);
      // A full backlog, or a reset in mid-answer: somebody is there.
      if (code === "EAGAIN" || code === "ECONNRESET" || code === "EPIPE") return finish(text);
      reject(new ExitError(EXIT.held, `whether ${socketPath} is held cannot be told: ${errorMessage(error)}`));
    });
  });
}

async function heldBy(disk: Disk, directory: string, answer: string): Promise<ExitError> {
  let owner = parseObject(answer);
  if (owner === undefined) {
    const text = await disk.readFile(path.join(directory, INFO_NAME)).catch(() => Buffer.from(""));
    owner = parseObject(text.toString("utf8"));
  }
  const pid = owner?.["pid"];
  const who = typeof pid === "number" ? `process ${pid}` : "another process";
  const where = typeof owner?.["host"] === "string" ? ` on ${owner["host"]}` : "";
  return new ExitError(EXIT.held, `the state directory ${directory} is held by ${who}${where}`);
}

async function describeOwner(disk: Disk): Promise<Record<string, unknown>> {
  const read = async (file: string): Promise<string | null> => {
    const bytes = await disk.readFile(file).catch(() => undefined);
    return bytes?.toString("utf8").trim() ?? null;
  };
  // The fields behind the command's name, which may hold anything; the 20th of them is the start time in clock ticks.
  const stat = (await read("/proc/self/stat"))?.split(") ").at(-1)?.split(" ");
  return {
    pid: process.pid,
    startTime: stat?.[19] ?? null,
    bootId: await read("/proc/sys/kernel/random/boot_id"),
    pidNamespace: await disk.readLink("/proc/self/ns/pid").catch(() => null),
    host: os.hostname(),
  };
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}
