// The turns under way: from the moment a session is reserved to the one event that says how the turn ended.
//
// Deliberately not: asking Codex (turns.ts) or reading its stream (ingest.ts). Invariants: at most one open turn a
// session; `turn.accepted` is in the journal before any event of the turn; a turn ends exactly once, whoever says so
// first (Codex, the death of the child, an error of the call).

import { isoTime, type Clock } from "../base/clock.ts";
import { createLatch, type Latch } from "../base/latch.ts";
import type { EventDraft } from "../core/event.ts";
import { createId, type UuidSource } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { SessionRecord, TokenUsage, TurnError, TurnRecord } from "../core/records.ts";
import type { Changes } from "../store/types.ts";
import { createLateTurns } from "./late-turns.ts";
import { livenessOf } from "./liveness.ts";
import { createReceipt, NO_TOKENS, receiptFields, type OutcomeStatus, type Receipt } from "./receipts.ts";
import type { CodexdStore, CodexdTables } from "./tables.ts";
import { createTally, type Tally } from "./tally.ts";
import { createThreadUsages } from "./thread-usages.ts";
import { emptyTurn, endedTurn, finishedEvent, idsOf, sessionAfter } from "./turn-records.ts";

/** `reserved`: nothing is written yet. `submitted`: written, Codex is asked. `accepted`: Codex has named the turn. */
export type TurnPhase = "reserved" | "submitted" | "accepted" | "ended";

export interface OpenTurn {
  record: TurnRecord;
  phase: TurnPhase;
  readonly receipt: Receipt;
  startedMonotonicMs: number;
  progressMonotonicMs: number;
  interruptRequested: boolean;
  /** A reservation for a turn that Codex begins by itself, such as a compaction, which takes its place. */
  expected: boolean;
  /** By which name an interrupt finds it, where that is not its own: a review runs in a turn of its own inside. */
  innerTurnId: string | null;
  /** Codex has been sent the turn: it may have begun it, whatever becomes of the answer. */
  asked: boolean;
  /** What the turn's overrides change on its session once Codex has accepted them. */
  readonly applyOverrides: SessionChange;
  /** Set when the turn has left `reserved` and `submitted`, whichever way. */
  readonly answered: Latch<true>;
  /** Set to the final record; to null when a reservation was given up before anything was written. */
  readonly ended: Latch<TurnRecord | null>;
}

export type SessionChange = (session: SessionRecord) => SessionRecord;

export interface TurnOutcome {
  readonly status: OutcomeStatus;
  /** Beats what the stream said. */
  readonly error?: TurnError;
  readonly durationMs?: number | null;
  /** Where it is known that it ended before now. */
  readonly completedAt?: string;
  /** Codex itself has ended the turn, so that its thread is on disk from now on. */
  readonly byCodex?: boolean;
}

export type EndingListener = (turn: OpenTurn, outcome: TurnOutcome) => void;

export interface OpenTurns {
  ofSession(sessionId: string): OpenTurn | undefined;
  onThread(threadId: string): OpenTurn | undefined;
  all(): OpenTurn[];
  /** Keeps the session for a turn that is about to be submitted. The session must have no open turn. */
  reserve(session: SessionRecord, applyOverrides: SessionChange): OpenTurn;
  /** Gives a reservation back; only before `submit`. */
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
  /** What an event about a turn that has ended changes on its record, to be written in the event's own line. */
  lateChanges(event: Pick<EventDraft, "type" | "detail">): Changes<CodexdTables> | undefined;
  /** The record with what the stream has said so far, and what the turn does now. */
  current(turn: OpenTurn): TurnRecord;
}

export function createOpenTurns(
  store: CodexdStore, clock: Clock, uuid: UuidSource, tally: Pick<Tally, "turns"> = createTally(),
): OpenTurns {
  const bySession = new Map<string, OpenTurn>();
  const byThread = new Map<string, OpenTurn>();
  const usages = createThreadUsages(LIMITS.threadUsagesKept);
  const endingListeners: EndingListener[] = [];
  const late = createLateTurns(store, LIMITS.lateTurnsKept);

  const open = (
    session: SessionRecord,
    record: Partial<TurnRecord>,
    phase: TurnPhase,
    applyOverrides: SessionChange,
    receipt = createReceipt(),
  ): OpenTurn => {
    const turn: OpenTurn = {
      record: { ...emptyTurn(session), startedAt: isoTime(clock.now()), ...record },
      phase,
      receipt,
      startedMonotonicMs: clock.monotonic(),
      progressMonotonicMs: clock.monotonic(),
      interruptRequested: false,
      expected: false,
      innerTurnId: null,
      asked: phase === "accepted",
      applyOverrides,
      answered: createLatch<true>(),
      ended: createLatch<TurnRecord | null>(),
    };
    bySession.set(session.sessionId, turn);
    return turn;
  };

  const forget = (turn: OpenTurn): void => {
    turn.phase = "ended";
    if (bySession.get(turn.record.sessionId) === turn) bySession.delete(turn.record.sessionId);
    const { threadId } = turn.record;
    if (threadId !== null && byThread.get(threadId) === turn) byThread.delete(threadId);
  };

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
        return { put: { turn: turn.record, session: changed } };
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

    current(turn) {
      const liveness = livenessOf(turn, clock.monotonic());
      return { ...turn.record, ...receiptFields(turn.receipt), liveness };
    },

    noteUsage(threadId, total) {
      usages.note(threadId, total);
      const turn = byThread.get(threadId);
      if (turn !== undefined) turn.receipt.usageBefore ??= total;
    },

    reserve: (session, applyOverrides) =>
      open(session, { submissionId: createId("turn", uuid) }, "reserved", applyOverrides),

    release(turn) {
      if (turn.phase !== "reserved") return;
      forget(turn);
      turn.answered.set(true);
      turn.ended.set(null);
    },

    async submit(turn, threadId, input, outputSchema = null) {
      turn.record = { ...turn.record, threadId, input, outputSchema };
      await store.commit(
        { level: "info", type: "turn.submitted", message: "turn submitted", detail: idsOf(turn.record) },
        (seq) => {
          turn.record = { ...turn.record, firstSeq: seq };
          return { put: { turn: turn.record } };
        },
      );
      // Not before the write: a refused change must leave nothing behind.
      turn.phase = "submitted";
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
      const session = sessionOf(turn);
      forget(turn);
      for (const listener of endingListeners) listener(turn, outcome);
      usages.note(turn.record.threadId, turn.receipt.usageTotal);
      const now = isoTime(clock.now());
      const durationMs = outcome.durationMs ?? Math.round(clock.monotonic() - turn.startedMonotonicMs);
      const { completedAt = now } = outcome;
      let record: TurnRecord = {
        ...endedTurn(turn.record, turn.receipt, outcome.status, outcome.error), completedAt, durationMs,
      };
      store.append(finishedEvent(record, outcome.status), (seq) => {
        record = { ...record, lastSeq: seq };
        return session === undefined
          ? { put: { turn: record } }
          : { put: { turn: record, session: sessionAfter(session, record, outcome.byCodex === true, now) } };
      });
      late.keep(record, turn.receipt.work.running(), turn.receipt.approvals.pending);
      tally.turns[outcome.status] += 1;
      turn.record = record;
      turn.answered.set(true);
      turn.ended.set(record);
    },
  };
}
