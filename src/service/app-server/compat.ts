// Whether the app-server that runs now is what codexd was written for.
//
// Deliberately not what codexd needs (codex/compatibility.ts): only what this app-server has said that it lacks is kept
// here. Invariants: what one has lacked says nothing of the next one; at most the methods of that table are kept.

import { judgeCompat, lacksMethod } from "../../codex/compatibility.ts";
import type { CompatReport } from "../../core/status.ts";
import type { AppServerGate } from "./app-server.ts";

export interface Compat {
  /** Is told each call that the running app-server has refused, and in which words. */
  refused(method: string, message: string): void;
  report(): CompatReport;
}

export interface CompatOptions {
  /** codexd's own version. */
  readonly ownVersion: string;
  /** Asked for when it is there: it needs this part to be made. */
  readonly appServer: () => Pick<AppServerGate, "version" | "current">;
}

export function createCompat({ ownVersion, appServer }: CompatOptions): Compat {
  const lacking = new Set<string>();
  let generation: number | undefined;

  /** What is known is of the newest one, also while it restarts. */
  const forgetOlder = (): void => {
    const now = appServer().current?.generation;
    if (now === undefined || now === generation) return;
    lacking.clear();
    generation = now;
  };

  return {
    refused(method, message) {
      if (!lacksMethod(method, message)) return;
      forgetOlder();
      lacking.add(method);
    },

    report() {
      forgetOlder();
      const { version, current } = appServer();
      return judgeCompat({ version, connected: current !== undefined, lacking, ownVersion });
    },
  };
}
