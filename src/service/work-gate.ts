// Whether new work may begin: not once the daemon has begun to stop, and no sessions in `exec` mode.
// Reads and stops pass it always; whoever begins something asks it first.

import { createLatch } from "../base/latch.ts";
import type { DaemonMode } from "../core/config.ts";
import { CodexdError } from "../core/errors.ts";

export interface WorkGate {
  /** @throws {CodexdError} `draining` or `wrong_mode`. */
  assertOpen(): void;
  /** For what needs no app-server. @throws {CodexdError} `draining`. */
  assertNotDraining(): void;
  drain(): void;
  /** The daemon has begun to stop. */
  readonly isDraining: boolean;
  /** Calls `listener` once, when the daemon begins to stop or has; gives the way to leave. */
  onDrain(listener: () => void): () => void;
}

export function createWorkGate(mode: DaemonMode): WorkGate {
  const draining = createLatch<true>();
  const assertNotDraining = (): void => {
    if (draining.isSet) throw new CodexdError("draining", "codexd is stopping and takes no new work");
  };
  return {
    assertNotDraining,
    assertOpen() {
      assertNotDraining();
      if (mode === "exec") {
        throw new CodexdError("wrong_mode", "codexd runs with --mode exec, which has no sessions and turns");
      }
    },
    drain() {
      draining.set(true);
    },
    get isDraining() {
      return draining.isSet;
    },
    onDrain: (listener) => draining.onSet(listener),
  };
}
