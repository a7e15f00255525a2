// The bearer token of a remote app-server, out of the file that the operator has put it in.
//
// Read at each connect, so that a token that is replaced there counts from then on. Invariants: what the file holds
// stands in no error; a file that others than its owner can open holds no secret, and is refused.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

const OPEN_TO_OTHERS = 0o077;
/** What can stand in a header line. */
export const BEARER_TOKEN = /^[\x21-\x7e]+$/;

/** The token, without the blanks around it. @throws (rejects) {Error} that names the file and what is wrong with it. */
export async function readBearerFile(file: string): Promise<string> {
  try {
    // A FIFO without a writer would hold whoever opens it.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new Error("it is not a regular file");
      if ((found.mode & OPEN_TO_OTHERS) !== 0) {
        throw new Error(`it is open to others (mode ${(found.mode & 0o777).toString(8)}); it takes chmod 600`);
      }
      if (found.size > LIMITS.bearerFileBytesMax) {
        throw new Error(`it has ${found.size} bytes and takes ${LIMITS.bearerFileBytesMax} at most`);
      }
      const token = (await handle.readFile("utf8")).trim();
      if (!BEARER_TOKEN.test(token)) throw new Error("it takes one line of visible ASCII characters");
      return token;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Error(`the token file ${file} cannot be used: ${errorMessage(error)}`, { cause: error });
  }
}
