// Recovery of meaning: what a daemon that died has left open is ended once, truthfully, before anyone can ask.
//
// The store has recovered the records; here the turns that they call under way get their end and their receipt, read
// back from the journal.

import { isoTime, type Clock } from "../base/clock.ts";
import type { CodexdEvent } from "../core/event.ts";
import { decodeEntry } from "../core/event.ts";
import type { TurnRecord } from "../core/records.ts";
import { finishedEvent, sessionAfter } from "./open-turns.ts";
import { createReceipt, observe, ownTurnError } from "./receipts.ts";
import type { CodexdStore } from "./tables.ts";

/** Ends every turn that the journal calls under way; gives their number. */
export async function endAbandonedTurns(store: CodexdStore, clock: Clock): Promise<number> {
  const abandoned = [...store.tables.turn.newestFirst()].filter((turn) => turn.status === "inProgress").reverse();
  for (const turn of abandoned) {
    const submitted = turn.turnId === null;
    const message = submitted
      ? "the daemon died after the turn was submitted and before Codex had answered; it is not sent again"
      : "the daemon died while the turn ran";
    const receipt = await rebuildReceipt(store, turn);
    const ended: TurnRecord = {
      ...turn,
      ...receipt,
      status: "interrupted",
      error: ownTurnError(submitted ? "not_answered" : "daemon_restarted", message),
      completedAt: isoTime(clock.now()),
      durationMs: turn.startedAt === null ? null : Math.max(0, clock.now() - Date.parse(turn.startedAt)),
    };
    const session = store.tables.session.get(turn.sessionId);
    store.append(finishedEvent(ended, "interrupted"), (seq) => {
      const record = { ...ended, lastSeq: seq };
      if (session === undefined) return { put: { turn: record } };
      return { put: { turn: record, session: sessionAfter(session, record, false, isoTime(clock.now())) } };
    });
  }
  await store.settled();
  return abandoned.length;
}

/** What the stream had said of the turn: its events lie between its first one and the end of the journal. */
async function rebuildReceipt(
  store: CodexdStore,
  turn: TurnRecord,
): Promise<Pick<TurnRecord, "finalMessage" | "tokenUsage">> {
  const receipt = createReceipt();
  if (turn.turnId !== null) {
    for await (const batch of store.replay(turn.firstSeq - 1)) {
      for (const entry of batch.entries) {
        if (entry.threadId !== turn.threadId || entry.type.endsWith(".delta")) continue;
        const event: CodexdEvent = decodeEntry(batch, entry);
        if (event.detail.turnId === turn.turnId) observe(receipt, event.type, event.detail);
      }
    }
  }
  return { finalMessage: receipt.finalMessage, tokenUsage: receipt.tokenUsage };
}
