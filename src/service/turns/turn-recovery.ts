// Recovery of meaning: what a daemon that died has left open is ended once, truthfully, before anyone can ask.
//
// The store has recovered the records; here the turns that they call under way get their end and their receipt, read
// back from the journal. Those of an app-server that has outlived the daemon are not ended but opened again, until the
// first connection shows what has become of them (take-up.ts). Invariant: an end that Codex had told, and clients may
// have seen, is the one that is kept.

import { isoTime, type Clock } from "../../base/clock.ts";
import type { CodexdEvent, EventDetail } from "../../core/event.ts";
import { decodeEntry, isDelta } from "../../core/event.ts";
import { turnMarkId } from "../../core/receipt-mark.ts";
import { turnKey, type TurnRecord } from "../../core/records.ts";
import type { Approvals } from "../approvals/approvals.ts";
import { markGone } from "../receipts/receipt-marks.ts";
import { readReceiptState } from "../receipts/receipt-state.ts";
import { createReceipt, observe, outcomeStatus, ownTurnError, type Receipt } from "../receipts/receipts.ts";
import { createTally, type Tally } from "../status/tally.ts";
import type { CodexdStore } from "../tables.ts";
import type { TurnOutcome } from "./open-turn.ts";
import type { OpenTurns } from "./open-turns.ts";
import { endedTurn, finishedEvent, sessionAfter } from "./turn-records.ts";

export interface OutlivingTurns {
  readonly open: OpenTurns;
  /** Where the app-server is that outlives the daemon: turns on any other are ended. */
  readonly endpoint: string;
}

/**
 * Ends every turn that the journal calls under way, with what it has asked, or opens it again; gives the number of
 * those that were ended.
 */
export async function endAbandonedTurns(
  store: CodexdStore, clock: Clock, outliving?: OutlivingTurns, tally: Pick<Tally, "turns"> = createTally(),
  approvals?: Pick<Approvals, "abandon" | "recover">,
): Promise<number> {
  const underWay = [...store.tables.turn.newestFirst()].filter((turn) => turn.status === "inProgress").reverse();
  // What cannot be read back yet has not been told to anyone.
  await store.settled();
  const told = await readBack(store, underWay);
  let ended = 0;
  for (const kept of underWay) {
    const turn = await store.readWhole("turn", kept);
    const found = told.get(kept) as ReadBack;
    if (found.end === null && outliving !== undefined && reopen(store, turn, found.receipt, outliving)) continue;
    // Before its own end, so that its receipt knows.
    approvals?.abandon(turn, found.end === null ? "daemon_restarted" : "turn_ended", found.receipt);
    tally.turns[endAbandoned(store, clock, turn, found)] += 1;
    ended += 1;
  }
  approvals?.recover();
  await store.settled();
  return ended;
}

function reopen(store: CodexdStore, turn: TurnRecord, receipt: Receipt, { open, endpoint }: OutlivingTurns): boolean {
  const session = store.tables.session.get(turn.sessionId);
  if (session?.endpoint !== endpoint || open.ofSession(turn.sessionId) !== undefined) return false;
  receipt.reconnecting = true;
  open.reopen(session, turn, receipt);
  return true;
}

function endAbandoned(
  store: CodexdStore, clock: Clock, turn: TurnRecord, { receipt, end, fromSeq }: ReadBack,
): TurnOutcome["status"] {
  const submitted = turn.turnId === null;
  const message = submitted
    ? "the daemon died after the turn was submitted and before Codex had answered; it is not sent again"
    : `the daemon died while the turn ran${whatIsMissing(store, fromSeq)}`;
  const now = isoTime(clock.now());
  const status = end?.status ?? "interrupted";
  const reason = submitted ? "not_answered" : "daemon_restarted";
  const ended: TurnRecord = {
    ...endedTurn(turn, receipt, status, end === null ? ownTurnError(reason, message) : undefined),
    completedAt: end?.at ?? now,
    durationMs: turn.startedAt === null ? null : Math.max(0, Date.parse(end?.at ?? now) - Date.parse(turn.startedAt)),
  };
  const session = store.tables.session.get(turn.sessionId);
  store.append(finishedEvent(ended, ended.status), (seq) => {
    const record = { ...ended, lastSeq: seq };
    const after = session === undefined ? {} : { session: sessionAfter(session, record, end !== null, now) };
    return { put: { turn: record, ...after }, ...markGone(store, turnMarkId(turnKey(record))) };
  });
  return status;
}

