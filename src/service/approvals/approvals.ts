// The inbox of what Codex asks: each question is written down, waits, and is answered exactly once.
//
// Deliberately not: which answers a method takes (codex/server-answers.ts), what clients say (approval-decisions.ts),
// who decides in a person's place (approval-judge.ts), the writing (approval-ledger.ts). Invariant: every question of
// Codex's ends: answered, settled by another client, refused, or orphaned (approval-ends.ts); Codex waits for ever.

import { isoTime, type Clock } from "../../base/clock.ts";
import { idOf, rootTurnIdOf, threadIdOf, turnIdOf } from "../../codex/notifications.ts";
import { declineOf } from "../../codex/server-answers.ts";
import { readApprovalFacts, TOO_MANY, UNSUPPORTED } from "../../codex/server-requests.ts";
import type { ApprovalRecord } from "../../core/approvals.ts";
import type { CodexdConfig } from "../../core/config.ts";
import { createId, type UuidSource } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TurnRecord } from "../../core/records.ts";
import type { RpcId } from "../../protocol/json-rpc.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import type { Receipt } from "../receipts/receipts.ts";
import type { ApprovalService } from "../services.ts";
import type { SessionIndex } from "../sessions/session-index.ts";
import { createTally, type Tally } from "../status/tally.ts";
import type { CodexdStore } from "../tables.ts";
import type { TurnOutcome } from "../turns/open-turn.ts";
import type { OpenTurns } from "../turns/open-turns.ts";
import { createSubAgents } from "../turns/sub-agents.ts";
import type { WorkGate } from "../work-gate.ts";
import { createDecide } from "./approval-decisions.ts";
import { createApprovalEnds, type ApprovalEnds } from "./approval-ends.ts";
import { createJudge } from "./approval-judge.ts";
import { createApprovalLedger, type LiveApproval } from "./approval-ledger.ts";
import { createApprovalPages, pendingRecords } from "./approval-pages.ts";
import { ANSWER_LOST, pendingRecord, type AskedRequest, type TurnName } from "./approval-records.ts";
import type { ApprovalRules } from "./approval-rules.ts";
import { createOpenItems } from "./open-items.ts";

export interface Approvals extends ApprovalService {
  /** Codex asks. One that it has asked before, over a connection that was lost, is the same approval. */
  ask(requestId: RpcId, method: string, params: Record<string, unknown>): void;
  /** What Codex notifies, once its event is written: items, sub-agents, questions that are settled, ends of turns. */
  told(method: string, params: Record<string, unknown>): void;
  /** Those that a turn waits for, its sub-agents' too; oldest first. */
  pendingOf(turn: Pick<TurnRecord, "threadId" | "turnId">): readonly ApprovalRecord[];
  /** Calls `listener` when a turn has begun to wait for one; gives the way to stop it. */
  onPending(listener: (approval: ApprovalRecord) => void): () => void;
  /** Every question is gone with the child. */
  down(reason: string): void;
  /** The connection has gone, and the questions with it, until they are asked again on the next one. */
  disconnected(): void;
  /** On the present connection the thread was resumed: Codex asks again at once what it still wants to know. */
  resumed(threadId: string): void;
  /** Threads of sub-agents with a question that nobody has asked on the present connection. */
  unheardThreads(): readonly string[];
  /** Codex does not run the thread any more. */
  threadEnded(threadId: string, reason: string): void;
  /** A turn that an earlier daemon has left is about to be ended: so are its questions, those of sub-agents too. */
  abandon(turn: Pick<TurnRecord, "sessionId">, reason: string, receipt: Receipt): void;
  /** The turns of an earlier daemon are ended or open again: questions of no open turn are over, the others wait. */
  recover(): void;
  /** Nothing is decided or timed any more. */
  stop(): void;
  /** How many wait. */
  readonly pending: number;
  /** A decision is being written: receipts do not have it yet. */
  readonly isCommitting: boolean;
}

export interface ApprovalsOptions {
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly index: Pick<SessionIndex, "sessionIdOn">;
  readonly appServer: () => AppServerGate;
  readonly clock: Clock;
  readonly uuid: UuidSource;
  readonly gate: Pick<WorkGate, "isDraining" | "onDrain">;
  readonly policy: Pick<CodexdConfig["approvals"], "default" | "timeoutMs">;
  /** Null where there are none. */
  readonly rules: ApprovalRules | null;
  readonly tally?: Pick<Tally, "approvals">;
  /** The app-server runs elsewhere: what it asks outlives the connection. */
  readonly remote?: boolean;
  readonly waitingMax?: number | undefined;
}

