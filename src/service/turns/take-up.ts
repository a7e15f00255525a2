// The open turns of an app-server that outlives the connection to it: found again on the next one.
//
// The server has gone on with them meanwhile. Each thread that has an open turn is resumed, so that its events come
// again, and its history says what has become of the turn; what was said in between is lost, the receipt is not.
//
// Invariants: a turn is never sent again; one that ended meanwhile ends as Codex says it has, and one that nobody
// knows any more ends as interrupted, with the reason.

import { isoTime, sleep, type Clock } from "../../base/clock.ts";
import { isObject } from "../../base/decode.ts";
import { threadResumeParams } from "../../codex/methods.ts";
import { rootTurnIdOf } from "../../codex/notifications.ts";
import { readResumedTurns, readTurnsPage, turnsListParams, type ToldTurn } from "../../codex/turn-history.ts";
import { knownIds } from "../../codex/turn-items.ts";
import { CodexdError, errorMessage } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { AppServerGate, RunningAppServer } from "../app-server/app-server.ts";
import type { Approvals } from "../approvals/approvals.ts";
import { observe, outcomeStatus, ownTurnError } from "../receipts/receipts.ts";
import { requireWholeSession } from "../sessions/session-parts.ts";
import { refusalOf, requireSession, type Threads } from "../sessions/threads.ts";
import type { CodexdStore } from "../tables.ts";
import type { Interrupts } from "./interrupts.ts";
import type { OpenTurn, TurnOutcome } from "./open-turn.ts";
import type { OpenTurns } from "./open-turns.ts";

export interface TakeUp {
  /**
   * To be called with each new connection. Resolves when every turn that was open then has ended or is listened to
   * again, or the connection has gone.
   */
  run(server: RunningAppServer): Promise<void>;
}

export interface TakeUpOptions {
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly threads: Threads;
  readonly interrupts: Interrupts;
  readonly approvals: Approvals;
  readonly appServer: AppServerGate;
  readonly clock: Clock;
  /** @see IngestOptions.explain */
  readonly explain: (outcome: TurnOutcome, turn: OpenTurn) => TurnOutcome;
}

/** A thread that Codex denies may be one whose first turn it has not written down yet. */
const DENIALS_MAX = 3;