/** A turn that runs for very long outlives its first events; its mark may have been taken away by somebody. */
function whatIsMissing({ oldestSeq }: CodexdStore, fromSeq: number): string {
  return fromSeq >= oldestSeq ? "" : `; what it had done before event ${oldestSeq} is not in the journal any more`;
}

interface ReadBack {
  readonly receipt: Receipt;
  /** Events before it are in the receipt already. */
  readonly fromSeq: number;
  /** Codex had ended the turn, and the daemon died before it wrote so: its clients have seen the end. */
  end: { readonly status: TurnOutcome["status"]; readonly at: string } | null;
}

/** Where its mark stands; where it has none that can be read, at its beginning. */
async function beginOf(store: CodexdStore, turn: TurnRecord): Promise<ReadBack> {
  const mark = store.tables.mark.get(turnMarkId(turnKey(turn)));
  const receipt = mark === undefined ? undefined : readReceiptState((await store.readWhole("mark", mark)).state);
  if (mark === undefined || receipt === undefined) {
    return { receipt: createReceipt(), fromSeq: turn.firstSeq, end: null };
  }
  return { receipt, fromSeq: mark.seq, end: null };
}

/** Also of what was too large for the event. */
export async function wholeDetail(store: CodexdStore, { seq, detail }: CodexdEvent): Promise<EventDetail> {
  if (detail["truncated"] !== true) return detail;
  const whole = await store.readDetail(seq);
  return whole === null ? detail : JSON.parse(whole) as EventDetail;
}

/**
 * What the stream had said of each of the turns, by their records, in one pass: what their marks do not hold lies
 * between the oldest of these and the end of the journal.
 */
async function readBack(store: CodexdStore, turns: readonly TurnRecord[]): Promise<Map<TurnRecord, ReadBack>> {
  const found = new Map<TurnRecord, ReadBack>();
  const byTurn = new Map<unknown, TurnRecord>();
  const threads = new Set<string | null>();
  for (const turn of turns) {
    found.set(turn, await beginOf(store, turn));
    if (turn.turnId === null) continue;
    byTurn.set(turn.turnId, turn);
    threads.add(turn.threadId);
  }
  if (byTurn.size === 0) return found;
  const fromSeq = Math.min(...[...byTurn.values()].map((turn) => found.get(turn)?.fromSeq ?? turn.firstSeq));
  for await (const batch of store.replay(fromSeq - 1)) {
    for (const entry of batch.entries) {
      // Its sub-agents ask on threads of their own, and in turns of their own.
      const isAsked = entry.type.startsWith("approval.");
      // Deltas are nearly all that there is: they are known by the type alone, which costs no parsing.
      if (isDelta(entry.type) || (!threads.has(entry.threadId) && !isAsked)) continue;
      const event: CodexdEvent = decodeEntry(batch, entry);
      const { type, createdAt } = event;
      const turn = byTurn.get(event.detail.turnId) ?? (isAsked ? byTurn.get(event.detail["rootTurnId"]) : undefined);
      const of = turn === undefined ? undefined : found.get(turn);
      if (turn === undefined || of === undefined || entry.seq < of.fromSeq) continue;
      if (entry.threadId !== turn.threadId && !isAsked) continue;
      const detail = await wholeDetail(store, event);
      observe(of.receipt, type, detail);
      if (type === "app-server.turn.completed") of.end = { status: outcomeStatus(detail["status"]), at: createdAt };
    }
  }
  return found;
}
