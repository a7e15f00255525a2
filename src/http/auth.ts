// The token: who has it may do all that codexd's user may do.
//
// Only `Authorization: Bearer` counts; a query, a cookie or a body is never looked at.
// Invariant: tokens are kept and compared as SHA-256 digests, in constant time, and no token reaches the log.

import { hash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";

/** What an `Authorization` field is worth: there is none, it holds the token, or it holds something else. */
export type Credentials = "none" | "right" | "wrong";

export interface Authenticator {
  /** @param authorization the field's value, null where it did not come. */
  judge(authorization: string | null): Credentials;
  /** From now on only `token` is right. */
  rotate(token: string): void;
}

const WRONG_LOG_MS = 1000;

/** Wrong tokens are logged at most once a second, with how many there were; they lock nobody out. */
export function createAuthenticator(token: string, clock: Clock, log: Logger): Authenticator {
  let right = digest(token);
  let loggedAt = -Infinity;
  let unlogged = 0;

  const noteWrong = (): void => {
    unlogged += 1;
    if (clock.monotonic() - loggedAt < WRONG_LOG_MS) return;
    log.warn("a wrong token was refused", { times: unlogged });
    loggedAt = clock.monotonic();
    unlogged = 0;
  };

  return {
    judge(authorization) {
      if (authorization === null) return "none";
      const sent = /^bearer +([^ ]+)$/i.exec(authorization)?.[1];
      if (sent !== undefined && timingSafeEqual(digest(sent), right)) return "right";
      noteWrong();
      return "wrong";
    },
    rotate(next) {
      right = digest(next);
    },
  };
}

function digest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}
