// Why a turn is quiet, and for how long it has been: one answer for its record and for the daemon's status.
//
// Only reads. Invariant: what a person must do something about comes before what only takes its time.

import type { TurnLiveness } from "../core/records.ts";
import type { OpenTurn } from "./open-turns.ts";

type Watched = Pick<OpenTurn, "phase" | "receipt" | "progressMonotonicMs">;

/** @param nowMs by the monotonic clock. */
export function livenessOf(turn: Watched, nowMs: number): TurnLiveness {
  return { state: stateOf(turn), quietMs: Math.max(0, Math.round(nowMs - turn.progressMonotonicMs)) };
}

function stateOf({ phase, receipt }: Watched): TurnLiveness["state"] {
  if (receipt.approvals.pending.size > 0) return "awaiting_approval";
  if (receipt.reconnecting) return "reconnecting";
  if (phase !== "accepted" || !receipt.started) return "starting";
  return receipt.openTools.size > 0 ? "tool" : "model";
}
