// One timer for all WebSocket connections of a server: it drives their pings and finds the silent and the slow.
//
// Invariant: there is a timer exactly while a connection is watched.

import type { Clock, Timer } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { WsConnection } from "./ws-connection.ts";

export interface WsTicker {
  /** Ticks the connection every `LIMITS.wsTickMs` until its socket has gone. */
  watch(connection: Pick<WsConnection, "tick">): void;
  /** Ends the timer and forgets all connections. */
  stop(): void;
}

export function createWsTicker(clock: Clock): WsTicker {
  const watched = new Set<Pick<WsConnection, "tick">>();
  let timer: Timer | undefined;

  const tick = (): void => {
    const nowMs = clock.monotonic();
    for (const connection of watched) {
      if (!connection.tick(nowMs)) watched.delete(connection);
    }
    timer = watched.size === 0 ? undefined : clock.after(LIMITS.wsTickMs, tick);
  };

  return {
    watch(connection) {
      watched.add(connection);
      timer ??= clock.after(LIMITS.wsTickMs, tick);
    },
    stop() {
      watched.clear();
      timer?.cancel();
      timer = undefined;
    },
  };
}
