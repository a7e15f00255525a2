// The token out of a file that a caller names.
//
// Plain reading, no repair. Invariant: nothing of what is in the file gets into an error, it may be another secret.

import { readFile, stat } from "node:fs/promises";
import { errorCode } from "../base/error-code.ts";
import { errorMessage } from "../core/errors.ts";
import { clientError } from "./errors.ts";

/** Far more than a token has: whatever else the name leads to is not read into memory. */
const FILE_BYTES_MAX = 64 * 1024;

/** The token in `file`, null when there is no file. @throws (rejects) {CodexdClientError} `bad_token`. */
export async function readTokenFile(file: string): Promise<string | null> {
  let text: string;
  try {
    const { size, isFile } = await fileFacts(file);
    // Reading a pipe would wait for whoever writes to it, for ever.
    if (!isFile) throw new Error("it is not a regular file");
    if (size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    text = await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw clientError("bad_token", `${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  const token = text.trim();
  if (isToken(token)) return token;
  throw clientError("bad_token", `${file} does not hold a token: it takes one line of visible ASCII characters`);
}

/** Whether it can stand in a header as it is. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

async function fileFacts(file: string): Promise<{ size: number; isFile: boolean }> {
  const found = await stat(file);
  return { size: found.size, isFile: found.isFile() };
}
