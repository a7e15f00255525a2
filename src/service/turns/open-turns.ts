// The turns under way: from the moment a session is reserved to the one event that says how the turn ended.
//
// Deliberately not: asking Codex (turns.ts) or reading its stream (ingest.ts). Invariants: at most one open turn a
// session; `turn.accepted` is in the journal before any event of the turn; a turn ends exactly once, whoever says so
// first (Codex, the death of the child, an error of the call).

import { isoTime, type Clock } from "../../base/clock.ts";
import type { EventDraft } from "../../core/event.ts";
import { createId, type UuidSource } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { turnMarkId } from "../../core/receipt-mark.ts";
import {
  turnKey, type SessionRecord, type TokenUsage, type TurnLiveness, type TurnRecord,
} from "../../core/records.ts";
import type { AcceptedTurn } from "../../core/requests.ts";
import type { Changes } from "../../store/types.ts";
import type { Keeping } from "../idempotency/idempotency.ts";
import { markGone } from "../receipts/receipt-marks.ts";
import { NO_TOKENS, receiptFields, type Receipt } from "../receipts/receipts.ts";
import { createTally, type Tally } from "../status/tally.ts";
import type { CodexdStore, CodexdTables } from "../tables.ts";
import { createLateTurns } from "./late-turns.ts";
import { livenessOf } from "./liveness.ts";
import { createOpenTurn, type Opening, type OpenTurn, type SessionChange, type TurnOutcome } from "./open-turn.ts";
import { createThreadUsages } from "./thread-usages.ts";
import { acceptedTurn, endedTurn, finishedEvent, idsOf, sessionAfter, startedTurn } from "./turn-records.ts";

export type EndingListener = (turn: OpenTurn, outcome: TurnOutcome) => void;

export interface OpenTurns {
  ofSession(sessionId: string): OpenTurn | undefined;
  onThread(threadId: string): OpenTurn | undefined;
  all(): OpenTurn[];
  /** Keeps the session for a turn that is about to be submitted. The session must have no open turn. */
  reserve(session: SessionRecord, applyOverrides: SessionChange, keeping?: Keeping<AcceptedTurn>): OpenTurn;
  /**
   * A turn that is to wait, new or read back from the store. Nothing is written, and the session is not kept for it
   * until it is promoted.
   */
  enqueue(record: Pick<TurnRecord, "sessionId"> & Partial<TurnRecord>, applyOverrides: SessionChange): OpenTurn;
  /** Keeps the session, which must have no open turn, for one that has waited. */
  promote(turn: OpenTurn): void;
  /** Gives a reservation back; only before `submit`. One that has waited is queued again. */
  release(turn: OpenTurn): void;
  /** Writes the turn down, before Codex is asked. @throws (rejects) {CodexdError} `storage_full`. */
  submit(
    turn: OpenTurn, threadId: string, input: readonly unknown[], outputSchema?: TurnRecord["outputSchema"],
  ): Promise<void>;
  /** The session has got another thread before Codex was asked: the turn goes there. */
  moveTo(turn: OpenTurn, threadId: string): void;
  /** Codex has named the turn; the second naming of a turn is dropped. */
  accept(turn: OpenTurn, turnId: string): void;
  /** A turn that codexd did not start. */
  adopt(session: SessionRecord, threadId: string, turnId: string): OpenTurn;
  /** A turn that an earlier daemon has left running in an app-server that outlives it. Nothing is written. */
  reopen(session: SessionRecord, record: TurnRecord, receipt: Receipt): OpenTurn;
  /** What Codex has counted on a thread, said outside of any turn that is open here. */
  noteUsage(threadId: string, total: TokenUsage): void;
  finish(turn: OpenTurn, outcome: TurnOutcome): void;
  /** Calls `listener` with each turn that is about to be ended, before that is written: its receipt can still grow. */
  onEnding(listener: EndingListener): void;
  /** Calls `listener` each time when a turn has ended and its session is free for the next one. */
  onEnded(listener: (sessionId: string) => void): void;
  /** What an event about a turn that has ended changes on its record, to be written in the event's own line. */
  lateChanges(event: Pick<EventDraft, "type" | "detail">): Changes<CodexdTables> | undefined;
  /** The record with what the stream has said so far, and what the turn does now. */
  current(turn: OpenTurn): TurnRecord;
  /** What the turn does now, and for how long it has been quiet. */
  liveness(turn: OpenTurn): TurnLiveness;
}

