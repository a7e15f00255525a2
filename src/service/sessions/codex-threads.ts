// The use cases of Codex's threads, whether or not a session has them: list, read, fork, archive, name, compact and
// review.
//
// Deliberately not: loading and resuming (threads.ts). Invariants: no active session loses its thread; a session whose
// thread Codex is to work on is kept for that work, so that no turn slips in before it has begun.

import type { Clock } from "../../base/clock.ts";
import { readTurnId } from "../../codex/methods.ts";
import {
  readListPage, readReviewThreadId, readThread, reviewParams, threadForkParams, threadListParams, type CodexThread,
} from "../../codex/thread-methods.ts";
import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { SessionRecord } from "../../core/records.ts";
import type { AppServerGate, RunningAppServer } from "../app-server/app-server.ts";
import { callRaw, refuseTaking } from "../app-server/codex-rpc.ts";
import { requireDirectory } from "../directories.ts";
import type { ThreadService } from "../services.ts";
import type { Interrupts } from "../turns/interrupts.ts";
import type { OpenTurn } from "../turns/open-turn.ts";
import type { OpenTurns } from "../turns/open-turns.ts";
import { closedError } from "../turns/turn-start.ts";
import { busyError } from "../turns/turns.ts";
import { within } from "../wait.ts";
import type { WorkGate } from "../work-gate.ts";
import type { SessionIndex } from "./session-index.ts";
import { refusalOf, type Threads } from "./threads.ts";

export interface CodexThreadsOptions {
  readonly open: OpenTurns;
  readonly threads: Threads;
  readonly index: SessionIndex;
  readonly interrupts: Interrupts;
  readonly appServer: AppServerGate;
  readonly gate: WorkGate;
  readonly clock: Clock;
  /** The app-server runs elsewhere: its directories are not here. */
  readonly remote?: boolean;
}

/** Asks Codex to work on a loaded thread; `place` is what a session on it keeps for the turn. */
type Work<T> = (server: RunningAppServer, threadId: string, place: OpenTurn | undefined) => Promise<T>;

export function createCodexThreads(options: CodexThreadsOptions): ThreadService {
  const { open, threads, index, interrupts, appServer, gate, clock, remote = false } = options;

  const ask = async (method: string, params: Record<string, unknown>): Promise<unknown> => {
    const { client } = await appServer.ready();
    return client.call(method, params);
  };

  /** Codex has a `sessionId` of its own on a thread, which is nobody's name for a session here. */
  const withSession = (thread: CodexThread): Record<string, unknown> => {
    const { sessionId: codexSessionId, ...rest } = thread;
    const sessionId = typeof thread["id"] === "string" ? index.sessionIdOn(thread["id"]) : null;
    return { ...rest, ...(codexSessionId === undefined ? {} : { codexSessionId }), sessionId };
  };

  const threadIn = (method: string, result: unknown): Record<string, unknown> => {
    const thread = readThread(result);
    if (thread === undefined) throw new CodexdError("app_server_error", `Codex answered ${method} without a thread`);
    return withSession(thread);
  };

  const workOn = <T>(threadId: string, work: Work<T>): Promise<T> => {
    gate.assertOpen();
    const session = index.sessionOn(threadId);
    return session?.status === "active" ? workForSession(session, work) : workAlone(threadId, work);
  };

  const workForSession = async <T>(session: SessionRecord, work: Work<T>): Promise<T> => {
    const { sessionId } = session;
    const busy = open.ofSession(sessionId);
    if (busy !== undefined) throw busyError(busy);
    const place = open.reserve(session, (unchanged) => unchanged);
    place.expected = true;
    try {
      return await onceMore(async () => {
        const { server, session: current, threadId } = await threads.ensureLoaded(sessionId);
        if (current.status === "closed") throw closedError(sessionId);
        gate.assertOpen();
        if (place.phase !== "reserved") throw busyError(open.ofSession(sessionId) ?? place);
        return await work(server, threadId, place);
      }, () => index.markUnloaded(session.threadId ?? ""));
    } finally {
      open.release(place);
      // Who wanted the session to be idle has met the place alone.
      const begun = place.interruptRequested ? open.ofSession(sessionId) : undefined;
      if (begun !== undefined) void interrupts.interrupt(begun).catch(() => undefined);
    }
  };

  const workAlone = async <T>(threadId: string, work: Work<T>): Promise<T> => {
    const server = await appServer.ready();
    return onceMore(() => work(server, threadId, undefined), () => threads.load(server, threadId));
  };

  /** Gives the session the turn that Codex has begun; at the latest when nothing was heard of it for a while. */
  const begun = async (place: OpenTurn | undefined): Promise<void> => {
    if (place !== undefined) await within(clock, place.ended, LIMITS.turnBeginMs);
  };

  return {
    async list(query) {
      const { items, nextCursor } = readListPage(await ask("thread/list", threadListParams(query)));
      return { records: items.map(withSession), nextCursor };
    },

    read: async (threadId, { turns }) =>
      callRaw(await appServer.ready(), "thread/read", { threadId, includeTurns: turns }),

    async fork(threadId, input) {
      if (input.cwd !== undefined && !remote) await requireDirectory("cwd", input.cwd);
      gate.assertOpen();
      const params = threadForkParams(threadId, index.sessionOn(threadId), input);
      return threadIn("thread/fork", await ask("thread/fork", params));
    },

    async archive(threadId) {
      gate.assertOpen();
      refuseTaking(index, threadId);
      const { client } = await appServer.ready();
      refuseTaking(index, threadId);
      await client.call("thread/archive", { threadId });
    },

    async unarchive(threadId) {
      gate.assertOpen();
      return threadIn("thread/unarchive", await ask("thread/unarchive", { threadId }));
    },

    async name(threadId, name) {
      gate.assertOpen();
      await ask("thread/name/set", { threadId, name });
    },

    compact: (threadId) => workOn(threadId, async ({ client }, loadedId, place) => {
      await client.call("thread/compact/start", { threadId: loadedId });
      await begun(place);
    }),

    review: (threadId, input) => workOn(threadId, async ({ client }, loadedId, place) => {
      const result = await client.call("review/start", reviewParams(loadedId, input), {
        // Its first items come before its turn is said to have started.
        onResult: (told) => place === undefined ? undefined : takePlace(place, loadedId, told),
      });
      return { turnId: readTurnId(result), threadId: readReviewThreadId(result) ?? loadedId };
    }),
  };

  function takePlace(place: OpenTurn, threadId: string, result: unknown): void {
    const turnId = readTurnId(result);
    const session = index.sessionOn(threadId);
    const isHere = (readReviewThreadId(result) ?? threadId) === threadId;
    if (turnId === null || session === undefined || !isHere || place.phase !== "reserved") return;
    open.release(place);
    open.adopt(session, threadId, turnId);
  }
}

/** A thread that Codex has not loaded is refused before anything has begun: it is loaded, and asked once more. */
async function onceMore<T>(work: () => Promise<T>, load: () => Promise<void> | void): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (refusalOf(error) !== "thread_not_loaded") throw error;
    await load();
    return work();
  }
}
