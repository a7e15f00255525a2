// Where Codex's notifications meet codexd's state: each becomes one event, and some move a turn.
//
// The translation is codex/notifications.ts's, the turns are open-turns.ts's; this file only says which goes first.
// Invariants: a turn is accepted before its first event is written and ends after its last one; nothing here costs
// more when there are more sessions, turns or events.

import { isoTime, type Clock } from "../../base/clock.ts";
import { isObject } from "../../base/decode.ts";
import { createDeltaReader, deltaDetailJson } from "../../codex/delta-line.ts";
import { rootTurnIdOf, threadIdOf, toEvent, turnIdOf, type Notification } from "../../codex/notifications.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Changes } from "../../store/types.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import type { Approvals } from "../approvals/approvals.ts";
import { NO_MARKS, type ReceiptMarks } from "../receipts/receipt-marks.ts";
import { observe, outcomeStatus, ownTurnError, readUsageTotal } from "../receipts/receipts.ts";
import type { SessionIndex } from "../sessions/session-index.ts";
import { settingsTaken } from "../sessions/thread-settings.ts";
import type { CodexdStore, CodexdTables } from "../tables.ts";
import type { OpenTurn, TurnOutcome } from "../turns/open-turn.ts";
import type { OpenTurns } from "../turns/open-turns.ts";

export interface Ingest {
  /** Takes the line of a delta as it stands; false means that it must be parsed. */
  line(text: string): boolean;
  notification(method: string, params: Record<string, unknown>, emittedAtMs: number | null): void;
  /** A question of Codex's. */
  request(id: number | string, method: string, params: Record<string, unknown>): void;
  /** The child has gone: every turn that Codex had is ended. */
  down(reason: string, why: "child_exited" | "child_restarted" | "daemon_stopped"): void;
  /** The connection to an app-server that runs elsewhere has gone: its turns go on without codexd. */
  disconnected(): void;
}

export interface IngestOptions {
  readonly store: CodexdStore;
  readonly turns: OpenTurns;
  readonly index: SessionIndex;
  readonly appServer: () => AppServerGate;
  readonly approvals: Approvals;
  readonly clock: Clock;
  /** Adds what a person can do about it to the error of a failed turn. */
  readonly explain: (outcome: TurnOutcome, turn: OpenTurn) => TurnOutcome;
  /** Takes a turn's own events into its receipt: `observe` of receipts.ts, unless what that costs is measured. */
  readonly fold?: typeof observe;
  /** Left out where none are put. */
  readonly marks?: Pick<ReceiptMarks, "next">;
}

