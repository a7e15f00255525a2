// The open turns as the watch of quiet work sees them, and what becomes of one that was quiet for too long.
//
// Deliberately not when (stall-watch.ts) and not how it is ended (turn-stop.ts). Invariants: a turn that waits for a
// person is never told of; one that was ended for its silence says so in its receipt, unless it has ended by itself
// after all, or somebody else had asked for its end before.

import type { Logger } from "../../base/log.ts";
import { CodexdError, errorMessage } from "../../core/errors.ts";
import type { EventDraft } from "../../core/event.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import { ownTurnError } from "../receipts/receipts.ts";
import type { Quiet } from "../stall-watch.ts";
import type { CodexdStore } from "../tables.ts";
import { activityOf, type Activity } from "./liveness.ts";
import type { OpenTurn } from "./open-turn.ts";
import type { OpenTurns } from "./open-turns.ts";
import { idsOf } from "./turn-records.ts";
import type { StopTurn } from "./turn-stop.ts";

export interface QuietTurnsOptions {
  readonly store: Pick<CodexdStore, "append">;
  readonly open: Pick<OpenTurns, "all" | "onEnding">;
  readonly stop: StopTurn;
  readonly appServer: Pick<AppServerGate, "current">;
  readonly log: Logger;
}

const DOING: Record<Exclude<Activity, "awaiting_approval">, string> = {
  starting: "Codex has not begun it",
  model: "the model says nothing",
  tool: "a tool runs and prints nothing",
  reconnecting: "the model's provider cannot be reached, or the connection to the app-server is lost",
};

/** What to give to `createStallWatch`; called once. */
export function createQuietTurns(options: QuietTurnsOptions): () => Quiet[] {
  const { store, open, stop, appServer, log } = options;
  /** Those that are ended for their silence, and for how long each had been quiet. */
  const silenced = new WeakMap<OpenTurn, number>();
  const asked = new WeakSet<OpenTurn>();

  open.onEnding((turn, { status }) => {
    const quietMs = silenced.get(turn);
    if (quietMs === undefined || status !== "interrupted") return;
    turn.receipt.error = ownTurnError("stalled", `the turn was interrupted: it had been quiet for ${quietMs} ms`);
  });

  const interrupt = (turn: OpenTurn, quietMs: number): void => {
    // While nothing is connected nobody knows whether it is quiet.
    if (appServer.current === undefined || asked.has(turn)) return;
    if (turn.interruptRequested && !silenced.has(turn)) return;
    asked.add(turn);
    if (!silenced.has(turn)) silenced.set(turn, quietMs);
    stop(turn).catch((error: unknown) => {
      // It is tried again at the next look: a Codex that does not answer may do so later.
      asked.delete(turn);
      const { submissionId, turnId } = turn.record;
      const code = error instanceof CodexdError ? error.code : null;
      log.warn("a quiet turn could not be interrupted", { submissionId, turnId, code, reason: errorMessage(error) });
    });
  };

  const quietOf = (turn: OpenTurn): Quiet[] => {
    const state = activityOf(turn);
    const isWritten = turn.phase === "submitted" || turn.phase === "accepted";
    if (state === "awaiting_approval" || !isWritten) return [];
    return [{
      work: turn,
      progressMs: turn.progressMonotonicMs,
      warn: (quietMs) => void store.append(stalledEvent(turn, state, quietMs)),
      interrupt: (quietMs) => interrupt(turn, quietMs),
    }];
  };

  return () => open.all().flatMap(quietOf);
}

function stalledEvent(turn: OpenTurn, state: keyof typeof DOING, quietMs: number): EventDraft {
  const { turnId } = turn.record;
  return {
    level: "warn", type: "turn.stalled",
    message: `the turn has been quiet for ${Math.round(quietMs / 1000)} s: ${DOING[state]}`,
    detail: { ...idsOf(turn.record), turnId, state, quietMs },
  };
}
