// A restart of the app-server, asked for by a person.
//
// Deliberately not how it is done (child/supervisor.ts). Invariant: its answer shows the child as it is after the
// restart, working or not: that a child fails again is no refusal of the restart.

import { CodexdError } from "../../core/errors.ts";
import type { ChildState } from "../../core/records.ts";
import type { ChildService } from "../services.ts";
import type { WorkGate } from "../work-gate.ts";
import type { AppServerGate } from "./app-server.ts";

export interface ChildServiceOptions {
  readonly appServer: AppServerGate;
  /** Undefined in `exec` mode. */
  readonly restart: ((why: string) => Promise<void>) | undefined;
  readonly gate: WorkGate;
  /** Resolves when all that was told is in the journal. */
  readonly settled: () => Promise<void>;
}

export function createChildService({ appServer, restart, gate, settled }: ChildServiceOptions): ChildService {
  return {
    async restart(): Promise<ChildState> {
      gate.assertNotDraining();
      if (restart === undefined) {
        throw new CodexdError("wrong_mode", "codexd runs with --mode exec, which has no app-server to restart");
      }
      await restart("asked for");
      await appServer.ready().catch(passUnlessDraining);
      await settled();
      return appServer.state;
    },
  };
}

function passUnlessDraining(error: unknown): void {
  if (!(error instanceof CodexdError) || error.code === "draining") throw error;
}
