// Whether a path lies at or below another one, as the file system has it.
//
// Synchronous, because an approval is judged in one go; whoever asks bounds how often. Invariants: a path that a link
// leads out of the scope is not in it, also where the last part of it does not exist yet; what cannot be found out is
// not in it. A link that is put there afterwards is not seen.

import fs from "node:fs";
import path from "node:path";
import { errorCode } from "../../base/error-code.ts";

export interface PathScope {
  holds(candidate: string): boolean;
}

/** The scope of `root`, with what its links lead to by now. */
export function createPathScope(root: string): PathScope {
  const named = path.resolve(root);
  const real = realPath(named);
  return {
    holds(candidate) {
      if (real === null || !isPlainPath(candidate)) return false;
      const resolved = path.resolve(candidate);
      if (!isBelow(resolved, named) && !isBelow(resolved, real)) return false;
      const found = realPath(resolved);
      return found !== null && isBelow(found, real);
    },
  };
}

/** Of `..` behind a link nobody can say by its text alone where it leads. */
function isPlainPath(candidate: string): boolean {
  return path.isAbsolute(candidate) && !candidate.includes("\0") && !candidate.split("/").includes("..");
}

function isBelow(candidate: string, root: string): boolean {
  return candidate === root || candidate.startsWith(root.endsWith("/") ? root : `${root}/`);
}

/** Where `absolute` leads, as far as it exists; null where that cannot be said. */
function realPath(absolute: string): string | null {
  let existing = absolute;
  for (;;) {
    try {
      return path.join(fs.realpathSync.native(existing), path.relative(existing, absolute));
    } catch (error) {
      // A link to what does not exist yet is there all the same, and what is written goes where it leads.
      if (errorCode(error) !== "ENOENT" || isThere(existing)) return null;
      existing = path.dirname(existing);
    }
  }
}

function isThere(name: string): boolean {
  try {
    return fs.lstatSync(name, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // It may be: a doubt.
    return true;
  }
}
