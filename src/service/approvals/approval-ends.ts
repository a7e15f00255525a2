// How questions end that nobody has decided: with their turn, with the child, with the daemon, or by another client.
//
// A sub-agent outlives the turn that it works for, and so does what it asks. Over a connection to an app-server that
// runs elsewhere questions live on, and come again on the next one. Invariant: no approval waits for what is over.

import type { Clock, Timer } from "../../base/clock.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TurnRecord } from "../../core/records.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import type { Receipt } from "../receipts/receipts.ts";
import type { CodexdStore } from "../tables.ts";
import type { OpenTurns } from "../turns/open-turns.ts";
import type { ApprovalLedger, LiveApproval } from "./approval-ledger.ts";

export interface ApprovalEnds {
  /** `receipt` is that of the turn where it is not open any more. */
  turnEnds(threadId: string, turnId: string | null, reason: string, receipt?: Receipt): void;
  /** Codex says that one of its questions is settled, by whomever. */
  settledByCodex(threadId: string | null, requestId: unknown): void;
  /** @see Approvals, for all the others. */
  down(reason: string): void;
  disconnected(): void;
  resumed(threadId: string): void;
  unheardThreads(): string[];
  threadEnded(threadId: string, reason: string): void;
  abandon(turn: Pick<TurnRecord, "sessionId">, reason: string, receipt: Receipt): void;
  recover(): LiveApproval[];
  stop(): void;
}

export interface EndsOptions {
  readonly store: CodexdStore;
  readonly ledger: ApprovalLedger;
  readonly open: OpenTurns;
  readonly appServer: () => AppServerGate;
  readonly clock: Clock;
  readonly remote: boolean;
}

/** Another client has answered, or Codex by itself: nobody says what. */
const ELSEWHERE = { decision: null, decidedBy: "elsewhere", rule: null, result: null } as const;

export function createApprovalEnds({ store, ledger, open, appServer, clock, remote }: EndsOptions): ApprovalEnds {
  const timers = new Set<Timer>();

  const end = (live: LiveApproval, reason: string, receipt?: Receipt): void => {
    // A decision that Codex has not heard has decided nothing.
    if (ledger.recordOf(live).status === "pending" || !live.answered) ledger.orphan(live, reason, receipt);
    else ledger.forget(live);
  };

  const onThread = (threadId: string): LiveApproval[] =>
    ledger.all().filter((live) => ledger.recordOf(live).threadId === threadId);

  /** Those of a thread that nobody has asked on the present connection. */
  const unheardOn = (threadId: string): LiveApproval[] =>
    onThread(threadId).filter((live) => !ledger.isConnected(live) && ledger.recordOf(live).status === "pending");

  /** Those that were answered may not have been heard, so they are kept as long as their turn is open. */
  const restoreAnswered = (): void => {
    for (const record of store.tables.approval.newestFirst()) {
      const { threadId, turnId, status, result } = record;
      if (status !== "resolved" || result === null || threadId === null) continue;
      if (turnId !== null && open.onThread(threadId)?.record.turnId === turnId) {
        ledger.restore(record, { threadId, turnId });
      }
    }
  };

  return {
    turnEnds(threadId, turnId, reason, receipt) {
      for (const live of onThread(threadId)) {
        const asked = ledger.recordOf(live).turnId;
        if (asked === null || asked === turnId || live.root?.turnId === turnId) end(live, reason, receipt);
      }
    },

    settledByCodex(threadId, requestId) {
      for (const live of ledger.byRequest(requestId)) {
        const record = ledger.recordOf(live);
        if (record.threadId !== threadId || !ledger.isConnected(live)) continue;
        if (live.answered) ledger.forget(live);
        else ledger.resolve(live, ELSEWHERE);
      }
    },

    down(reason) {
      for (const live of ledger.all()) end(live, reason);
    },

    disconnected() {
      for (const live of ledger.all()) live.generation = null;
    },

    resumed(threadId) {
      const generation = appServer().current?.generation;
      if (unheardOn(threadId).length === 0) return;
      // What Codex does not ask again on a thread that it was just given back, it does not want to know any more.
      const timer = clock.after(LIMITS.approvalAskedAgainMs, () => {
        timers.delete(timer);
        if (appServer().current?.generation !== generation) return;
        for (const live of unheardOn(threadId)) ledger.resolve(live, ELSEWHERE);
      });
      timers.add(timer);
    },

    unheardThreads() {
      const threads = ledger.all().map((live) => ledger.recordOf(live).threadId).filter((id) => id !== null);
      return [...new Set(threads)].filter((id) => open.onThread(id) === undefined && unheardOn(id).length > 0);
    },

    threadEnded(threadId, reason) {
      for (const live of onThread(threadId)) end(live, reason);
    },

    abandon({ sessionId }, reason, receipt) {
      for (const live of ledger.all()) {
        if (ledger.recordOf(live).sessionId === sessionId) end(live, reason, receipt);
      }
    },

    recover() {
      for (const live of ledger.all()) {
        const { sessionId, threadId, turnId } = ledger.recordOf(live);
        const turn = sessionId === null ? undefined : open.ofSession(sessionId)?.record;
        // The turn of a session that goes on is its own, or that of the one that its sub-agent works for.
        const isOwn = turn?.threadId === threadId;
        if (turn === undefined || turn.threadId === null || turn.turnId === null || (isOwn && turn.turnId !== turnId)) {
          ledger.orphan(live, "daemon_restarted");
        } else {
          live.root = { threadId: turn.threadId, turnId: turn.turnId };
        }
      }
      const waiting = ledger.all();
      if (remote) restoreAnswered();
      return waiting;
    },

    stop() {
      for (const timer of timers) timer.cancel();
      for (const { expiry } of ledger.all()) expiry?.cancel();
    },
  };
}
