// Whose a socket is that was not named but found: a directory's files may lead to one that somebody else has planted.
//
// Deliberately not for a socket or URL that a user names: that word counts. Invariant: nothing is sent to a socket that
// another user can have made; no token is lost there, but prompts would be, and made up answers believed.

import { lstat, stat } from "node:fs/promises";

/**
 * The id of the user who owns it, or the link that leads to it; null where that is this user or root, who could read
 * all of it anyway, and where there is none.
 *
 * @param uid the user's own id; undefined where the platform has none.
 */
export async function strangerAt(socketPath: string, uid = process.getuid?.()): Promise<number | null> {
  if (uid === undefined) return null;
  for (const look of [lstat, stat]) {
    // What cannot be looked at cannot be connected to either, and that attempt says why.
    const owner: number = await look(socketPath).then(({ uid: found }) => found, () => uid);
    if (owner !== uid && owner !== 0) return owner;
  }
  return null;
}
