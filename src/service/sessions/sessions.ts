// The use cases of sessions: create, register, read, list, interrupt, close.
//
// Invariant: `sessionId` never changes, and a session is in the journal before any event of its thread.

import { isoTime, type Clock } from "../../base/clock.ts";
import { createOneAtATime } from "../../base/one-at-a-time.ts";
import { canonicalThreadId } from "../../codex/thread-methods.ts";
import { CodexdError } from "../../core/errors.ts";
import type { CodexdEvent } from "../../core/event.ts";
import { createId, type UuidSource } from "../../core/ids.ts";
import { NOTHING_STOPPED } from "../../core/processes.ts";
import { turnSummary, type SessionRecord, type ThreadProfile, type TurnRecord } from "../../core/records.ts";
import type { CreateSessionInput, StopOutcome } from "../../core/requests.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import { requireDirectory } from "../directories.ts";
import type { Keeping } from "../idempotency/idempotency.ts";
import type { CreatedSession } from "../idempotency/kept-forms.ts";
import { readPage, readWholePage } from "../pages.ts";
import type { SessionService } from "../services.ts";
import type { CodexdStore } from "../tables.ts";
import type { OpenTurns } from "../turns/open-turns.ts";
import { joinReports, type TurnLeftovers } from "../turns/turn-leftovers.ts";
import type { TurnQueue } from "../turns/turn-queue.ts";
import type { StopTurn } from "../turns/turn-stop.ts";
import type { WorkGate } from "../work-gate.ts";
import type { SessionIndex } from "./session-index.ts";
import { readSession } from "./session-parts.ts";
import { requireSession, type Threads } from "./threads.ts";

export interface SessionsOptions {
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly threads: Threads;
  readonly index: SessionIndex;
  readonly appServer: AppServerGate;
  readonly queue: TurnQueue;
  readonly stop: StopTurn;
  /** Ends what turns have left running; undefined for nowhere. */
  readonly leftovers?: TurnLeftovers;
  readonly gate: WorkGate;
  readonly clock: Clock;
  readonly uuid: UuidSource;
  /** The app-server runs elsewhere: its directories are not here to be looked at. */
  readonly remote?: boolean;
  /** A session is closed: what it alone had elsewhere may go. Must not reject. */
  readonly onClosed?: (sessionId: string) => Promise<void>;
}

export interface Sessions extends SessionService {
  /** Records a session without asking Codex for a thread; its first turn does. */
  register(input: Pick<CreateSessionInput, "purpose" | "threadId" | "metadata">): Promise<SessionRecord>;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { store, open, threads, index, appServer, leftovers, queue, gate, clock, uuid } = options;
  const { remote = false } = options;
  const byThread = createOneAtATime();

  /** One thread never gets two sessions: who looks waits for those that may be making one. */
  const oneAtATime = <T>(threadId: string | undefined, body: () => Promise<T>): Promise<T> =>
    threadId === undefined ? body() : byThread(threadId, body);

  const draft = (input: CreateSessionInput): SessionRecord => {
    const now = isoTime(clock.now());
    const { state } = appServer;
    return {
      sessionId: createId("session", uuid), purpose: input.purpose ?? "duplex", threadId: input.threadId ?? null,
      status: "active", endpoint: state.endpoint, childPid: state.pid, createdAt: now, updatedAt: now,
      cwd: null, model: null, modelProvider: null, serviceTier: null, reasoningEffort: null, approvalPolicy: null,
      sandbox: null, currentTurnId: null, lastTurnId: null, lastTurnStatus: null, metadata: input.metadata ?? {},
      profile: profileOf(input), threadDurable: input.threadId !== undefined,
    };
  };

  const existing = async (input: CreateSessionInput): Promise<SessionRecord | undefined> => {
    if (input.threadId === undefined) return undefined;
    const session = index.sessionOn(input.threadId);
    if (session?.status !== "active") return undefined;
    const others = Object.entries(input).filter(([name, value]) => name !== "threadId" && value !== undefined);
    if (others.length === 0) {
      await store.settled();
      return session;
    }
    const names = others.map(([name]) => name).join(", ");
    throw new CodexdError(
      "session_exists",
      `thread ${input.threadId} has the active session ${session.sessionId}; it takes no ${names} any more`,
      { sessionId: session.sessionId },
    );
  };

  const write = (
    type: "session.created" | "session.registered", session: SessionRecord, keeping?: Keeping<CreatedSession>,
  ): Promise<number> => {
    const forget = index.set(session);
    const { sessionId, threadId, purpose } = session;
    const message = type === "session.created" ? "session created" : "session registered";
    const detail = { sessionId, threadId, purpose };
    const changes = { put: { session } };
    const kept = keeping?.line(changes, { session, created: true }) ?? changes;
    const written = store.commit({ level: "info", type, message, detail }, kept);
    written.catch(forget);
    return written;
  };

