// What goes wrong in the simulation beside deaths: operations fail or wait, or somebody changes a file, by chance.
// A disk that fills up by itself is not here: simulation.ts sets its room, and the disk says no.

import { createDeferred } from "../../src/base/deferred.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { errnoError, type Fault, type Operation, type SimulatedDisk } from "./disk-simulator.ts";
import { LOGS } from "./disk-store.ts";
import { settle, type FakeClock } from "./fake-clock.ts";

export type Random = () => number;

type DiskFault = (operation: Operation, file: string) => Fault;

const CHANGES: readonly Operation[] = ["datasync", "syncDirectory", "write", "open", "rename", "unlink", "truncate"];
/** About as many as a start makes; after them nothing fails. */
const CHANGES_MAX = 40;
const SYNCS_MAX = 10;
const HANDLES_MAX = 8;
const HANDLE_RATE = 0.2;
const STALL_RATE = 0.1;

/** One of the next changes fails: for want of room, or for good. */
export function failOneChange(random: Random): DiskFault {
  let left = Math.floor(random() * CHANGES_MAX);
  const code = pick(random, ["EIO", "ENOSPC"]);
  return (operation) => (CHANGES.includes(operation) && left-- === 0 ? { error: errnoError(code) } : undefined);
}

/** One of the next syncs fails that the journal or a checkpoint needs, and only that one: the next would succeed. */
export function failOneSync(random: Random, onFailed: () => void): DiskFault {
  let left = Math.floor(random() * SYNCS_MAX);
  return (operation, file) => {
    const isSync = operation === "datasync" || operation === "syncDirectory";
    const isNeeded = file.startsWith(LOGS) || file.includes("registry.json");
    if (!isSync || !isNeeded || left-- !== 0) return undefined;
    onFailed();
    return { error: errnoError("EIO") };
  };
}

/** Old segments of the journal cannot be removed, or only after a while. */
export function refuseSomeRemovals(random: Random): DiskFault {
  return (operation, file) => {
    const isSegment = operation === "unlink" && file.startsWith(`${LOGS}/events-`);
    return isSegment && random() < 0.5 ? { error: errnoError("EPERM") } : undefined;
  };
}

/** There is no room to cut what found no room. */
export function refuseSomeCuts(random: Random): DiskFault {
  return (operation, file) => {
    const isCut = operation === "truncate" && file.startsWith(LOGS);
    return isCut && random() < 0.7 ? { error: errnoError("ENOSPC") } : undefined;
  };
}

/** A few times there is no room for one more open file, which a folder that is synced is too. */
export function refuseSomeHandles(random: Random): DiskFault {
  let left = 1 + Math.floor(random() * HANDLES_MAX);
  return (operation) => {
    const isOpening = operation === "open" || operation === "syncDirectory";
    if (!isOpening || left === 0 || random() > HANDLE_RATE) return undefined;
    left--;
    return { error: errnoError(random() < 0.5 ? "EMFILE" : "ENFILE") };
  };
}

/** Some operations wait until one of `stalled` is called. */
export function stallSome(random: Random, stalled: Array<() => void>): () => Promise<void> | undefined {
  return () => (random() < STALL_RATE ? new Promise((resolve) => stalled.push(resolve)) : undefined);
}

/**
 * A slow checkpoint has changes in its picture that find no room and are refused; before it is renamed there is room
 * again, and what tells of the refusal is written. Chance alone hardly ever brings this about.
 */
export async function refuseUnderPicture(disk: SimulatedDisk, clock: FakeClock, change: () => void): Promise<void> {
  disk.capacity = Number.POSITIVE_INFINITY;
  await clock.advance(LIMITS.storageRetryMs);
  const [lines, checkpoint] = [createDeferred<void>(), createDeferred<void>()];
  disk.stall = (operation, file) => {
    if (operation === "write" && file.startsWith(LOGS)) return lines.promise;
    return operation === "close" && file.includes("registry.json") ? checkpoint.promise : undefined;
  };
  for (let changes = 3; changes > 0; changes--) change();
  await clock.advance(LIMITS.checkpointMs);
  disk.fault = (operation, file) => {
    return operation === "write" && file.startsWith(LOGS) ? { error: errnoError("ENOSPC") } : undefined;
  };
  lines.resolve();
  await settle();
  disk.fault = () => undefined;
  await clock.advance(LIMITS.storageRetryMs);
  disk.stall = () => undefined;
  checkpoint.resolve();
  await settle();
}

/** Takes a line out of a file of the journal, whose neighbours stay. False when there is none. */
export function takeLineOut(disk: SimulatedDisk, random: Random): boolean {
  const files = disk.names(LOGS).filter((name) => /^events.*\.jsonl$/.test(name)).map((name) => `${LOGS}/${name}`);
  const file = pick(random, files);
  const lines = (disk.peek(file)?.toString() ?? "").split("\n");
  if (lines.length < 4) return false;
  lines.splice(1 + Math.floor(random() * (lines.length - 3)), 1);
  disk.poke(file, Buffer.from(lines.join("\n")));
  return true;
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)] as T;
}
