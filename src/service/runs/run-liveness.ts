// Why a run is quiet, and for how long it has been: the same answer as a turn's, out of what `codex exec` prints.
//
// It prints whole items and no deltas, so a long answer of the model is silence here: `stalled` is a word for people,
// and nothing is ended for it. Invariants: only what brings the run further counts as progress, and another try that
// it announces does not; what is kept has a bound.

import type { Clock } from "../../base/clock.ts";
import { isObject } from "../../base/decode.ts";
import { isRetry } from "../../codex/exec-events.ts";
import { isRunningTool } from "../../codex/exec-items.ts";
import { LIMITS } from "../../core/limits.ts";
import type { RunLiveness } from "../../core/runs.ts";
import { aged } from "../turns/liveness.ts";

export interface RunPulse {
  /** When it was last seen to get on, by the monotonic clock. */
  readonly progressMs: number;
  /** What it does, whether or not it has been quiet for too long. */
  readonly activity: Exclude<RunLiveness["state"], "stalled">;
  /** Takes in an object as it was printed. */
  note(event: Record<string, unknown>): void;
  /** @param stallMs from this age of the last progress on the run is `stalled`; null is never. */
  liveness(stallMs: number | null): RunLiveness;
}

export function createRunPulse(clock: Clock): RunPulse {
  let progressMs = clock.monotonic();
  let hasBegun = false;
  let isReconnecting = false;
  const openTools = new Set<string>();

  const activity = (): RunPulse["activity"] => {
    if (isReconnecting) return "reconnecting";
    if (!hasBegun) return "starting";
    return openTools.size > 0 ? "tool" : "model";
  };

  const noteItem = (type: unknown, item: Record<string, unknown>): void => {
    const { id } = item;
    if (typeof id !== "string") return;
    if (type === "item.completed") openTools.delete(id);
    else if (isRunningTool(item) && openTools.size < LIMITS.receiptItemsMax) openTools.add(id);
  };

  return {
    get progressMs() {
      return progressMs;
    },
    get activity() {
      return activity();
    },
    note(event) {
      const { type, item } = event;
      if (type === "error") {
        isReconnecting ||= isRetry(event);
        return;
      }
      isReconnecting = false;
      progressMs = clock.monotonic();
      if (type === "turn.started") hasBegun = true;
      if (typeof type !== "string" || !type.startsWith("item.") || !isObject(item)) return;
      hasBegun = true;
      noteItem(type, item);
    },
    liveness: (stallMs) => aged(activity(), clock.monotonic() - progressMs, stallMs),
  };
}