  const stop = async (session: SessionRecord): Promise<Omit<StopOutcome, "session">> => {
    // Those that wait go first, or the next one would start in the moment when the running one ends.
    const { sessionId } = session;
    const withdrawing = queue.first(sessionId) === undefined ? null : queue.withdrawAll(sessionId);
    const running = open.ofSession(sessionId);
    const report = running === undefined ? await leftovers?.end(session) : await options.stop(running);
    const turn = running?.ended.value ?? null;
    const withdrawn = withdrawing === null ? [] : await withdrawing;
    const whole = turn === null ? null : await store.readWhole("turn", turn);
    return { turn: whole, queuedTurns: withdrawn.map(turnSummary), ...(report ?? NOTHING_STOPPED) };
  };

  return {
    async create(given, keeping) {
      const input = onCanonicalThread(given);
      if (input.cwd !== undefined && !remote) await requireDirectory("cwd", input.cwd);
      gate.assertOpen();
      return oneAtATime(input.threadId, async () => {
        const found = await existing(input);
        if (found !== undefined) return { session: await readSession(store, found), created: false };
        return { session: await make(input, keeping), created: true };
      });
    },

    async register(given) {
      const input = onCanonicalThread(given);
      gate.assertOpen();
      return oneAtATime(input.threadId, async () => {
        const found = await existing(input);
        if (found !== undefined) return readSession(store, found);
        gate.assertOpen();
        const session = draft(input);
        await write("session.registered", session);
        return session;
      });
    },

    async list({ limit, cursor, status, purpose }) {
      const page = readPage(store.tables.session.newestFirst(), {
        limit,
        cursor,
        idOf: (session) => session.sessionId,
        keep: (session) =>
          (status === null || session.status === status) && (purpose === null || session.purpose === purpose),
      });
      await store.settled();
      return readWholePage(page, {
        idOf: ({ sessionId }) => sessionId,
        isCut: ({ beside }) => beside !== undefined,
        read: (session) => readSession(store, session),
      });
    },

    async get(sessionId) {
      const session = requireSession(store, sessionId);
      const recentEvents = store.recentEvents().filter((event: CodexdEvent) => event.detail.sessionId === sessionId);
      await store.settled();
      return { session: await readSession(store, session), recentEvents };
    },

    async interrupt(sessionId) {
      const outcome = await stop(requireSession(store, sessionId));
      const session = requireSession(store, sessionId);
      await store.settled();
      return { session: await readSession(store, session), ...outcome };
    },

    async close(sessionId) {
      const session = requireSession(store, sessionId);
      if (session.status === "closed") {
        await store.settled();
        const whole = await readSession(store, session);
        return { session: whole, turn: null, queuedTurns: [], stopped: [], survived: [] };
      }
      let outcome = await stop(session);
      // A turn that came in while the first one ended is ended too; after that the record refuses more.
      while (open.ofSession(sessionId) !== undefined || queue.first(sessionId) !== undefined) {
        const more = await stop(session);
        const queuedTurns = [...outcome.queuedTurns, ...more.queuedTurns];
        outcome = { ...more, queuedTurns, ...joinReports(outcome, more) };
      }
      return { session: await closeNow(sessionId, outcome.turn), ...outcome };
    },
  };

  async function make(input: CreateSessionInput, keeping?: Keeping<CreatedSession>): Promise<SessionRecord> {
    const server = await appServer.ready();
    gate.assertOpen();
    const base = draft(input);
    let written: Promise<number> | undefined;
    const record = (facts: Partial<SessionRecord>): void => {
      written = write("session.created", { ...base, ...facts }, keeping);
    };
    if (input.threadId === undefined) await threads.start(server, base, record);
    else await threads.resume(server, input.threadId, base, record);
    await written;
    return keeping?.kept?.session ?? readSession(store, requireSession(store, base.sessionId));
  }

  async function closeNow(sessionId: string, turn: TurnRecord | null): Promise<SessionRecord> {
    const session = requireSession(store, sessionId);
    if (session.status === "closed") {
      await store.settled();
      return readSession(store, session);
    }
    const { threadId, purpose } = session;
    const closed: SessionRecord = { ...session, status: "closed", updatedAt: isoTime(clock.now()) };
    const message = turn === null ? "session closed" : "session closed, its turn interrupted";
    const detail = { sessionId, threadId, purpose };
    await store.commit({ level: "info", type: "session.closed", message, detail }, { put: { session: closed } });
    await options.onClosed?.(sessionId);
    return readSession(store, closed);
  }
}

/** Two forms of one id are one thread, which never gets two sessions. */
function onCanonicalThread<I extends Pick<CreateSessionInput, "threadId">>(input: I): I {
  return input.threadId === undefined ? input : { ...input, threadId: canonicalThreadId(input.threadId) };
}

function profileOf(input: CreateSessionInput): ThreadProfile {
  const { cwd, model, modelProvider, serviceTier, reasoningEffort, approvalPolicy, sandbox, personality } = input;
  const { ephemeral, baseInstructions, developerInstructions, config } = input;
  return {
    cwd: cwd ?? null, model: model ?? null, modelProvider: modelProvider ?? null, serviceTier: serviceTier ?? null,
    reasoningEffort: reasoningEffort ?? null, approvalPolicy: approvalPolicy ?? null, sandbox: sandbox ?? null,
    sandboxPolicy: null, personality: personality ?? null, ephemeral: ephemeral ?? null,
    baseInstructions: baseInstructions ?? null, developerInstructions: developerInstructions ?? null,
    config: config ?? null,
  };
}