/** What is the same when Codex asks the same again. */
const SAME_QUESTION = ["requestId", "method", "threadId", "turnId", "itemId"] as const;

/** Where a question belongs: its session, its turn, and the turn that lists it. */
type Owner = Pick<ApprovalRecord, "sessionId" | "turnId"> & { readonly root: TurnName | null };

export function createApprovals(options: ApprovalsOptions): Approvals {
  const { store, open, appServer, clock, uuid, gate, policy, rules, tally = createTally(), remote = false } = options;
  const ledger = createApprovalLedger({ store, open, appServer, clock, gate, tally, remote });
  const ends = createApprovalEnds({ store, ledger, open, appServer, clock, remote });
  const judge = createJudge(store, rules, policy.default);
  const items = createOpenItems(LIMITS.openItemsKept);
  const subAgents = createSubAgents(open, LIMITS.subAgentsKept);
  const pendingListeners = new Set<(approval: ApprovalRecord) => void>();
  let stopped = false;

  for (const record of [...store.tables.approval.newestFirst()].reverse()) {
    if (record.status === "pending") ledger.restore(record, null);
  }

  const expireAfter = (live: LiveApproval, ms: number): void => {
    live.expiry = clock.after(Math.max(0, ms), () => {
      const { method, status } = ledger.recordOf(live);
      // Where it outlives a daemon that stops, the next one finds that its time is over.
      if (gate.isDraining || status !== "pending") return;
      ledger.resolve(live, { decision: "decline", decidedBy: "timeout", rule: null, result: declineOf(method) });
    });
  };

  const expireAt = (live: LiveApproval): void => {
    live.expiry?.cancel();
    const { expiresAt } = ledger.recordOf(live);
    if (expiresAt !== null) expireAfter(live, Math.min(Date.parse(expiresAt) - clock.now(), LIMITS.timerMsMax));
  };

  const ownerOf = (threadId: string | null, turnId: string | null): Owner => {
    if (threadId === null) return { sessionId: null, turnId, root: null };
    const running = open.onThread(threadId);
    const subAgentOf = running === undefined ? subAgents.rootOf(threadId) : undefined;
    if (subAgentOf !== undefined) return { sessionId: subAgentOf.sessionId, turnId, root: subAgentOf };
    const sessionId = options.index.sessionIdOn(threadId);
    // What asks outside of a turn, as an MCP server may, or in one inside it, keeps the one waiting that runs.
    const isOfRunning = turnId === null || turnId === running?.innerTurnId;
    const rootId = isOfRunning ? running?.record.turnId ?? turnId : turnId;
    return { sessionId, turnId: turnId ?? rootId, root: rootId === null ? null : { threadId, turnId: rootId } };
  };

  const { waitingMax = LIMITS.approvalsWaitingMax } = options;
  const isFull = (): boolean => ledger.size >= waitingMax && pendingRecords(ledger).length >= waitingMax;

  const refuse = (
    requestId: RpcId, method: string, params: Record<string, unknown>, why: typeof UNSUPPORTED | typeof TOO_MANY,
  ): void => {
    const threadId = threadIdOf(params);
    const turnId = turnIdOf(params);
    const { sessionId } = ownerOf(threadId, turnId);
    store.append({
      level: "warn",
      type: "app-server.request.refused",
      message: `refused ${method}: ${why === UNSUPPORTED ? "not supported" : why.message}`,
      detail: {
        sessionId, threadId, turnId, itemId: itemIdOf(params), requestMethod: method, requestId, kind: "other", params,
      },
    });
    appServer().current?.client.refuse(requestId, why.code, why.message);
  };

  /** The one that Codex asks again. */
  const askedBefore = (asked: Omit<AskedRequest, "approvalId" | "sessionId">): LiveApproval | undefined =>
    ledger.byRequest(asked.requestId).find((live) => {
      const record = ledger.recordOf(live);
      return SAME_QUESTION.every((name) => record[name] === asked[name]);
    });

  const takeAgain = (live: LiveApproval): void => {
    live.generation = appServer().current?.generation ?? null;
    for (const wake of [...live.waiting]) wake();
    if (ledger.recordOf(live).status !== "pending" && !live.writing) ledger.answer(live);
  };

  /** @param asked all of it, of which the record that is kept may have a part. */
  const take = (live: LiveApproval, asked: ApprovalRecord): void => {
    live.generation = appServer().current?.generation ?? null;
    const decided = judge(asked);
    if (decided !== undefined) return ledger.resolve(live, decided);
    if (policy.timeoutMs !== null) expireAfter(live, policy.timeoutMs);
    for (const listener of [...pendingListeners]) listener(ledger.recordOf(live));
  };

  open.onEnding(({ record: { threadId, turnId }, receipt }, outcome) => {
    if (threadId === null) return;
    ends.turnEnds(threadId, turnId, endReason(outcome, gate.isDraining && !remote), receipt);
    if (turnId !== null) items.turnEnded(threadId, turnId);
  });

  const told: ReadonlyMap<string, Told> = new Map<string, Told>([
    ["item/started", ({ item }, threadId, turnId) => items.begun(threadId, turnId, item)],
    ["item/completed", ({ item }, threadId, turnId) => items.ended(threadId, turnId, item)],
    ["turn/started", ({ turn }, threadId, turnId) => {
      const rootTurnId = rootTurnIdOf(turn);
      if (rootTurnId !== null && rootTurnId !== turnId) subAgents.begun(threadId, rootTurnId);
    }],
    ["turn/completed", (_params, threadId, turnId) => {
      // An open turn ends what it has asked by itself.
      if (open.onThread(threadId)?.record.turnId === turnId) return;
      ends.turnEnds(threadId, turnId, "turn_ended");
      items.turnEnded(threadId, turnId);
    }],
  ]);

  return {
    ...inherited(ends),
    ...createApprovalPages(store, ledger, clock, gate),
    decide: createDecide({ store, ledger, clock, gate, remote, onUndone: expireAt, isStopped: () => stopped }),

    ask(requestId, method, params) {
      const threadId = threadIdOf(params);
      const itemId = itemIdOf(params);
      const { sessionId, turnId, root } = ownerOf(threadId, turnIdOf(params));
      const now = clock.now();
      const expiresAt = policy.timeoutMs === null ? null : isoTime(now + policy.timeoutMs);
      const request = { threadId, turnId, itemId, method, params, requestId, createdAt: isoTime(now), expiresAt };
      const before = askedBefore(request);
      if (before !== undefined && !ledger.hasLostAnswer(before)) return takeAgain(before);
      // Only a person knows it: so it is another question, to be answered anew.
      if (before !== undefined) ledger.orphan(before, ANSWER_LOST);
      const item = threadId === null || itemId === null ? undefined : items.get(threadId, itemId);
      const facts = isName(requestId) ? readApprovalFacts(method, params, item) : undefined;
      if (facts === undefined) return refuse(requestId, method, params, UNSUPPORTED);
      if (isFull()) return refuse(requestId, method, params, TOO_MANY);
      const approvalId = createId("approval", uuid);
      const asked = pendingRecord({ approvalId, sessionId, ...request }, facts);
      take(ledger.ask(asked, root), asked);
    },

    told(method, params) {
      const threadId = threadIdOf(params);
      if (method === "serverRequest/resolved") return ends.settledByCodex(threadId, params["requestId"]);
      const turnId = turnIdOf(params);
      if (threadId !== null && turnId !== null) told.get(method)?.(params, threadId, turnId);
    },

    pendingOf: ({ threadId, turnId }) => pendingRecords(ledger).filter(({ approvalId }) => {
      const root = ledger.get(approvalId)?.root;
      return root?.threadId === threadId && root.turnId === turnId;
    }),

    onPending(listener) {
      pendingListeners.add(listener);
      return () => void pendingListeners.delete(listener);
    },

    down(reason) {
      ends.down(reason);
      items.clear();
      subAgents.clear();
    },

    recover() {
      for (const live of ends.recover()) expireAt(live);
    },

    stop() {
      stopped = true;
      ends.stop();
    },

    get pending() {
      return pendingRecords(ledger).length;
    },

    get isCommitting() {
      return ledger.isCommitting;
    },
  };
}

type Told = (params: Record<string, unknown>, threadId: string, turnId: string) => void;

function inherited({ disconnected, resumed, unheardThreads, threadEnded, abandon }: ApprovalEnds) {
  return { disconnected, resumed, unheardThreads, threadEnded, abandon };
}

/** Codex calls the item by its id, and the call of a tool by a name of its own. */
function itemIdOf({ itemId, callId }: Record<string, unknown>): string | null {
  return idOf(typeof itemId === "string" ? itemId : callId);
}

/** One that no record has room for is no id. */
function isName(requestId: RpcId): boolean {
  return typeof requestId === "number" || idOf(requestId) !== null;
}

/** A daemon that stops has its turns ended by Codex, which then says no more than that they have. */
function endReason({ byCodex, error }: TurnOutcome, isStopping: boolean): string {
  if (isStopping) return "daemon_stopped";
  return (byCodex === true ? null : error?.reason) ?? "turn_ended";
}
