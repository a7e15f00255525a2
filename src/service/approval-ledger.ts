// The approvals that are not over: what each waits for, how a change of one is written down, and how an answer goes to
// Codex.
//
// Deliberately not: who decides (approvals.ts, approval-decisions.ts). Invariants: an answer is in the journal before
// Codex has it, and goes to the connection that has asked, once; one that could not be told to Codex any more does not
// count as a decision; what is over leaves nothing here, however many approvals there have been.

import { assert } from "../base/assert.ts";
import { isoTime, type Clock, type Timer } from "../base/clock.ts";
import type { ApprovalRecord } from "../core/approvals.ts";
import type { EventDraft } from "../core/event.ts";
import type { AppServerGate } from "./app-server.ts";
import {
  orphanedEvent, orphanedRecord, requestedEvent, resolvedEvent, resolvedRecord, type Decided, type TurnName,
} from "./approval-records.ts";
import type { OpenTurns } from "./open-turns.ts";
import { observe, type Receipt } from "./receipts.ts";
import type { CodexdStore } from "./tables.ts";
import { countApproval, type Tally } from "./tally.ts";
import type { WorkGate } from "./work-gate.ts";

/** One that waits for its decision, or whose answer is not known to have reached Codex. */
export interface LiveApproval {
  readonly approvalId: string;
  /** Null for one of no turn. */
  root: TurnName | null;
  /** The life of the app-server's connection on which Codex waits for the answer; null while there is none. */
  generation: number | null;
  /** The decision is not in the journal yet, and Codex must not hear it before. */
  writing: boolean;
  /** The answer has been given to the connection. */
  answered: boolean;
  /** Its end is in the tally. */
  counted: boolean;
  expiry: Timer | undefined;
  /** Who waits until Codex asks again, or nobody can be answered any more. */
  readonly waiting: Set<() => void>;
}

export interface ApprovalLedger {
  /** In the order in which they were asked. */
  all(): LiveApproval[];
  get(approvalId: string): LiveApproval | undefined;
  recordOf(live: LiveApproval): ApprovalRecord;
  /** Takes one up that is in the journal already. */
  restore(record: ApprovalRecord, answered: boolean): LiveApproval;
  /** Writes a new one down. */
  ask(record: ApprovalRecord, root: TurnName | null): LiveApproval;
  /** The connection that asked is there to be answered. */
  isConnected(live: LiveApproval): boolean;
  /** A client decides. Gives the record as it stands when that is written, whoever has decided it then. */
  commit(live: LiveApproval, decided: Omit<Decided, "decidedAt">): Promise<ApprovalRecord | undefined>;
  /** Codexd decides by itself; the answer goes out when that is written. Without a `result` there is none to give. */
  resolve(live: LiveApproval, decided: Omit<Decided, "decidedAt">): void;
  /** Gives the answer that stands, where it is in the journal, to the connection that waits for it. */
  answer(live: LiveApproval): void;
  /** `receipt` is that of its turn where the turn is not open any more. */
  orphan(live: LiveApproval, reason: string, receipt?: Receipt): void;
  /** Nothing can happen to it any more. */
  forget(live: LiveApproval): void;
  /** Calls `listener` with each record that has changed; gives the way to stop it. */
  onChange(listener: (approval: ApprovalRecord) => void): () => void;
  /** Why what a child has asked is lost, said by its end. */
  lostReason(): string;
}

export interface LedgerOptions {
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly appServer: () => AppServerGate;
  readonly clock: Clock;
  readonly gate: Pick<WorkGate, "isDraining">;
  readonly tally: Pick<Tally, "approvals">;
  /** Questions of an app-server that runs elsewhere outlive the connection. */
  readonly remote: boolean;
}

