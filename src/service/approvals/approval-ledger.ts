// The approvals that are not over: what each waits for, how a change of one is written down, and how an answer goes to
// Codex.
//
// Deliberately not: who decides (approvals.ts, approval-decisions.ts). Invariants: an answer is in the journal before
// Codex has it, and goes to the connection that has asked, once; one that could not be told to Codex any more does not
// count as a decision; what is over leaves nothing here, however many approvals there have been.

import { assert } from "../../base/assert.ts";
import { isoTime, type Clock, type Timer } from "../../base/clock.ts";
import { isWithheld } from "../../codex/server-answers.ts";
import type { ApprovalRecord } from "../../core/approvals.ts";
import type { EventDraft } from "../../core/event.ts";
import type { Changes } from "../../store/types.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import { observe, type Receipt } from "../receipts/receipts.ts";
import { countApproval, type Tally } from "../status/tally.ts";
import type { CodexdStore, CodexdTables } from "../tables.ts";
import type { OpenTurns } from "../turns/open-turns.ts";
import type { WorkGate } from "../work-gate.ts";
import {
  orphanedEvent, orphanedRecord, requestedEvent, resolvedEvent, resolvedRecord, type Decision, type TurnName,
} from "./approval-records.ts";

type Result = Readonly<Record<string, unknown>>;

/** One that waits for its decision, or whose answer is not known to have reached Codex. */
export interface LiveApproval {
  readonly approvalId: string;
  readonly requestId: ApprovalRecord["requestId"];
  /** Null for one of no turn. */
  root: TurnName | null;
  /** The life of the app-server's connection on which Codex waits for the answer; null while there is none. */
  generation: number | null;
  /** The decision is not in the journal yet, and Codex must not hear it before. */
  writing: boolean;
  /** The answer has been given to the connection. */
  answered: boolean;
  /** What Codex is to be told, all of it: the record as it is kept may lack what is secret, and what is long. */
  given: { readonly of: ApprovalRecord; readonly answer: Result } | null;
  /** Its end is in the tally. */
  counted: boolean;
  expiry: Timer | undefined;
  /** Who waits until Codex asks again, or nobody can be answered any more. */
  readonly waiting: Set<() => void>;
}

export interface ApprovalLedger {
  /** In the order in which they were asked. */
  all(): LiveApproval[];
  /** As many as `all` gives, or more; costs nothing. */
  readonly size: number;
  /** Those by whose id Codex waits; an id is used anew in each of the app-server's lives. Costs what it gives. */
  byRequest(requestId: unknown): LiveApproval[];
  get(approvalId: string): LiveApproval | undefined;
  recordOf(live: LiveApproval): ApprovalRecord;
  /** Takes one up that is in the journal already: one that was answered with its turn, one that waits without. */
  restore(record: ApprovalRecord, root: TurnName | null): LiveApproval;
  /** Writes a new one down; what is long in it is not in `recordOf`. */
  ask(record: ApprovalRecord, root: TurnName | null): LiveApproval;
  /** The connection that asked is there to be answered. */
  isConnected(live: LiveApproval): boolean;
  /**
   * A client decides. Gives whether that stands when it is written: its turn may have ended meanwhile, or another
   * client of Codex have answered first.
   *
   * @param answer what Codex is told: the `result`, or what that leaves out of it.
   */
  commit(live: LiveApproval, decided: Decision, answer: Result): Promise<boolean>;
  /** Codexd decides by itself; the answer goes out when that is written. Without a `result` there is none to give. */
  resolve(live: LiveApproval, decided: Decision): void;
  /** What stands was said to an earlier daemon, in secret or at length, and is not to be had (any more). */
  hasLostAnswer(live: LiveApproval): boolean;
  /** A decision is on its way to the journal, and in its turn's receipt only when it is there. */
  readonly isCommitting: boolean;
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
  const byRequest = new Map<unknown, Set<LiveApproval>>();
  const listeners = new Set<(approval: ApprovalRecord) => void>();
  /** Answers by the seq of their line, which grows: while the disk is full they wait for it. */
  const unwritten: Array<{ readonly seq: number; readonly send: () => void }> = [];
  let committing = 0;

  store.subscribe(() => {
    while (unwritten[0] !== undefined && unwritten[0].seq <= store.headSeq) unwritten.shift()?.send();
  });

  const recordOf = ({ approvalId }: LiveApproval): ApprovalRecord => {
    const record = store.tables.approval.get(approvalId);
    assert(record !== undefined, "what is not over has a record");
    return record;
  };

