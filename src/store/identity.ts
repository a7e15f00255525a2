// identity.json: which daemon this is. Written once, at the first start, and only read afterwards.
//
// A damaged one is never replaced by itself: that would make another daemon of this one in silence. Invariant: a copy
// of a state directory is another daemon, because a daemon's id is what it knows its own processes by.

import { isObject } from "../base/decode.ts";
import { isoTime, type Clock } from "../base/clock.ts";
import { EXIT, ExitError } from "../core/errors.ts";
import type { Identity } from "../core/records.ts";
import { parseObject } from "./daemon-state.ts";
import type { Disk } from "./disk.ts";
import { createFile, replaceFile } from "./replace-file.ts";
import { readSmallFile } from "./small-file.ts";
import type { StoreOptions } from "./types.ts";

/**
 * @param copied the file was found in a copy of the directory that it was made for.
 * @throws {ExitError} `damagedState` when the file is there and does not hold an identity.
 */
export async function loadOrCreateIdentity(
  disk: Disk,
  file: string,
  source: StoreOptions<Record<string, object>>["identity"],
  clock: Clock,
  copied = false,
): Promise<Identity> {
  const found = await readIdentity(disk, file);
  if (found !== undefined && !copied) return found;
  const identity: Identity = {
    daemonId: source.newDaemonId(),
    nodeId: source.nodeId,
    version: source.version,
    createdAt: isoTime(clock.now()),
  };
  const bytes = Buffer.from(`${JSON.stringify(identity, null, 2)}\n`);
  await (found === undefined ? createFile(disk, file, bytes) : replaceFile(disk, file, [bytes]));
  return identity;
}

/** Undefined where there is none. @throws {ExitError} `damagedState` when the file does not hold an identity. */
export async function readIdentity(disk: Disk, file: string): Promise<Identity | undefined> {
  const text = await readSmallFile(disk, file);
  return text === undefined ? undefined : checked(file, text);
}

function checked(file: string, text: string): Identity {
  const document = parseObject(text);
  const fields = ["daemonId", "nodeId", "version", "createdAt"] as const;
  if (isObject(document) && fields.every((field) => typeof document[field] === "string" && document[field] !== "")) {
    return document as unknown as Identity;
  }
  throw new ExitError(EXIT.damagedState, `${file} does not hold an identity; remove it to become a new daemon`);
}
