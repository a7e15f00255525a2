// The runs under way as the watch of quiet work sees them.
//
// Deliberately nothing is ended here: `codex exec` prints whole items alone, so a long answer is silence, and whoever
// wants an end has `timeoutMs`. Invariant: of a quiet period one event is written, at its limit.

import type { Quiet } from "../stall-watch.ts";
import type { CodexdStore } from "../tables.ts";
import type { Activity } from "../turns/liveness.ts";
import { runEvent } from "./run-records.ts";
import type { Runs } from "./runs.ts";

const DOING: Record<Exclude<Activity, "awaiting_approval">, string> = {
  starting: "Codex has not begun",
  model: "nothing was printed",
  tool: "a tool runs",
  reconnecting: "the model's provider cannot be reached",
};

/** A part of what `createStallWatch` looks at. */
export function createQuietRuns(store: Pick<CodexdStore, "append">, runs: Pick<Runs, "running">): () => Quiet[] {
  return () => runs.running().map(({ run, pulse }) => ({
    work: pulse,
    progressMs: pulse.progressMs,
    warn(quietMs) {
      const state = pulse.activity;
      const message = `the run has been quiet for ${Math.round(quietMs / 1000)} s: ${DOING[state]}`;
      store.append({ ...runEvent("run.stalled", message, run, { state, quietMs }), level: "warn" });
    },
  }));
}
