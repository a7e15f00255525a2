// Interrupt means ended: asks Codex until it obeys, and answers when the turn has its end.
//
// Codex refuses an interrupt in the moment between its answer to turn/start and turn/started, and the turn runs on;
// 0.116 does not answer at all when nothing runs, and names turns that it never starts. So it is asked again until the
// turn has ended. Invariant: a turn that Codex does not have any more is ended here, so that its session is never busy
// for ever.

import type { Clock } from "../../base/clock.ts";
import { isObject } from "../../base/decode.ts";
import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TurnRecord } from "../../core/records.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import { ownTurnError } from "../receipts/receipts.ts";
import { refusalOf } from "../sessions/threads.ts";
import { within } from "../wait.ts";
import { isWaiting, type OpenTurn } from "./open-turn.ts";
import type { OpenTurns } from "./open-turns.ts";

export interface Interrupts {
  /**
   * Ends a turn. Gives its final record; null where it had not been written down.
   *
   * @throws (rejects) {CodexdError} `timeout` when it still runs after `LIMITS.interruptMs`; the wish stays, and is
   *   carried out when Codex answers.
   */
  interrupt(turn: OpenTurn): Promise<TurnRecord | null>;
  /** Ends every open turn but those that can still wait: codexd stops, and they outlive it. Rejects never. */
  interruptAll(): Promise<void>;
}

/** How long one try may take before it is made again. */
const TRY_MS = 1000;

/** Codex has taken it; has no turn (yet, or any more); has another one or no such thread; or cannot be asked. */
type Try = "taken" | "none" | "lost" | "unanswered";

export function createInterrupts(appServer: AppServerGate, clock: Clock, open: OpenTurns): Interrupts {
  const tryOnce = async ({ record: { threadId, turnId: ownTurnId }, innerTurnId }: OpenTurn): Promise<Try> => {
    const turnId = innerTurnId ?? ownTurnId;
    const client = appServer.current?.client;
    // Its end will come with the end of the child.
    if (client === undefined) return "taken";
    try {
      await client.turnInterrupt({ threadId, turnId }, { timeoutMs: TRY_MS });
      return "taken";
    } catch (error) {
      const meaning = refusalOf(error);
      if (meaning === "no_active_turn") return "none";
      if (meaning === "turn_mismatch" || meaning === "thread_not_loaded") return "lost";
      if (error instanceof CodexdError && error.code === "timeout") return "unanswered";
      if (error instanceof CodexdError && error.code === "child_restarted") return "taken";
      throw error;
    }
  };

  /** 0.116 answers no interrupt that comes when the turn has just ended. */
  const tryUntilEnded = (turn: OpenTurn): Promise<Try> =>
    new Promise((resolve, reject) => {
      const leave = turn.ended.onSet(() => resolve("taken"));
      void tryOnce(turn).then(resolve, reject).finally(leave);
    });

  /** Whether Codex says itself that it runs no turn on the thread: silence alone may be that of a Codex that hangs. */
  const isIdle = async ({ record: { threadId } }: OpenTurn): Promise<boolean> => {
    try {
      const read = await appServer.current?.client.call("thread/read", { threadId }, { timeoutMs: TRY_MS });
      const thread = isObject(read) ? read["thread"] : undefined;
      const status = isObject(thread) ? thread["status"] : undefined;
      return isObject(status) && status["type"] === "idle";
    } catch (error) {
      if (error instanceof CodexdError) return false;
      throw error;
    }
  };

  const endLost = (turn: OpenTurn): void => {
    const error = ownTurnError("lost_by_codex", "Codex has no such turn any more, and never said how it ended");
    open.finish(turn, { status: "interrupted", error });
  };

  const interrupt: Interrupts["interrupt"] = async (turn) => {
    turn.interruptRequested = true;
    const giveUpAt = clock.monotonic() + LIMITS.interruptMs;
    const left = (): number => Math.max(0, giveUpAt - clock.monotonic());
    await within(clock, turn.answered, left());
    let last: Try = "none";
    while (turn.phase === "accepted" && left() > 0) {
      last = await tryUntilEnded(turn);
      if (last === "taken" || last === "lost") break;
      await within(clock, turn.ended, LIMITS.interruptRetryMs);
    }
    // A turn that has begun and that Codex denies to the last is as lost as one that it has forgotten.
    if (last === "lost" || (last === "none" && turn.phase === "accepted" && turn.receipt.started)) endLost(turn);
    const ended = await within(clock, turn.ended, left());
    if (ended !== undefined) return ended;
    if (turn.phase === "accepted" && (await isIdle(turn))) endLost(turn);
    if (turn.ended.isSet) return turn.ended.value ?? null;
    const { submissionId, turnId } = turn.record;
    const message = `the turn still runs ${LIMITS.interruptMs} ms after it was to be interrupted`;
    throw new CodexdError("timeout", message, { submissionId, turnId });
  };

  return {
    interrupt,
    async interruptAll() {
      await Promise.allSettled(open.all().filter((turn) => !isWaiting(turn)).map(interrupt));
    },
  };
}
