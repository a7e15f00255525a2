// Restarts a child that has grown above `--child-max-rss`, when nobody needs it.
//
// Deliberately never one that has work: a turn, a question, a call or a command that still runs. Codex has its threads
// on disk, and the next turn of each session loads its own again. Invariant: one look at a time, `childSizeCheckMs`
// apart, and none once codexd stops.

import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { errorMessage } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ChildSize } from "../../core/processes.ts";
import type { WorkGate } from "../work-gate.ts";
import type { AppServerGate } from "./app-server.ts";

export interface ChildWatch {
  /** To be called with each child that has answered the handshake. */
  begin(): void;
}

export interface ChildWatchOptions {
  /** Null is off. */
  readonly maxRssBytes: number | null;
  readonly appServer: AppServerGate;
  readonly open: { all(): readonly unknown[] };
  readonly approvals: { readonly pending: number };
  readonly size: () => Promise<ChildSize | null>;
  readonly restart: (why: string) => Promise<void>;
  readonly gate: WorkGate;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createChildWatch(options: ChildWatchOptions): ChildWatch {
  const { maxRssBytes, appServer, open, approvals, size, restart, gate, clock, log } = options;
  let timer: Timer | undefined;

  const look = async (max: number): Promise<void> => {
    const server = appServer.current;
    const found = await size();
    // It may have become another child while that was read.
    if (server === undefined || appServer.current !== server || gate.isDraining) return;
    if (found !== null && found.rssBytes > max && isIdle(server.client.underWay, found)) {
      return restart(`its resident size of ${found.rssBytes} bytes is above the ${max} of --child-max-rss`);
    }
    arm(max);
  };

  const isIdle = (callsUnderWay: number, { commands }: ChildSize): boolean =>
    callsUnderWay === 0 && commands === 0 && open.all().length === 0 && approvals.pending === 0;

  const arm = (max: number): void => {
    timer?.cancel();
    timer = clock.after(LIMITS.childSizeCheckMs, () => {
      look(max).catch((error: unknown) => log.error("no look at the child", { reason: errorMessage(error) }));
    });
  };

  gate.onDrain(() => timer?.cancel());
  return {
    begin() {
      if (maxRssBytes !== null && !gate.isDraining) arm(maxRssBytes);
    },
  };
}
