// When to try again after a stream has broken, and how long to wait before it.
//
// Invariant: nothing is tried again unless it has worked once, so that a wrong address is told at once; and nothing
// that another try cannot cure, such as a token that is refused.

import { sleep, type Clock } from "../base/clock.ts";
import { backoffDelayMs } from "../core/backoff.ts";
import { LIMITS } from "../core/limits.ts";
import { CodexdClientError } from "./errors.ts";

export interface Reconnect {
  /** The daemon has answered. */
  connected(): void;
  /** Something has come: the waits begin anew. */
  alive(): void;
  /** Waits before the next try. @throws (rejects) `error` where there is none, the signal's reason when it aborts. */
  wait(error: unknown): Promise<void>;
}

export interface ReconnectOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onLost: (error: CodexdClientError, retryMs: number) => void;
}

export function createReconnect({ clock, random, signal, onLost }: ReconnectOptions): Reconnect {
  let everConnected = false;
  let failures = 0;
  return {
    connected: () => void (everConnected = true),
    alive: () => void (failures = 0),
    async wait(error) {
      signal.throwIfAborted();
      if (!everConnected || !(error instanceof CodexdClientError) || !mayPass(error)) throw error;
      failures += 1;
      const retryMs = backoffDelayMs(failures, LIMITS.clientReconnect, random);
      onLost(error, retryMs);
      await sleep(clock, retryMs, signal);
      signal.throwIfAborted();
    },
  };
}

const PASSING_CODES: ReadonlySet<string> = new Set(["no_daemon", "request_failed", "reply_timeout"]);

/** Whether it may be over by itself: a daemon that starts, ends, or has too much to do. */
function mayPass({ code, status }: CodexdClientError): boolean {
  if (status === null) return PASSING_CODES.has(code);
  return status >= 500 || status === 429 || status === 408;
}