export function createOpenTurns(
  store: CodexdStore, clock: Clock, uuid: UuidSource, tally: Pick<Tally, "turns"> = createTally(),
  stallMs: number | null = null,
): OpenTurns {
  const bySession = new Map<string, OpenTurn>();
  const byThread = new Map<string, OpenTurn>();
  const usages = createThreadUsages(LIMITS.threadUsagesKept);
  const endingListeners: EndingListener[] = [];
  const endedListeners: Array<(sessionId: string) => void> = [];
  const late = createLateTurns(store, LIMITS.lateTurnsKept);

  const open = (...[session, ...how]: Opening): OpenTurn => {
    const turn = createOpenTurn(clock, session, ...how);
    bySession.set(session.sessionId, turn);
    return turn;
  };

  const tellEnded = ({ record }: OpenTurn): void => {
    for (const listener of endedListeners) listener(record.sessionId);
  };

  const forget = (turn: OpenTurn): void => {
    turn.phase = "ended";
    if (bySession.get(turn.record.sessionId) === turn) bySession.delete(turn.record.sessionId);
    const { threadId } = turn.record;
    if (threadId !== null && byThread.get(threadId) === turn) byThread.delete(threadId);
  };

  const liveness = (turn: OpenTurn): TurnLiveness => livenessOf(turn, clock.monotonic(), stallMs);

  const sessionOf = (turn: OpenTurn): SessionRecord | undefined => store.tables.session.get(turn.record.sessionId);

  const writeAccepted = (turn: OpenTurn, message: string): void => {
    const session = sessionOf(turn);
    const { turnId, threadId } = turn.record;
    const isFirst = session !== undefined && session.lastTurnId === null && !session.threadDurable;
    turn.receipt.usageBefore ??= usages.of(threadId) ?? (isFirst ? NO_TOKENS : undefined);
    store.append(
      { level: "info", type: "turn.accepted", message, detail: { ...idsOf(turn.record), turnId } },
      (seq) => {
        if (turn.record.firstSeq === 0) turn.record = { ...turn.record, firstSeq: seq };
        if (session === undefined) return { put: { turn: turn.record } };
        const updatedAt = isoTime(clock.now());
        const changed = { ...turn.applyOverrides(session), currentTurnId: turnId, updatedAt };
        const changes = { put: { turn: turn.record, session: changed } };
        return turn.keeping?.line(changes, acceptedTurn(changed, turn.record)) ?? changes;
      },
    );
    turn.answered.set(true);
  };

  return {
    ofSession: (sessionId) => bySession.get(sessionId),
    onThread: (threadId) => byThread.get(threadId),
    all: () => [...bySession.values()],
    lateChanges: (event) => late.changes(event),
    onEnding: (listener) => void endingListeners.push(listener),
    onEnded: (listener) => void endedListeners.push(listener),

    liveness,

    current(turn) {
      if (turn.phase === "queued" || turn.phase === "reserved") return turn.record;
      return { ...turn.record, ...receiptFields(turn.receipt), liveness: liveness(turn) };
    },

    noteUsage(threadId, total) {
      usages.note(threadId, total);
      const turn = byThread.get(threadId);
      if (turn !== undefined) turn.receipt.usageBefore ??= total;
    },

    reserve: (session, applyOverrides, keeping) =>
      open(session, { submissionId: createId("turn", uuid) }, "reserved", applyOverrides, undefined, keeping),

    enqueue({ sessionId, threadId = null, ...record }, applyOverrides) {
      const submissionId = record.submissionId ?? createId("turn", uuid);
      const waits = { ...record, submissionId, status: "queued", startedAt: null } as const;
      return createOpenTurn(clock, { sessionId, threadId }, waits, "queued", applyOverrides);
    },

    promote(turn) {
      if (turn.phase !== "queued") return;
      turn.phase = "reserved";
      turn.startedMonotonicMs = turn.progressMonotonicMs = clock.monotonic();
      bySession.set(turn.record.sessionId, turn);
    },

    release(turn) {
      if (turn.phase !== "reserved") return;
      forget(turn);
      if (turn.waited) {
        turn.phase = "queued";
        return;
      }
      turn.answered.set(true);
      turn.ended.set(null);
      tellEnded(turn);
    },

    async submit(turn, threadId, input, outputSchema = null) {
      const told = { ...startedTurn(turn.record, isoTime(clock.now())), threadId, input, outputSchema };
      let submitted: TurnRecord = told;
      await store.commit(
        { level: "info", type: "turn.submitted", message: "turn submitted", detail: idsOf(told) },
        (seq) => {
          submitted = { ...told, firstSeq: seq };
          const changes = { put: { turn: submitted } };
          const session = sessionOf(turn);
          if (turn.keeping === undefined || session === undefined) return changes;
          return turn.keeping.line(changes, acceptedTurn(session, submitted), "open");
        },
      );
      turn.record = submitted;
      // Not before the write: a refused change must leave nothing behind.
      turn.phase = "submitted";
      turn.progressMonotonicMs = clock.monotonic();
      byThread.set(threadId, turn);
    },

    moveTo(turn, threadId) {
      const { threadId: before } = turn.record;
      if (turn.phase !== "submitted" || before === threadId) return;
      if (before !== null && byThread.get(before) === turn) byThread.delete(before);
      turn.record = { ...turn.record, threadId };
      byThread.set(threadId, turn);
    },

    accept(turn, turnId) {
      if (turn.phase !== "submitted") return;
      turn.phase = "accepted";
      turn.record = { ...turn.record, turnId };
      writeAccepted(turn, "Codex has accepted the turn");
    },

    adopt(session, threadId, turnId) {
      const turn = open(session, { threadId, turnId }, "accepted", (unchanged) => unchanged);
      byThread.set(threadId, turn);
      writeAccepted(turn, "a turn that codexd did not start has begun");
      return turn;
    },

    reopen(session, record, receipt) {
      const phase = record.turnId === null ? "submitted" : "accepted";
      // What its overrides would have changed was in the memory of the daemon that took them.
      const turn = open(session, record, phase, (unchanged) => unchanged, receipt);
      turn.asked = true;
      const ranMs = record.startedAt === null ? 0 : clock.now() - Date.parse(record.startedAt);
      turn.startedMonotonicMs -= Math.max(0, ranMs);
      if (record.threadId !== null) byThread.set(record.threadId, turn);
      if (phase === "accepted") turn.answered.set(true);
      return turn;
    },

    finish(turn, outcome) {
      // A reservation has nothing to end yet: the flow that made it sees for itself that Codex has gone.
      if (turn.phase === "ended" || turn.phase === "reserved") return;
      // One that has only waited has asked nothing, and is no turn of its session yet.
      const begun = turn.phase !== "queued";
      // Its caller is told that it has come to nothing, and may ask for the same again.
      const unanswered = turn.phase === "submitted" ? turn.keeping : undefined;
      const session = begun ? sessionOf(turn) : undefined;
      forget(turn);
      if (begun) for (const listener of endingListeners) listener(turn, outcome);
      usages.note(turn.record.threadId, turn.receipt.usageTotal);
      const now = isoTime(clock.now());
      const durationMs = begun ? outcome.durationMs ?? Math.round(clock.monotonic() - turn.startedMonotonicMs) : null;
      const { completedAt = now } = outcome;
      let record: TurnRecord = {
        ...endedTurn(turn.record, turn.receipt, outcome.status, outcome.error), completedAt, durationMs,
      };
      store.append(finishedEvent(record, outcome.status), (seq) => {
        record = { ...record, lastSeq: seq };
        const after = session === undefined ? {}
          : { session: sessionAfter(session, record, outcome.byCodex === true, now) };
        const changes = { put: { turn: record, ...after }, ...markGone(store, turnMarkId(turnKey(record))) };
        return unanswered?.withdrawn(changes) ?? changes;
      });
      late.keep(record, turn.receipt.work.running(), turn.receipt.approvals.pending);
      tally.turns[outcome.status] += 1;
      turn.record = record;
      turn.answered.set(true);
      turn.ended.set(record);
      tellEnded(turn);
    },
  };
}
