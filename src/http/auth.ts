// The token: who has it may do all that codexd's user may do.
//
// Only `Authorization: Bearer` counts; a query, a cookie or a body is never looked at.
// Invariant: tokens are kept and compared as SHA-256 digests, in constant time, and no token reaches the log.

import { hash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";

/** What an `Authorization` field is worth: there is none, it holds the token, or it holds something else. */
export type Credentials = "none" | "right" | "wrong";

/** Where a connection keeps what it has proved; null until it has. */
export interface ProofKeeper {
  proof: Proof | null;
}

/** The field that was right, and the digest that it was right for. */
export interface Proof {
  readonly field: string;
  readonly digest: Buffer;
}

export interface Authenticator {
  /**
   * A connection that has shown the token is from then on compared with what it showed, in plain: it learns nothing
   * that it does not know, and hashing costs more than all the rest of the guard.
   *
   * @param authorization the field's value, null where it did not come.
   */
  judge(authorization: string | null, keeper: ProofKeeper): Credentials;
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
    judge(authorization, keeper) {
      if (authorization === null) return "none";
      if (keeper.proof?.digest === right && keeper.proof.field === authorization) return "right";
      const sent = /^bearer +([^ ]+)$/i.exec(authorization)?.[1];
      if (sent !== undefined && timingSafeEqual(digest(sent), right)) {
        keeper.proof = { field: authorization, digest: right };
        return "right";
      }
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
