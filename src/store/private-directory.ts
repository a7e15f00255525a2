// Makes sure that a directory is the user's own and closed to everybody else, or refuses it.
//
// Invariant: no directory is opened up; a shared one (sticky, such as the system's temporary directory) is never closed
// to those who share it, nor one that was named by mistake.

import { ExitError, EXIT, errorMessage } from "../core/errors.ts";
import type { Disk, DiskStat } from "./disk.ts";

const OPEN_TO_OTHERS = 0o077;
const STICKY = 0o1000;

/**
 * Makes `directory` with mode 0700, or closes the one that is there.
 *
 * @param uid the user's id; undefined where the platform has none.
 * @throws {ExitError} `config` when it is a link, no directory, somebody else's, or cannot be closed.
 */
export async function openPrivateDirectory(disk: Disk, directory: string, uid = process.getuid?.()): Promise<void> {
  try {
    if ((await disk.stat(directory)) === undefined) await disk.makeDirectory(directory);
  } catch (error) {
    throw refused(directory, `it cannot be made (${errorMessage(error)})`);
  }
  const found = await disk.stat(directory);
  if (found?.kind === "link") throw refused(directory, "it is a symbolic link; name the directory itself");
  if (found?.kind !== "directory") throw refused(directory, "it is not a directory");
  if (uid !== undefined && found.uid !== uid) {
    throw refused(directory, `it belongs to the user with id ${found.uid}, not to this one (${uid})`);
  }
  if ((found.mode & OPEN_TO_OTHERS) !== 0) await closeToOthers(disk, directory, found);
}

/**
 * As `openPrivateDirectory`, for the state directory itself: of one that others can enter and that holds anything but
 * a codexd's state (a web root, `/usr`) the mode stays as it is.
 *
 * @throws {ExitError} `config`.
 */
export async function openStateDirectory(disk: Disk, directory: string, uid = process.getuid?.()): Promise<void> {
  const found = await disk.stat(directory).catch(() => undefined);
  const closable = found?.kind === "directory" && (uid === undefined || found.uid === uid);
  if (closable && (found.mode & OPEN_TO_OTHERS) !== 0 && (found.mode & STICKY) === 0) {
    const names = await disk.list(directory);
    if (names.length > 0 && !names.some((name) => STATE_FILES.has(name))) {
      throw refused(directory, "it is open to others and holds files that are not codexd's; name a new or an empty " +
        "one, or close it (chmod 700) where it is meant to be codexd's as well");
    }
  }
  await openPrivateDirectory(disk, directory, uid);
}

/** Those by which a state directory is known, of which an early end or a person may have left some. */
const STATE_FILES: ReadonlySet<string> = new Set([
  "identity.json", "daemon-state.json", "session-registry.json", "token",
]);

async function closeToOthers(disk: Disk, directory: string, found: DiskStat): Promise<void> {
  if ((found.mode & STICKY) !== 0) throw refused(directory, "it is a shared directory; name one inside it");
  try {
    await disk.chmod(directory, 0o700);
  } catch (error) {
    throw refused(directory, `it is open to others and cannot be closed (${errorMessage(error)})`);
  }
  const closed = await disk.stat(directory);
  if (closed === undefined || (closed.mode & OPEN_TO_OTHERS) !== 0) {
    throw refused(directory, "it is open to others and cannot be closed (the mode does not change)");
  }
}

function refused(directory: string, reason: string): ExitError {
  return new ExitError(EXIT.config, `the directory ${directory} cannot be used: ${reason}`);
}