export function createApprovalLedger(options: LedgerOptions): ApprovalLedger {
  const { store, open, appServer, clock, gate, tally, remote } = options;
  const live = new Map<string, LiveApproval>();
  const listeners = new Set<(approval: ApprovalRecord) => void>();
  /** Answers by the seq of their line, which grows: while the disk is full they wait for it. */
  const unwritten: Array<{ readonly seq: number; readonly send: () => void }> = [];

  store.subscribe(() => {
    while (unwritten[0] !== undefined && unwritten[0].seq <= store.headSeq) unwritten.shift()?.send();
  });

  const recordOf = ({ approvalId }: LiveApproval): ApprovalRecord => {
    const record = store.tables.approval.get(approvalId);
    assert(record !== undefined, "what is not over has a record");
    return record;
  };

  const add = (record: ApprovalRecord, root: TurnName | null, answered: boolean): LiveApproval => {
    const { approvalId } = record;
    const added: LiveApproval = {
      approvalId, root, generation: null, writing: false, answered, counted: false, expiry: undefined,
      waiting: new Set(),
    };
    live.set(approvalId, added);
    return added;
  };

  /** What has changed is in its turn's receipt, and counts as that turn's progress. */
  const tell = (asked: LiveApproval, record: ApprovalRecord, draft: EventDraft, receipt?: Receipt): void => {
    const { root } = asked;
    if (record.status !== "pending" && !asked.counted) countApproval(tally, record);
    asked.counted = record.status !== "pending";
    const turn = root === null ? undefined : open.onThread(root.threadId);
    if (receipt !== undefined) {
      observe(receipt, draft.type, draft.detail);
    } else if (turn !== undefined && turn.record.turnId === root?.turnId) {
      turn.progressMonotonicMs = clock.monotonic();
      observe(turn.receipt, draft.type, draft.detail);
    }
    for (const listener of [...listeners]) listener(record);
  };

  const lostReason = (): string => (gate.isDraining ? "daemon_stopped" : "child_exited");

  const ledger: ApprovalLedger = {
    all() {
      // Retention may have dropped one that is decided, and whose turn runs on.
      for (const approvalId of live.keys()) {
        if (store.tables.approval.get(approvalId) === undefined) live.delete(approvalId);
      }
      return [...live.values()];
    },
    get: (approvalId) => live.get(approvalId),
    recordOf,
    lostReason,
    restore: (record, answered) => add(record, null, answered),

    ask(record, root) {
      const draft = requestedEvent(record, root);
      store.append(draft, { put: { approval: record } });
      const added = add(record, root, false);
      tell(added, record, draft);
      return added;
    },

    isConnected: ({ generation }) => generation !== null && appServer().current?.generation === generation,

    async commit(asked, decided) {
      const record = resolvedRecord(recordOf(asked), { ...decided, decidedAt: isoTime(clock.now()) });
      const draft = resolvedEvent(record, asked.root);
      asked.writing = true;
      try {
        await store.commit(draft, { put: { approval: record } });
      } finally {
        asked.writing = false;
      }
      // Its turn may have ended meanwhile, or another client of Codex have answered first.
      if (store.tables.approval.get(asked.approvalId) === record) {
        tell(asked, record, draft);
        ledger.answer(asked);
      }
      return store.tables.approval.get(asked.approvalId);
    },

    resolve(asked, decided) {
      if (!remote && decided.result !== null && !ledger.isConnected(asked)) return ledger.orphan(asked, lostReason());
      const record = resolvedRecord(recordOf(asked), { ...decided, decidedAt: isoTime(clock.now()) });
      const draft = resolvedEvent(record, asked.root);
      const seq = store.append(draft, { put: { approval: record } });
      tell(asked, record, draft);
      if (decided.result === null) return ledger.forget(asked);
      asked.writing = true;
      unwritten.push({
        seq,
        send: () => {
          asked.writing = false;
          if (store.tables.approval.get(asked.approvalId) === record) ledger.answer(asked);
        },
      });
    },

    answer(asked) {
      const { result, requestId } = recordOf(asked);
      const { current } = appServer();
      if (result === null) return;
      if (current !== undefined && asked.generation === current.generation) {
        try {
          current.client.answer(requestId, result);
          asked.answered = true;
          asked.expiry?.cancel();
        } catch {
          // The connection does not take it: it is as good as gone for this question.
          asked.generation = null;
        }
      }
      if (!remote && !asked.answered) return ledger.orphan(asked, lostReason());
      // A remote one may ask again, if this connection is lost before it has read the answer.
      if (!remote) ledger.forget(asked);
    },

    orphan(asked, reason, receipt) {
      const record = orphanedRecord(recordOf(asked), reason);
      const draft = orphanedEvent(record, asked.root);
      store.append(draft, { put: { approval: record } });
      ledger.forget(asked);
      tell(asked, record, draft, receipt);
    },

    forget(over) {
      live.delete(over.approvalId);
      over.expiry?.cancel();
      for (const wake of [...over.waiting]) wake();
    },

    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  return ledger;
}
