// Recovery of meaning: what a daemon that died has left open is ended once, truthfully, before anyone can ask.
//
// The store has recovered the records; here the turns that they call under way get their end and their receipt, read
// back from the journal. Those of an app-server that has outlived the daemon are not ended but opened again, until the
// first connection shows what has become of them (take-up.ts). Invariant: an end that Codex had told, and clients may
// have seen, is the one that is kept.

import { isoTime, type Clock } from "../base/clock.ts";
import type { CodexdEvent } from "../core/event.ts";
import { decodeEntry } from "../core/event.ts";
import type { TurnRecord } from "../core/records.ts";
import type { Approvals } from "./approvals.ts";
import type { OpenTurns, TurnOutcome } from "./open-turns.ts";
import { createReceipt, observe, outcomeStatus, ownTurnError, type Receipt } from "./receipts.ts";
import type { CodexdStore } from "./tables.ts";
import { createTally, type Tally } from "./tally.ts";
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
  let ended = 0;
  for (const turn of underWay) {
    const found = await readBack(store, turn);
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
  store: CodexdStore, clock: Clock, turn: TurnRecord, { receipt, end }: ReadBack,
): TurnOutcome["status"] {
  const submitted = turn.turnId === null;
  const message = submitted
    ? "the daemon died after the turn was submitted and before Codex had answered; it is not sent again"
    : "the daemon died while the turn ran";
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
    if (session === undefined) return { put: { turn: record } };
    return { put: { turn: record, session: sessionAfter(session, record, end !== null, now) } };
  });
  return status;
}

interface ReadBack {
  readonly receipt: Receipt;
  /** Codex had ended the turn, and the daemon died before it wrote so: its clients have seen the end. */
  readonly end: { readonly status: TurnOutcome["status"]; readonly at: string } | null;
}

/** What the stream had said of the turn: its events lie between its first one and the end of the journal. */
async function readBack(store: CodexdStore, turn: TurnRecord): Promise<ReadBack> {
  const receipt = createReceipt();
  let end: ReadBack["end"] = null;
  if (turn.turnId !== null) {
    for await (const batch of store.replay(turn.firstSeq - 1)) {
      for (const entry of batch.entries) {
        // Its sub-agents ask on threads of their own, and in turns of their own.
        const isAsked = entry.type.startsWith("approval.");
        if ((entry.threadId !== turn.threadId && !isAsked) || entry.type.endsWith(".delta")) continue;
        const event: CodexdEvent = decodeEntry(batch, entry);
        const isOwn = event.detail.turnId === turn.turnId || (isAsked && event.detail["rootTurnId"] === turn.turnId);
        if (!isOwn) continue;
        observe(receipt, event.type, event.detail);
        if (event.type === "app-server.turn.completed") {
          end = { status: outcomeStatus(event.detail["status"]), at: event.createdAt };
        }
      }
    }
  }
  return { receipt, end };
}
