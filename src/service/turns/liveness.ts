// Why a turn is quiet, and for how long it has been: one answer for its record and for the daemon's status.
//
// Only reads. Invariant: what a person must do something about comes before what only takes its time. A tool may work
// in silence for as long as it likes, and a connection that is tried again says so itself: only where Codex ought to
// be speaking is silence called `stalled`.

import type { TurnLiveness } from "../../core/records.ts";
import type { OpenTurn } from "./open-turn.ts";

type Watched = Pick<OpenTurn, "phase" | "receipt" | "progressMonotonicMs">;

/** What something that runs does, whether or not it has been quiet for too long. */
export type Activity = Exclude<TurnLiveness["state"], "stalled">;

/**
 * @param nowMs by the monotonic clock.
 * @param stallMs from this age of the last progress on the turn is `stalled`; null is never.
 */
export function livenessOf(turn: Watched, nowMs: number, stallMs: number | null): TurnLiveness {
  return aged(activityOf(turn), nowMs - turn.progressMonotonicMs, stallMs);
}

export function activityOf({ phase, receipt }: Pick<Watched, "phase" | "receipt">): Activity {
  if (receipt.approvals.pending.size > 0) return "awaiting_approval";
  if (receipt.reconnecting) return "reconnecting";
  if (phase !== "accepted" || !receipt.started) return "starting";
  return receipt.openTools.size > 0 ? "tool" : "model";
}

/** The activity with its age in milliseconds, by its own name or as `stalled`. */
export function aged<A extends Activity>(
  activity: A, ageMs: number, stallMs: number | null,
): { readonly state: A | "stalled"; readonly quietMs: number } {
  const quietMs = Math.max(0, Math.round(ageMs));
  const mustSpeak = activity === "starting" || activity === "model";
  return { state: mustSpeak && stallMs !== null && quietMs >= stallMs ? "stalled" : activity, quietMs };
}
