// Interrupt means ended: asks Codex until it obeys, and answers when the turn has its end.
//
// Codex refuses an interrupt in the moment between its answer to turn/start and turn/started, and the turn runs on;
// 0.116 does not answer at all when nothing runs. So it is asked again until the turn has ended.

import { sleep, type Clock } from "../base/clock.ts";
import { CodexdError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { TurnRecord } from "../core/records.ts";
import type { AppServerGate } from "./app-server.ts";
import type { OpenTurn } from "./open-turns.ts";
import { refusalOf } from "./threads.ts";
import { within } from "./wait.ts";

/** How long one try may take before it is made again. */
const TRY_MS = 1000;

/**
 * Ends a turn. Gives its final record; null where it had not been written down yet.
 *
 * @throws (rejects) {CodexdError} `timeout` when it still runs after `LIMITS.interruptMs`.
 */
export async function interruptTurn(
  appServer: AppServerGate,
  clock: Clock,
  turn: OpenTurn,
): Promise<TurnRecord | null> {
  turn.interruptRequested = true;
  const giveUpAt = clock.monotonic() + LIMITS.interruptMs;
  const left = (): number => Math.max(0, giveUpAt - clock.monotonic());
  await within(clock, turn.answered.promise, left());
  while (turn.phase === "accepted" && left() > 0) {
    if (await tryOnce(appServer, clock, turn)) break;
    await within(clock, turn.ended.promise, LIMITS.interruptRetryMs);
  }
  const ended = await within(clock, turn.ended.promise, left());
  if (ended === undefined) {
    const { submissionId, turnId } = turn.record;
    throw new CodexdError("timeout", `the turn still runs ${LIMITS.interruptMs} ms after it was to be interrupted`, {
      submissionId, turnId,
    });
  }
  return ended;
}

/** True when Codex has taken the interrupt or is gone, so that the turn's end will come by itself. */
async function tryOnce(appServer: AppServerGate, clock: Clock, turn: OpenTurn): Promise<boolean> {
  const client = appServer.current?.client;
  if (client === undefined) return true;
  const { threadId, turnId } = turn.record;
  const asked = client.turnInterrupt({ threadId, turnId }, { timeoutMs: TRY_MS }).then(
    () => true,
    (error: unknown) => {
      if (refusalOf(error) === "no_active_turn") return false;
      if (error instanceof CodexdError && error.code === "timeout") return false;
      if (error instanceof CodexdError && error.code === "child_restarted") return true;
      throw error;
    },
  );
  return Promise.race([asked, turn.ended.promise.then(() => true), sleep(clock, TRY_MS).then(() => false)]);
}
