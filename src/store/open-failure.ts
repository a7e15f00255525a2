// What the operating system refuses while the store is opened, in words for the person who has to put it right.
//
// Only words and exit codes: nothing is tried again here.

import { errorCode } from "../base/error-code.ts";
import { EXIT, ExitError } from "../core/errors.ts";

const NOT_REGULAR = "something that is no regular file stands in the place of a file of codexd's; move it away";
const NOT_ALLOWED = "a file of codexd's is not this user's to read or to write; give it back with chown";

/** By the code of the error; what is not here is the disk's own failure. */
const REFUSALS: Readonly<Record<string, string>> = {
  ELOOP: "a file of codexd's is a symbolic link",
  EISDIR: NOT_REGULAR,
  ENXIO: NOT_REGULAR,
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
};

/** An error of the system as the end of the process; any other is given back as it is. */
export function asExitError(error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof ExitError || !(error instanceof Error)) return error;
  const refusal = REFUSALS[code];
  const options = { cause: error };
  if (refusal === undefined) return new ExitError(EXIT.diskFailed, `the disk: ${error.message}`, options);
  return new ExitError(EXIT.config, `${refusal} (${error.message})`, options);
}

/** What `work` gives. @throws (rejects) what it does, as `asExitError` words it. */
export async function orExitError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asExitError(error);
  }
}