export function createTakeUp(options: TakeUpOptions): TakeUp {
  const { store, open, threads, interrupts, approvals, appServer, clock, explain } = options;

  const takeUp = async (server: RunningAppServer, turn: OpenTurn): Promise<void> => {
    for (let tries = 1; appServer.current?.generation === server.generation && isOwed(turn); tries += 1) {
      try {
        return await settle(server, turn);
      } catch (error) {
        if (!(error instanceof CodexdError)) throw error;
        if (isFinal(error, turn, tries)) return end(turn, "lost_by_codex", errorMessage(error));
        await sleep(clock, LIMITS.takeUpRetryMs);
      }
    }
  };

  const isFinal = (error: CodexdError, { record }: OpenTurn, tries: number): boolean => {
    if (error.code === "thread_locked") return true;
    if (error.code !== "app_server_error" || error.detail?.["code"] === OVERLOADED) return false;
    // Codex gives an ephemeral thread to nobody but the connection that has started it.
    const ephemeral = store.tables.session.get(record.sessionId)?.profile.ephemeral === true;
    return refusalOf(error) !== "thread_without_turns" || ephemeral || tries >= DENIALS_MAX;
  };

  const settle = async (server: RunningAppServer, turn: OpenTurn): Promise<void> => {
    const { sessionId, threadId } = turn.record;
    if (threadId === null) return end(turn, "not_answered", "it had no thread");
    await threads.reload(server, requireSession(store, sessionId), threadId);
    approvals.resumed(threadId);
    const turns = await readTurns(server, turn, threadId);
    // Its end may have come on the stream meanwhile.
    if (isOwed(turn)) apply(turn, find(turn, turns));
    adoptNewest(sessionId, threadId, turns);
  };

  /** Newest first, back to the turn that is looked for. */
  const readTurns = async (server: RunningAppServer, turn: OpenTurn, threadId: string): Promise<ToldTurn[]> => {
    const turns: ToldTurn[] = [];
    let cursor: string | null = null;
    try {
      do {
        const page = readTurnsPage(await server.client.call("thread/turns/list", turnsListParams(threadId, cursor)));
        turns.push(...page.turns);
        cursor = page.nextCursor;
      } while (cursor !== null && turns.length < LIMITS.takeUpTurnsMax && find(turn, turns) === undefined);
      return turns;
    } catch (error) {
      if (refusalOf(error) !== "unknown_method") throw error;
      const session = await requireWholeSession(store, requireSession(store, turn.record.sessionId));
      const { excludeTurns: _, ...params } = threadResumeParams(threadId, session);
      return [...readResumedTurns(await server.client.threadResume(params))];
    }
  };

  /** The turn by its id; one that Codex had not named yet by the mark that it was sent with. */
  const find = ({ record }: OpenTurn, turns: readonly ToldTurn[]): ToldTurn | undefined => {
    const { turnId, submissionId } = record;
    if (turnId !== null) {
      // A review that runs stands in the history as the turn inside of it.
      const inner = (told: ToldTurn): boolean => told.status === IN_PROGRESS && rootTurnIdOf(told.turn) === turnId;
      return turns.find((told) => told.turnId === turnId) ?? turns.find(inner);
    }
    const marked = turns.find(({ clientIds }) => submissionId !== null && clientIds.includes(submissionId));
    if (marked !== undefined) return marked;
    // In its first moments a turn has no message yet, and before 0.169 no mark: but a stranger's is not likely.
    const [newest] = turns;
    const ours = newest?.status === IN_PROGRESS && newest.clientIds.length === 0 && !isKnown(newest.turnId);
    return ours ? newest : undefined;
  };

  const apply = (turn: OpenTurn, told: ToldTurn | undefined): void => {
    if (told === undefined) {
      if (turn.record.turnId !== null) return end(turn, "lost_by_codex", "it is not in the history of its thread");
      return end(turn, "not_answered", "it was submitted, the connection was lost, and Codex has not begun it");
    }
    open.accept(turn, told.turnId);
    if (turn.record.turnId !== told.turnId) turn.innerTurnId = told.turnId;
    turn.receipt.started = true;
    turn.receipt.reconnecting = false;
    turn.progressMonotonicMs = clock.monotonic();
    const known = knownIds(turn.receipt.work, told.items);
    for (const item of told.items) {
      const type = item["status"] === IN_PROGRESS ? "app-server.item.started" : "app-server.item.completed";
      observe(turn.receipt, type, { item, itemId: known.get(item) ?? item["id"] });
      approvals.told(item["status"] === IN_PROGRESS ? "item/started" : "item/completed", {
        threadId: turn.record.threadId, turnId: told.turnId, item,
      });
    }
    if (told.status === IN_PROGRESS) {
      // Who wanted it ended may have had no connection to say so on.
      if (turn.interruptRequested) void interrupts.interrupt(turn).catch(() => undefined);
      return;
    }
    observe(turn.receipt, "app-server.turn.completed", { turn: told.turn });
    const { durationMs } = told;
    const outcome = { status: outcomeStatus(told.status), durationMs, ...endOf(turn, told), byCodex: true };
    open.finish(turn, explain(outcome, turn));
  };

  /** Another client may have begun a turn in the place of one that has ended. */
  const adoptNewest = (sessionId: string, threadId: string, [newest]: readonly ToldTurn[]): void => {
    if (newest?.status !== IN_PROGRESS || open.ofSession(sessionId) !== undefined || isKnown(newest.turnId)) return;
    const root = rootTurnIdOf(newest.turn) ?? newest.turnId;
    const session = requireSession(store, sessionId);
    // What runs inside of another turn would never be told to have ended.
    if (session.status === "active" && root === newest.turnId) open.adopt(session, threadId, newest.turnId);
  };

  const isKnown = (turnId: string): boolean => {
    for (const record of store.tables.turn.newestFirst()) {
      if (record.turnId === turnId) return true;
    }
    return false;
  };

  /** What a sub-agent asks comes with its own thread, which nobody has loaded by this connection yet. */
  const listenTo = async (server: RunningAppServer, threadId: string): Promise<void> => {
    try {
      const result = await server.client.threadResume({ threadId, excludeTurns: true });
      const thread = isObject(result) ? result["thread"] : undefined;
      const status = isObject(thread) ? thread["status"] : undefined;
      if (isObject(status) && status["type"] === "idle") approvals.threadEnded(threadId, "turn_ended");
      else approvals.resumed(threadId);
    } catch (error) {
      if (!(error instanceof CodexdError)) throw error;
      // A connection that is lost again is followed by another one.
      if (error.code === "app_server_error") approvals.threadEnded(threadId, "lost_by_codex");
    }
  };

  const end = (turn: OpenTurn, reason: string, why: string): void => {
    const message = `the connection to the app-server was lost, and the turn with it: ${why}`;
    open.finish(turn, { status: "interrupted", error: ownTurnError(reason, message) });
  };

  return {
    async run(server) {
      const waiting = open.all().filter(isOwed);
      const work = async (): Promise<void> => {
        for (let turn = waiting.shift(); turn !== undefined; turn = waiting.shift()) await takeUp(server, turn);
      };
      await Promise.all(Array.from({ length: LIMITS.takeUpsMax }, work));
      for (const threadId of approvals.unheardThreads()) {
        if (appServer.current?.generation === server.generation) await listenTo(server, threadId);
      }
    },
  };
}

const IN_PROGRESS = "inProgress";
/** Codex's code for a call that it had no room for. */
const OVERLOADED = -32001;

/** When it ended, by codexd's clock where that can be told: Codex's is another machine's, and says whole seconds. */
function endOf({ record }: OpenTurn, { completedAtMs, durationMs }: ToldTurn): { completedAt?: string } {
  if (record.startedAt !== null && durationMs !== null) {
    return { completedAt: isoTime(Date.parse(record.startedAt) + durationMs) };
  }
  return completedAtMs === null ? {} : { completedAt: isoTime(completedAtMs) };
}

/** Codex has been sent it, and it has no end yet. */
function isOwed({ asked, phase }: OpenTurn): boolean {
  return asked && (phase === "submitted" || phase === "accepted");
}
