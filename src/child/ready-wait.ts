// Those who wait for an app-server that starts or restarts.
//
// Deliberately not when there is one (supervisor.ts). Invariant: each waiter is answered once, after
// `LIMITS.childReadyWaitMs` at the latest, and leaves no timer behind.

import type { Clock } from "../base/clock.ts";
import { CodexdError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { ChildState } from "../core/records.ts";

export interface ReadyWait<T> {
  /** To be called when any of what it was given may say something else. */
  changed(): void;
  /** @throws (rejects) {CodexdError} the refusal, or `not_ready` when the time is over. */
  wait(): Promise<T>;
}

export interface ReadyWaitOptions<T> {
  readonly clock: Clock;
  readonly current: () => T | undefined;
  /** Why there is none to wait for. */
  readonly refusal: () => CodexdError | undefined;
  readonly state: () => Pick<ChildState, "status" | "lastError">;
}

export function createReadyWait<T>({ clock, current, refusal, state }: ReadyWaitOptions<T>): ReadyWait<T> {
  const waiters = new Set<() => void>();
  return {
    changed() {
      for (const look of [...waiters]) look();
    },
    wait() {
      return new Promise((resolve, reject) => {
        const timer = clock.after(LIMITS.childReadyWaitMs, () => {
          waiters.delete(look);
          const { status, lastError } = state();
          const why = lastError === null ? "" : `: ${lastError}`;
          reject(new CodexdError("not_ready", `the app-server is ${status}${why}`, { child: status }));
        });
        const look = (): void => {
          const error = refusal();
          const found = current();
          if (found === undefined && error === undefined) return;
          timer.cancel();
          waiters.delete(look);
          if (error !== undefined) reject(error);
          else if (found !== undefined) resolve(found);
        };
        waiters.add(look);
        look();
      });
    },
  };
}
