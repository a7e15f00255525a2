// Directories that a caller names: refused while the request can still be refused, before anything is made of them.
//
// Deliberately no more than a look: what becomes of the directory afterwards, Codex says. Nothing is read in it.

import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { mismatch } from "../base/decode.ts";

/** @throws (rejects) {DecodeError} with the field's name, where `path` is not a directory that can be entered. */
export async function requireDirectory(field: string, path: string): Promise<void> {
  // Whatever keeps it from being seen keeps Codex, which is the same user, from working there.
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() !== true) throw mismatch(field, path, "an existing directory");
  const canEnter = await access(path, constants.X_OK).then(() => true, () => false);
  if (!canEnter) throw mismatch(field, path, "a directory that can be entered");
}
