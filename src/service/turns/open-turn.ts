// One turn under way, as all who have to do with it share it.
//
// Deliberately without rules: open-turns.ts alone moves it from phase to phase and writes it down; others read it, and
// say in its own members what they have seen. Invariant: its latches are set once, and its `record` is never changed
// in place.

import { isoTime, type Clock } from "../../base/clock.ts";
import { createLatch, type Latch } from "../../base/latch.ts";
import type { SessionRecord, TurnError, TurnRecord } from "../../core/records.ts";
import type { AcceptedTurn } from "../../core/requests.ts";
import type { Keeping } from "../idempotency/idempotency.ts";
import { createReceipt, type OutcomeStatus, type Receipt } from "../receipts/receipts.ts";
import { emptyTurn } from "./turn-records.ts";

/**
 * `queued`: it waits for its session, and is not among the open ones. `reserved`: the session is its own, and it is not
 * submitted yet. `submitted`: written, Codex is asked. `accepted`: Codex has named the turn.
 */
export type TurnPhase = "queued" | "reserved" | "submitted" | "accepted" | "ended";

export interface OpenTurn {
  record: TurnRecord;
  phase: TurnPhase;
  /** It has been queued: whoever sent it knows it before it is submitted. */
  readonly waited: boolean;
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
  /** Keeps the acceptance in the lines that make it, where its request bears a key. */
  readonly keeping: Keeping<AcceptedTurn> | undefined;
  /** Set when the turn has left `reserved` and `submitted`, whichever way. */
  readonly answered: Latch<true>;
  /** Set to the final record; to null when a reservation was given up before anything was written. */
  readonly ended: Latch<TurnRecord | null>;
}

/** Codex has not been asked for it, and it can still wait: also in the moment when its thread is loaded for it. */
export function isWaiting({ phase, waited }: Pick<OpenTurn, "phase" | "waited">): boolean {
  return phase === "queued" || (phase === "reserved" && waited);
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

/** The session, what is known of the turn, where it stands, and what its overrides change on the session. */
export type Opening = [
  session: Pick<TurnRecord, "sessionId" | "threadId">,
  record: Partial<TurnRecord>,
  phase: TurnPhase,
  applyOverrides: SessionChange,
  receipt?: Receipt | undefined,
  keeping?: Keeping<AcceptedTurn> | undefined,
];

export function createOpenTurn(clock: Clock, ...opening: Opening): OpenTurn {
  const [session, record, phase, applyOverrides, receipt = createReceipt(), keeping] = opening;
  return {
    record: { ...emptyTurn(session), startedAt: isoTime(clock.now()), ...record },
    phase,
    waited: phase === "queued",
    receipt,
    startedMonotonicMs: clock.monotonic(),
    progressMonotonicMs: clock.monotonic(),
    interruptRequested: false,
    expected: false,
    innerTurnId: null,
    asked: phase === "accepted",
    applyOverrides,
    keeping,
    answered: createLatch<true>(),
    ended: createLatch<TurnRecord | null>(),
  };
}
