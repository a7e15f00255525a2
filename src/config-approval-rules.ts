// The file of `--approval-rules`, read once at the start.
//
// What rules match stands in service/approvals/approval-rules.ts. Invariants: the file decides what runs as this user,
// so one that somebody else could have written is refused; nothing of a bad file is used.

import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { parseApprovalRules, type ApprovalRuleList } from "./core/approval-rules.ts";
import { errorMessage, EXIT, ExitError } from "./core/errors.ts";
import { LIMITS } from "./core/limits.ts";

const WRITABLE_BY_OTHERS = 0o022;

/**
 * No file, no rules. Links are followed: the checks are about the file that is read.
 *
 * @param uid the user's id; undefined where the platform has none.
 * @throws (rejects) {ExitError} `config` that names the file and what is wrong with it.
 */
export async function loadApprovalRules(file: string | null, uid = process.getuid?.()): Promise<ApprovalRuleList> {
  if (file === null) return [];
  try {
    // A FIFO without a writer would hold whoever opens it.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return parseApprovalRules(await readTrusted(handle, uid));
    } finally {
      await handle.close();
    }
  } catch (error) {
    const message = `--approval-rules: ${file} cannot be used: ${errorMessage(error)}`;
    throw new ExitError(EXIT.config, message, { cause: error });
  }
}

async function readTrusted(handle: FileHandle, uid: number | undefined): Promise<string> {
  const found = await handle.stat();
  if (!found.isFile()) throw new Error("it is not a regular file");
  if (uid !== undefined && found.uid !== uid && found.uid !== 0) {
    throw new Error(`it belongs to the user with id ${found.uid}, not to this one (${uid}) or root`);
  }
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new Error(`others than its owner can write to it (mode ${(found.mode & 0o777).toString(8)}); ` +
      "it takes chmod go-w");
  }
  if (found.size > LIMITS.approvalRulesBytesMax) {
    throw new Error(`it has ${found.size} bytes and takes ${LIMITS.approvalRulesBytesMax} at most`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await handle.readFile());
  } catch {
    throw new Error("it is not UTF-8");
  }
}
