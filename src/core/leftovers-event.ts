// The event that says which processes codexd has ended, beyond those that it had started itself.
//
// Invariant: a search that found nothing says nothing; of what it found the event names the first, and how many it was.

import type { EventDetail, EventDraft } from "./event.ts";
import { LIMITS } from "./limits.ts";
import type { StopReport } from "./processes.ts";

/** When the leftovers were ended: with a session's turn, at the start, after the child's death, at the stop. */
export type SweepReason = "interrupted" | "daemon_started" | "child_exited" | "daemon_stopped";

/** Null where there was nothing. `ids` are those that the event is about. */
export function leftoversEvent(
  reason: SweepReason, { stopped, survived }: StopReport, ids: EventDetail = {},
): EventDraft | null {
  if (stopped.length === 0 && survived.length === 0) return null;
  const processes = stopped.length === 1 ? "process" : "processes";
  const failed = survived.length === 0 ? "" : `; ${survived.length} could not be ended`;
  const max = LIMITS.leftoversTold;
  return {
    level: survived.length === 0 ? "info" : "warn",
    type: "processes.ended",
    message: `ended ${stopped.length} ${processes} that Codex had left running${failed}`,
    detail: { ...ids, reason, stopped: stopped.slice(0, max), survived: survived.slice(0, max) },
  };
}
