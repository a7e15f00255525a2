// One life of an app-server that runs elsewhere: a connection, from the attempt to have one to its end.
//
// Deliberately not: whether and when the next attempt is made (supervisor.ts), what an end means for turns (they go
// on without codexd). Invariant: `onEnd` is called exactly once, after the last message has been handled and every
// call has been settled.

import type { Clock } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { AppServerConnection, ConnectionHandlers } from "./connection.ts";
import type { Life, LifeCallbacks } from "./life.ts";
import { DialError } from "./ws-dial.ts";

export interface RemoteLifeOptions extends LifeCallbacks {
  /** Begins to connect; what is asked of the connection meanwhile waits for it. */
  connect(handlers: ConnectionHandlers): AppServerConnection;
  readonly handlers: Omit<ConnectionHandlers, "onClose">;
  readonly clock: Clock;
  /** Takes secrets out of what the server says of itself: it may send the token back. */
  readonly redact: (text: string) => string;
}

/** @throws what `connect` throws: an endpoint that cannot be used at all. */
export function startRemoteLife(options: RemoteLifeOptions): Life {
  const { connect, handlers, clock, redact, onDeaf, onEnd } = options;
  const ended = createDeferred<void>();
  let reason: string | null = null;
  let done = false;

  const client = connect({
    ...handlers,
    onClose(error = null) {
      if (done) return;
      done = true;
      if (error !== null) reason ??= redact(errorMessage(error));
      // A refusal can be lifted on the other side without a word: it is tried again, and seldom.
      const refused = error instanceof DialError && error.refused;
      onDeaf();
      onEnd({
        exitCode: null, signal: null, reason, spawnFailed: false, canRetry: true,
        ...(refused ? { retryAfterMs: LIMITS.childRestart.mostMs } : {}),
      });
      ended.resolve();
    },
  });

  return {
    pid: null,
    client,
    spawned: Promise.resolve(),
    async stop() {
      if (done) return;
      // Reading may be on hold, and the answer to the close would not be seen.
      client.resume();
      client.close();
      // A connection whose close never ends is not waited for longer than a child would be.
      const timer = clock.after(2 * LIMITS.childStopGraceMs, () => client.abort());
      await ended.promise;
      timer.cancel();
    },
    abandon(why) {
      reason ??= redact(why);
      client.abort();
    },
  };
}