export function createIngest(options: IngestOptions): Ingest {
  const { store, turns, index, appServer, approvals, clock, explain, fold = observe, marks = NO_MARKS } = options;
  const readDeltaLine = createDeltaReader();
  let paused = false;

  // What Codex says cannot be refused, so when the disk is slower than Codex, Codex waits.
  const holdBack = (): void => {
    if (paused || store.pendingBytes <= LIMITS.journalPendingBytesMax) return;
    const client = appServer().current?.client;
    if (client === undefined) return;
    paused = true;
    client.pause();
  };
  store.onDrained(() => {
    if (!paused || store.pendingBytes > LIMITS.journalPendingBytesMax / 2) return;
    paused = false;
    appServer().current?.client.resume();
  });

  const begin = (threadId: string, turnId: string): void => {
    const open = turns.onThread(threadId);
    if (open !== undefined) return turns.accept(open, turnId);
    adopt(threadId, turnId);
  };

  const adopt = (threadId: string, turnId: string): void => {
    const sessionId = index.sessionIdOn(threadId);
    const session = sessionId === null ? undefined : store.tables.session.get(sessionId);
    // A session that is reserved for a turn of its own must not lose its place to a stranger's.
    if (session === undefined || session.status === "closed") return;
    const reserved = turns.ofSession(session.sessionId);
    if (reserved?.expected === false) return;
    if (reserved !== undefined) turns.release(reserved);
    turns.adopt(session, threadId, turnId);
  };

  /** What begins before any turn of that name has been started, or inside of one that has. */
  const noteReview = (method: string, threadId: string, turnId: string, params: Record<string, unknown>): void => {
    if (method !== "item/started" && method !== "turn/started") return;
    const open = turns.onThread(threadId);
    if (open === undefined && isReviewEntry(params["item"])) adopt(threadId, turnId);
    const isInside = open?.record.turnId !== turnId && open?.record.turnId === rootTurnIdOf(params["turn"]);
    if (open === undefined || !isInside) return;
    open.innerTurnId = turnId;
    open.receipt.started = true;
  };

  const settingsChanges = (
    threadId: string | null, params: Record<string, unknown>,
  ): Changes<CodexdTables> | undefined => {
    const session = settingsTaken(threadId === null ? undefined : index.sessionOn(threadId), params);
    return session === undefined ? undefined : { put: { session: { ...session, updatedAt: isoTime(clock.now()) } } };
  };

  return {
    line(text) {
      const delta = readDeltaLine(text);
      if (delta === undefined) return false;
      const { type, message, threadId, turnId } = delta.item;
      const sessionId = index.sessionIdOn(threadId);
      store.append({
        level: "info", type, message,
        detail: { sessionId, threadId }, detailJson: deltaDetailJson(delta, sessionId),
      }, marks.next());
      holdBack();
      const turn = turns.onThread(threadId);
      if (turn !== undefined && isAbout(turn, turnId)) turn.progressMonotonicMs = clock.monotonic();
      return true;
    },

    notification(method, params, emittedAtMs) {
      const threadId = threadIdOf(params);
      const turnId = turnIdOf(params);
      if (method === "turn/started" && threadId !== null && turnId !== null) begin(threadId, turnId);
      if (threadId !== null && turnId !== null) noteReview(method, threadId, turnId, params);
      if (threadId !== null && isUnloading(method, params)) index.markUnloaded(threadId);

      const notification: Notification = { method, params, emittedAtMs };
      const event = toEvent(notification, threadId === null ? null : index.sessionIdOn(threadId));
      const changes = method === SETTINGS ? settingsChanges(threadId, params) : turns.lateChanges(event);
      store.append(event, changes ?? marks.next());
      holdBack();
      approvals.told(method, params);

      // Sub-agents and earlier turns speak on the same connection: only its own events move a turn.
      const turn = threadId === null ? undefined : turns.onThread(threadId);
      const getsOn = turn !== undefined && isAbout(turn, turnId) && !NO_PROGRESS.has(method);
      if (getsOn) turn.progressMonotonicMs = clock.monotonic();
      if (turn === undefined || turnId === null || turn.record.turnId !== turnId) {
        // A thread that is resumed is told what was counted on it, under the id of its last turn.
        const total = method === USAGE ? readUsageTotal(params) : undefined;
        if (threadId !== null && total !== undefined) turns.noteUsage(threadId, total);
        return;
      }
      fold(turn.receipt, event.type, event.detail);
      if (method === "turn/completed") turns.finish(turn, explain(readOutcome(params["turn"]), turn));
    },

    request(id, method, params) {
      approvals.ask(id, method, params);
      holdBack();
    },

    down(reason, why) {
      paused = false;
      for (const turn of turns.all()) {
        turns.finish(turn, { status: "interrupted", error: ownTurnError(why, reason) });
      }
      approvals.down(why);
    },

    disconnected() {
      paused = false;
      // Until they are taken up again nobody here knows what they do.
      for (const turn of turns.all()) turn.receipt.reconnecting = turn.asked;
      approvals.disconnected();
    },
  };
}

const USAGE = "thread/tokenUsage/updated";
const SETTINGS = "thread/settings/updated";
/** A try that has failed, and the count that Codex tells again behind it, bring no turn further. */
const NO_PROGRESS: ReadonlySet<string> = new Set(["error", USAGE]);

/** Its own events, and those of a turn that it runs in. */
function isAbout({ record, innerTurnId }: OpenTurn, turnId: string | null): boolean {
  return turnId !== null && (record.turnId === turnId || innerTurnId === turnId);
}

function isUnloading(method: string, { status }: Record<string, unknown>): boolean {
  if (method === "thread/closed" || method === "thread/archived" || method === "thread/deleted") return true;
  return method === "thread/status/changed" && isObject(status) && status["type"] === "notLoaded";
}

/** A review is told of under the id that its answer names, and works in a turn of another, which alone is started. */
function isReviewEntry(item: unknown): boolean {
  return isObject(item) && item["type"] === "enteredReviewMode";
}

function readOutcome(turn: unknown): TurnOutcome {
  const { status, durationMs } = isObject(turn) ? turn : {};
  return {
    status: outcomeStatus(status),
    durationMs: typeof durationMs === "number" ? durationMs : null,
    byCodex: true,
  };
}