  const add = (record: ApprovalRecord, root: TurnName | null, answered: boolean): LiveApproval => {
    const { approvalId, requestId } = record;
    const added: LiveApproval = {
      approvalId, requestId, root, generation: null, writing: false, answered, given: null, counted: false,
      expiry: undefined, waiting: new Set(),
    };
    live.set(approvalId, added);
    byRequest.set(requestId, (byRequest.get(requestId) ?? new Set()).add(added));
    return added;
  };

  const remove = (over: LiveApproval): void => {
    live.delete(over.approvalId);
    const same = byRequest.get(over.requestId);
    same?.delete(over);
    if (same?.size === 0) byRequest.delete(over.requestId);
  };

  const readAnswer = async (restored: LiveApproval, record: ApprovalRecord): Promise<void> => {
    const { result: answer, beside = [] } = await store.readWhole("approval", record);
    if (answer === null || beside.includes("answer") || isWithheld(answer)) return;
    if (store.tables.approval.get(record.approvalId) === record) restored.given = { of: record, answer };
  };

  const isKept = ({ approvalId }: LiveApproval): boolean => store.tables.approval.get(approvalId) !== undefined;

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

  /** A sub-agent's question outlives the turn that lists it: the receipt changes with it. */
  const changesOf = (record: ApprovalRecord, draft: EventDraft): Changes<CodexdTables> =>
    ({ put: { approval: record, ...open.lateChanges(draft)?.put } });

  const lostReason = (): string => (gate.isDraining ? "daemon_stopped" : "child_exited");

  const ledger: ApprovalLedger = {
    all() {
      // Retention may have dropped one that is decided, and whose turn runs on.
      for (const one of live.values()) {
        if (!isKept(one)) remove(one);
      }
      return [...live.values()];
    },
    get size() {
      return live.size;
    },
    byRequest: (requestId) => [...(byRequest.get(requestId) ?? [])].filter(isKept),
    get: (approvalId) => live.get(approvalId),
    recordOf,
    lostReason,
    get isCommitting() {
      return committing > 0;
    },
    restore(record, root) {
      const restored = add(record, root, root !== null);
      // Codex asks again some time after a start: until this is read it counts as lost.
      if (record.beside?.includes("answer") === true) void readAnswer(restored, record);
      return restored;
    },

    ask(record, root) {
      const draft = requestedEvent(record, root);
      store.append(draft, { put: { approval: record } });
      const added = add(record, root, false);
      tell(added, record, draft);
      return added;
    },

    isConnected: ({ generation }) => generation !== null && appServer().current?.generation === generation,

    async commit(asked, decided, answer) {
      const record = resolvedRecord(recordOf(asked), { ...decided, decidedAt: isoTime(clock.now()) });
      const draft = resolvedEvent(record, asked.root);
      const written = store.commit(draft, changesOf(record, draft));
      const kept = recordOf(asked);
      asked.given = { of: kept, answer };
      asked.writing = true;
      committing += 1;
      try {
        await written;
      } finally {
        asked.writing = false;
        committing -= 1;
      }
      const stands = (): boolean => store.tables.approval.get(asked.approvalId) === kept;
      if (!stands()) return false;
      tell(asked, record, draft);
      ledger.answer(asked);
      return stands();
    },

    resolve(asked, decided) {
      if (!remote && decided.result !== null && !ledger.isConnected(asked)) return ledger.orphan(asked, lostReason());
      const record = resolvedRecord(recordOf(asked), { ...decided, decidedAt: isoTime(clock.now()) });
      const draft = resolvedEvent(record, asked.root);
      const seq = store.append(draft, changesOf(record, draft));
      const kept = recordOf(asked);
      tell(asked, record, draft);
      if (decided.result === null) return ledger.forget(asked);
      asked.given = { of: kept, answer: decided.result };
      asked.writing = true;
      unwritten.push({
        seq,
        send: () => {
          asked.writing = false;
          if (store.tables.approval.get(asked.approvalId) === kept) ledger.answer(asked);
        },
      });
    },

    hasLostAnswer(asked) {
      const record = recordOf(asked);
      const { result, beside = [] } = record;
      return result !== null && asked.given?.of !== record && (isWithheld(result) || beside.includes("answer"));
    },

    answer(asked) {
      const record = recordOf(asked);
      const { requestId } = record;
      if (record.result === null) return;
      const result = asked.given?.of === record ? asked.given.answer : record.result;
      const { current } = appServer();
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
      store.append(draft, changesOf(record, draft));
      ledger.forget(asked);
      tell(asked, record, draft, receipt);
    },

    forget(over) {
      remove(over);
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
