// The services as parts.ts builds them, on a memory store and a fake app-server, with Codex's side in the test's hand.
// Nothing is started or timed by itself: a test says what Codex says, and when.

import { systemClock, type Clock } from "../../src/base/clock.ts";
import type { SessionRecord } from "../../src/core/records.ts";
import type { StartTurnInput } from "../../src/core/requests.ts";
import { createApprovals, type Approvals, type ApprovalsOptions } from "../../src/service/approvals/approvals.ts";
import { createIngest, type Ingest } from "../../src/service/events/ingest.ts";
import { createReceiptMarks, type ReceiptMarks } from "../../src/service/receipts/receipt-marks.ts";
import { markedTurns } from "../../src/service/receipts/receipt-state.ts";
import type { TurnService } from "../../src/service/services.ts";
import { createSessionIndex, type SessionIndex } from "../../src/service/sessions/session-index.ts";
import { createSessions, type Sessions } from "../../src/service/sessions/sessions.ts";
import { createThreads, type ThreadsOptions } from "../../src/service/sessions/threads.ts";
import { createInputItems } from "../../src/service/turns/input-items.ts";
import { createInterrupts } from "../../src/service/turns/interrupts.ts";
import { createOpenTurns, type OpenTurns } from "../../src/service/turns/open-turns.ts";
import { createTakeUp, type TakeUp } from "../../src/service/turns/take-up.ts";
import { createTurnLeftovers, type ThreadProcesses } from "../../src/service/turns/turn-leftovers.ts";
import { createTurnQueue, type TurnQueue } from "../../src/service/turns/turn-queue.ts";
import { createTurnStart } from "../../src/service/turns/turn-start.ts";
import { createTurnStop } from "../../src/service/turns/turn-stop.ts";
import { createTurnWait } from "../../src/service/turns/turn-wait.ts";
import { createTurns } from "../../src/service/turns/turns.ts";
import { createWorkGate, type WorkGate } from "../../src/service/work-gate.ts";
import { createFakeAppServer, type FakeAppServer } from "./fake-app-server.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";

/** The system's clock, whose timers keep a test alive while it waits for them. */
export const heldClock: Clock = {
  ...systemClock,
  after(ms, fn) {
    const handle = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

export interface ServiceRig {
  readonly store: MemoryStore;
  readonly codex: FakeAppServer;
  readonly sessions: Sessions;
  readonly turns: TurnService;
  readonly queue: TurnQueue;
  readonly open: OpenTurns;
  readonly ingest: Ingest;
  readonly approvals: Approvals;
  readonly index: SessionIndex;
  readonly gate: WorkGate;
  readonly takeUp: TakeUp;
  readonly marks: ReceiptMarks;
  /** By `<sessionId>/<uploadId>`, where an upload lies. */
  readonly uploaded: Map<string, string>;
  /** What Codex notifies. */
  say(method: string, params: Record<string, unknown>): void;
  /** The notifications of a whole turn with one message. */
  sayTurn(threadId: string, turnId: string, text: string, status?: string): void;
  session(input?: Parameters<Sessions["create"]>[0]): Promise<SessionRecord & { threadId: string }>;
  start(sessionId: string, more?: Partial<StartTurnInput>): ReturnType<TurnService["start"]>;
}

export interface ServiceRigOptions {
  readonly clock?: Clock;
  /** The app-server runs elsewhere. */
  readonly remote?: boolean;
  /** From when on a turn that says nothing is `stalled`; nobody is warned here. */
  readonly stallWarnMs?: number;
  /** What an earlier daemon has left. */
  readonly store?: MemoryStore;
  readonly policy?: ApprovalsOptions["policy"];
  readonly rules?: ApprovalsOptions["rules"];
  readonly waitingMax?: ApprovalsOptions["waitingMax"];
  /** @see ThreadsOptions.holderOf */
  readonly holderOf?: ThreadsOptions["holderOf"];
  /** Receipts are marked each time when so many bytes have been written; never without it. */
  readonly markBytes?: number;
  /** What turns leave running; without it nobody looks. */
  readonly processes?: ThreadProcesses;
}

export function createServiceRig(options: ServiceRigOptions = {}): ServiceRig {
  const { clock = heldClock, remote = false, policy = { default: "ask", timeoutMs: null }, rules = null } = options;
  const { store = createMemoryStore(clock), holderOf } = options;
  const holder = holderOf === undefined ? {} : { holderOf };
  const codex = createFakeAppServer();
  const gate = createWorkGate("app-server");
  const index = createSessionIndex(store);
  // No id of an earlier daemon's comes again.
  let ids = store.lastSeq;
  const uuid = (): string => String(++ids).padStart(32, "0");
  const open = createOpenTurns(store, clock, uuid, undefined, options.stallWarnMs);
  const approvals = createApprovals({
    store, open, index, clock, uuid, gate, remote, policy, rules, appServer: () => codex,
    waitingMax: options.waitingMax,
  });
  const marks = createReceiptMarks(store, options.markBytes ?? Number.POSITIVE_INFINITY);
  marks.watch(() => markedTurns(open, approvals));
  const ingest = createIngest({
    marks, store, turns: open, index, approvals, clock, appServer: () => codex, explain: (outcome) => outcome,
  });
  const interrupts = createInterrupts(codex, clock, open);
  const threads = createThreads({ store, index, appServer: codex, clock, defaultCwd: "/default", ...holder });
  const begin = createTurnStart({ open, threads, index, interrupts, gate, remote });
  const uploaded = new Map<string, string>();
  const items = createInputItems({
    defaultCwd: "/default", remote,
    uploads: { pathOf: async (sessionId, uploadId) => uploaded.get(`${sessionId}/${uploadId}`) ?? null },
  });
  const queue = createTurnQueue({ store, open, gate, appServer: codex, clock, start: begin, items, remote });
  const { processes } = options;
  const left = processes === undefined ? {}
    : { leftovers: createTurnLeftovers({ store, appServer: codex, index, open, processes }) };
  const stop = createTurnStop({ queue, interrupts, ...left });
  const sessions = createSessions({
    store, open, threads, index, appServer: codex, queue, stop, gate, clock, uuid, remote, ...left,
  });
  const turns = createTurns({
    store, open, threads, gate, begin, queue, stop, remote, items, wait: createTurnWait({ clock, approvals, gate }),
  });
  const takeUp = createTakeUp({
    store, open, threads, interrupts, approvals, appServer: codex, clock, explain: (outcome) => outcome,
  });
  const say: ServiceRig["say"] = (method, params) => ingest.notification(method, params, 1);

  return {
    store, codex, sessions, turns, queue, open, ingest, approvals, index, gate, takeUp, marks, uploaded, say,
    sayTurn(threadId, turnId, text, status = "completed") {
      const item = { type: "agentMessage", id: "msg_1", text };
      say("turn/started", { threadId, turn: { id: turnId, status: "inProgress" } });
      say("item/started", { threadId, turnId, item: { ...item, text: "" } });
      say("item/agentMessage/delta", { threadId, turnId, itemId: "msg_1", delta: text });
      say("item/completed", { threadId, turnId, item });
      say("turn/completed", { threadId, turn: { id: turnId, status, error: null, durationMs: 7, items: [] } });
    },
    async session(input = {}) {
      const { session } = await sessions.create(input);
      return { ...session, threadId: session.threadId ?? "" };
    },
    start: (sessionId, more = {}) => turns.start({ sessionId, prompt: "hello", ...more }),
  };
}
