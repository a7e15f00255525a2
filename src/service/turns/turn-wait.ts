// Waiting for a turn: for its end, or for the first question of Codex's that stands in its way.
//
// Giving up, by time or by a client that hangs up, ends the waiting alone. Invariant: whoever has waited leaves no
// timer and no listener behind, whichever way it went.

import type { Clock } from "../../base/clock.ts";
import { createLatch } from "../../base/latch.ts";
import type { ApprovalRecord } from "../../core/approvals.ts";
import type { Approvals } from "../approvals/approvals.ts";
import type { TurnWait } from "../services.ts";
import { within } from "../wait.ts";
import type { WorkGate } from "../work-gate.ts";
import { isWaiting, type OpenTurn } from "./open-turn.ts";

export interface TurnWaitOptions {
  readonly clock: Clock;
  readonly approvals: Pick<Approvals, "pendingOf" | "onPending">;
  readonly gate: Pick<WorkGate, "onDrain">;
  /** The app-server runs elsewhere, and its turns outlive the daemon. */
  readonly remote?: boolean;
}

/**
 * Resolves when the turn has ended, when it waits for an approval and that is what is waited for, when `ms` have
 * passed, or when `signal` aborts. Gives the approvals that it waits for; none where the waiting ended otherwise.
 */
export type WaitForTurn = (
  turn: OpenTurn, ms: number, waitFor: TurnWait, signal?: AbortSignal,
) => Promise<readonly ApprovalRecord[]>;

export function createTurnWait({ clock, approvals, gate, remote = false }: TurnWaitOptions): WaitForTurn {
  return async (turn, ms, waitFor, signal) => {
    const over = createLatch<readonly ApprovalRecord[]>();
    // Taken in the moment of the question: a rule or another client may have answered it a moment later.
    const look = (): void => {
      const pending = approvals.pendingOf(turn.record);
      if (pending.length > 0) over.set(pending);
    };
    const leaveEnd = turn.ended.onSet(() => over.set([]));
    // The daemon's stop ends the waiting for what outlives it, while there is a connection to answer on.
    const leaveGate = gate.onDrain(() => {
      if (remote || isWaiting(turn)) over.set([]);
    });
    const leavePending = waitFor === "approval" ? approvals.onPending(look) : () => undefined;
    try {
      if (waitFor === "approval" && !over.isSet) look();
      return (await within(clock, over, ms, signal)) ?? [];
    } finally {
      leaveEnd();
      leaveGate();
      leavePending();
    }
  };
}
