// A small file as text, for whoever parses all of it at once.
//
// Deliberately not for checkpoints and journals, whose size is their records'. Invariant: what stands in the place of
// a file of codexd's never costs more memory than such a file may.

import { errorCode } from "../base/error-code.ts";
import { LIMITS } from "../core/limits.ts";
import type { Disk } from "./disk.ts";

/** Holds no JSON: whatever is so large was not written by codexd, and is as good as damaged. */
const UNREADABLE = "";

/** Undefined where there is none. @throws (rejects) what the disk refuses. */
export async function readSmallFile(disk: Disk, file: string): Promise<string | undefined> {
  try {
    const found = await disk.stat(file);
    if (found?.kind === "file" && found.bytes > LIMITS.smallFileBytesMax) return UNREADABLE;
    return (await disk.readFile(file)).toString("utf8");
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return undefined;
  }
}
