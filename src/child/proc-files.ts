// Files of the process file system, of processes that may go at any moment, or be somebody else's.
//
// Deliberately no errors: what cannot be read says nothing. For walks off the event path; process-tree.ts, which must
// judge a process in one moment, reads by itself.

import { readdir, readFile } from "node:fs/promises";

/** The names in a directory; none where it has gone, or is another user's. */
export async function listProcDirectory(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch {
    // It has gone meanwhile, or is another user's.
    return [];
  }
}

/** Empty where it has gone, or is another user's. */
export async function readProcFile(file: string): Promise<string> {
  try {
    return await readFile(file, "latin1");
  } catch {
    return "";
  }
}
