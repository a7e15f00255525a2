// From a session's reservation to the turn that Codex has accepted: submitted first, then asked for.
//
// Deliberately not: who may begin (turns.ts) and who waits (turn-queue.ts). Invariant: a turn is in the journal before
// Codex is asked, and Codex is asked once, so that no crash can run a turn twice or lose one that was accepted.

import { DecodeError } from "../../base/decode.ts";
import { readTurnId, turnStartParams, type InputItem } from "../../codex/methods.ts";
import { CodexdError, errorMessage } from "../../core/errors.ts";
import type { TurnOverrides } from "../../core/requests.ts";
import type { RunningAppServer } from "../app-server/app-server.ts";
import { ownTurnError } from "../receipts/receipts.ts";
import type { SessionIndex } from "../sessions/session-index.ts";
import { refusalOf, type Threads } from "../sessions/threads.ts";
import type { WorkGate } from "../work-gate.ts";
import type { Interrupts } from "./interrupts.ts";
import type { OpenTurn, TurnOutcome } from "./open-turn.ts";
import type { OpenTurns } from "./open-turns.ts";

export interface TurnStartOptions {
  readonly open: OpenTurns;
  readonly threads: Threads;
  readonly index: SessionIndex;
  readonly interrupts: Interrupts;
  readonly gate: WorkGate;
  /** The app-server runs elsewhere: a turn that it has outlives the connection. */
  readonly remote?: boolean;
}

/**
 * Submits a turn whose session is reserved for it. Resolves when Codex has accepted it, or when it has ended before.
 *
 * @throws (rejects) {CodexdError} what `Threads.ensureLoaded` throws, `session_closed`, `draining`, `storage_full`,
 *   `app_server_error`. The turn has ended then; one that was not even submitted is given back (`OpenTurns.release`).
 */
export type StartTurn = (turn: OpenTurn, items: InputItem[], overrides: TurnOverrides) => Promise<void>;

export function createTurnStart(options: TurnStartOptions): StartTurn {
  const { open, threads, index, interrupts, gate, remote = false } = options;

  /** Asks Codex; a child that has lost the thread is given it back once, because it has refused before it began. */
  const ask = async (turn: OpenTurn, params: (threadId: string) => Record<string, unknown>): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      const { server, threadId } = await threads.ensureLoaded(turn.record.sessionId);
      // The wait may have been long: the child may have died, and ended the turn, or a client may not want it any more.
      if (turn.phase !== "submitted") return;
      if (turn.interruptRequested) return open.finish(turn, UNASKED);
      open.moveTo(turn, threadId);
      try {
        await send(server, turn, params(threadId));
        return;
      } catch (error) {
        if (tries > 1 || turn.phase !== "submitted" || refusalOf(error) !== "thread_not_loaded") throw error;
        index.markUnloaded(threadId);
      }
    }
  };

  const send = async (server: RunningAppServer, turn: OpenTurn, params: Record<string, unknown>): Promise<void> => {
    turn.asked = true;
    // It comes back in the thread's history, where a turn is found again whose answer was lost (take-up.ts).
    await server.client.turnStart({ ...params, clientUserMessageId: turn.record.submissionId }, {
      onResult(result) {
        const turnId = readTurnId(result);
        if (turnId !== null) open.accept(turn, turnId);
      },
    });
    if (turn.phase === "submitted") {
      throw new CodexdError("app_server_error", "Codex answered turn/start without a turn");
    }
  };

  return async (turn, items, overrides) => {
    try {
      const { session, threadId } = await threads.ensureLoaded(turn.record.sessionId);
      if (session.status === "closed") throw closedError(session.sessionId);
      gate.assertOpen();
      await open.submit(turn, threadId, items, overrides.outputSchema);
      // A policy that no mode can say did not come back with the resumed thread: the turn brings it.
      const sandboxPolicy = overrides.sandboxPolicy ?? session.profile.sandboxPolicy ?? undefined;
      await ask(turn, (id) => turnStartParams(id, items, { ...overrides, sandboxPolicy }));
    } catch (error) {
      // Codex has begun it, whatever became of the answer: its end comes with its events.
      if (turn.phase !== "accepted") {
        if (turn.phase === "reserved") open.release(turn);
        else if (!(remote && turn.asked && isCut(error))) open.finish(turn, outcomeOf(error, gate.isDraining));
        throw error;
      }
    }
    // Who wanted it ended may have given up waiting for Codex to name it.
    if (turn.interruptRequested && turn.phase === "accepted") void interrupts.interrupt(turn).catch(() => undefined);
  };
}

const UNASKED: TurnOutcome = {
  status: "interrupted",
  error: ownTurnError("interrupted", "interrupted before Codex was asked"),
};

export function closedError(sessionId: string): CodexdError {
  return new CodexdError("session_closed", `session ${sessionId} is closed and takes no turns`);
}

/** How a turn that could not be started has ended: by the end of the child or of codexd, or as a failure of its own. */
export function outcomeOf(error: unknown, isDraining: boolean): TurnOutcome {
  const code = error instanceof CodexdError ? error.code
    : error instanceof DecodeError ? "bad_request" : "internal_error";
  const cut = isCut(error);
  const reason = cut ? (isDraining ? "daemon_stopped" : "child_exited") : code;
  return { status: cut ? "interrupted" : "failed", error: ownTurnError(reason, errorMessage(error)) };
}

/** The child, the connection or codexd has ended before there was an answer. */
function isCut(error: unknown): boolean {
  return error instanceof CodexdError && (error.code === "child_restarted" || error.code === "draining");
}
