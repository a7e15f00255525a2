// Ids of codexd's own. They are the only part of a file name that varies, so their alphabet is closed.
//
// Invariant: an id is a prefix of three letters, `_`, and hex digits, whatever its source of randomness gives.

import { randomUUID } from "node:crypto";

export type UuidSource = () => string;
export const systemUuid: UuidSource = randomUUID;

export type IdKind = "session" | "turn" | "run" | "approval" | "upload" | "daemon";

const PREFIX: Record<IdKind, string> = {
  session: "ses",
  turn: "sub",
  run: "run",
  approval: "apr",
  upload: "upl",
  daemon: "dmn",
};

/** `<prefix>_<32 hex digits>`; a turn's id is its `submissionId`. */
export function createId(kind: IdKind, uuid: UuidSource): string {
  return `${PREFIX[kind]}_${uuid().replaceAll("-", "")}`;
}
