// Makes sure that a session's thread is loaded in the running app-server, whatever has died since.
//
// Deliberately not: turns. Invariant: a session keeps its `sessionId` for ever; when Codex has lost its thread (a
// thread is not on disk before its first turn), it gets a new one, and an event says so.

import { isoTime, sleep, type Clock } from "../../base/clock.ts";
import { meaningOf } from "../../codex/app-server-errors.ts";
import {
  readThreadFacts, threadResumeParams, threadStartParams, type ThreadFacts,
} from "../../codex/methods.ts";
import { CodexdError } from "../../core/errors.ts";
import type { EventDraft } from "../../core/event.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ThreadHolder } from "../../core/processes.ts";
import type { SessionRecord } from "../../core/records.ts";
import type { AppServerGate, RunningAppServer } from "../app-server/app-server.ts";
import type { CodexdStore } from "../tables.ts";
import type { SessionIndex } from "./session-index.ts";
import { requireWholeSession } from "./session-parts.ts";

export interface Threads {
  /**
   * Gives the session with a loaded thread, and the app-server that has it.
   *
   * @throws (rejects) {CodexdError} `thread_locked`, `app_server_error`, and what `AppServerGate.ready` throws.
   */
  ensureLoaded(sessionId: string): Promise<{ server: RunningAppServer; session: SessionRecord; threadId: string }>;
  /** Starts a thread for `draft`; `record` is called with its facts before anything else that Codex says of it. */
  start(server: RunningAppServer, draft: SessionRecord, record: (facts: ThreadFacts) => void): Promise<void>;
  /**
   * Resumes a thread that Codex has. `record` as in `start`; `threadDurable` is false for one that is loaded and has
   * had no turn, which Codex does not resume.
   */
  resume(
    server: RunningAppServer, threadId: string, draft: SessionRecord,
    record: (facts: ThreadFacts & { readonly threadDurable?: false }) => void,
  ): Promise<void>;
  /** Loads a thread that no active session has: with the settings of its last session, else with Codex's own. */
  load(server: RunningAppServer, threadId: string): Promise<void>;
  /** Resumes the thread that a session has, and never gives it another; throws as `ensureLoaded`. */
  reload(server: RunningAppServer, session: SessionRecord, threadId: string): Promise<void>;
}

export interface ThreadsOptions {
  readonly store: CodexdStore;
  readonly index: SessionIndex;
  readonly appServer: AppServerGate;
  readonly clock: Clock;
  readonly defaultCwd: string;
  /** Who else has the thread loaded; null where it cannot be told. */
  readonly holderOf?: (threadId: string) => Promise<ThreadHolder | null>;
}

const LOCKED_RETRY_MS = 100;

export function createThreads(options: ThreadsOptions): Threads {
  const { store, index, appServer, clock, defaultCwd, holderOf = async () => null } = options;
  const start: Threads["start"] = async (server, draft, record) => {
    const { profile } = draft.beside === undefined ? draft : await requireWholeSession(store, draft);
    await server.client.threadStart(threadStartParams(profile, defaultCwd), {
      onResult: (result) => take(server, "thread/start", result, record),
    });
  };

  const resumeWith = async (
    server: RunningAppServer, params: { readonly threadId: string }, record: (facts: ThreadFacts) => void,
  ): Promise<void> => {
    const { threadId } = params;
    const giveUpAt = clock.monotonic() + LIMITS.threadLockedRetryMs;
    for (;;) {
      try {
        await server.client.threadResume(params, {
          onResult: (result) => take(server, "thread/resume", result, record),
        });
        return;
      } catch (error) {
        if (refusalOf(error) !== "thread_locked") throw error;
        if (clock.monotonic() >= giveUpAt) throw lockedError(threadId, await holderOf(threadId), error);
        await sleep(clock, LOCKED_RETRY_MS);
      }
    }
  };

  const resume: Threads["resume"] = async (server, threadId, draft, record) => {
    try {
      const session = draft.beside === undefined ? draft : await requireWholeSession(store, draft);
      await resumeWith(server, { ...threadResumeParams(threadId, session), threadId }, record);
    } catch (error) {
      const facts = index.factsOf(threadId, server.generation);
      if (facts === undefined || refusalOf(error) !== "thread_without_turns") throw error;
      record({ ...facts, threadDurable: false });
    }
  };

  const load: Threads["load"] = async (server, threadId) => {
    const known = index.sessionOn(threadId);
    const session = known?.beside === undefined ? known : await requireWholeSession(store, known);
    const params = session === undefined ? { excludeTurns: true } : threadResumeParams(threadId, session);
    await resumeWith(server, { ...params, threadId }, () => undefined);
  };

  const take = (
    server: RunningAppServer, method: string, result: unknown, record: (facts: ThreadFacts) => void,
  ): void => {
    const facts = readThreadFacts(result);
    if (facts === undefined) throw new CodexdError("app_server_error", `Codex answered ${method} without a thread`);
    index.markLoaded(facts.threadId, server.generation);
    record(facts);
  };

  /** Writes what a started or resumed thread has changed on its session. */
  const write = (sessionId: string, facts: ThreadFacts, event: EventDraft): void => {
    const session = store.tables.session.get(sessionId);
    if (session === undefined) return;
    const threadDurable = session.threadDurable && session.threadId === facts.threadId;
    const { state } = appServer;
    // What an answer leaves out has not changed.
    const told = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
    const changed: SessionRecord = {
      ...session, ...told, threadDurable, childPid: state.pid, endpoint: state.endpoint,
      updatedAt: isoTime(clock.now()),
    };
    index.set(changed);
    store.append(event, { put: { session: changed } });
  };

  const restart = async (server: RunningAppServer, session: SessionRecord): Promise<void> => {
    const { sessionId, purpose, threadId: previousThreadId } = session;
    await start(server, session, (facts) => {
      const message = previousThreadId === null
        ? "a thread was started for the session"
        : "Codex has not kept the session's thread, which had no finished turn: a new one was started";
      const detail = { sessionId, threadId: facts.threadId, purpose, previousThreadId };
      write(sessionId, facts, { level: "info", type: "session.resumed", message, detail });
    });
  };

  const reload: Threads["reload"] = async (server, { sessionId, purpose }, threadId) => {
    await resume(server, threadId, requireSession(store, sessionId), (facts) => {
      const detail = { sessionId, threadId: facts.threadId, purpose, previousThreadId: null };
      write(sessionId, facts, { level: "info", type: "session.resumed", message: "thread resumed", detail });
    });
  };

  return {
    start,
    resume,
    load,
    reload,
    async ensureLoaded(sessionId) {
      const server = await appServer.ready();
      const session = requireSession(store, sessionId);
      const { threadId, currentTurnId } = session;
      if (threadId !== null && index.isLoaded(threadId, server.generation)) return { server, session, threadId };
      const hadTurns = session.lastTurnId !== null || currentTurnId !== null || session.threadDurable;
      if (threadId === null || !hadTurns) {
        await restart(server, session);
      } else {
        try {
          await reload(server, session, threadId);
        } catch (error) {
          // A turn that runs is on this thread, wherever it has gone, and on no new one.
          const mayMove = !session.threadDurable && currentTurnId === null;
          if (!mayMove || refusalOf(error) !== "thread_without_turns") throw error;
          await restart(server, session);
        }
      }
      const loaded = requireSession(store, sessionId);
      if (loaded.threadId === null) throw new CodexdError("app_server_error", "Codex gave the session no thread");
      return { server, session: loaded, threadId: loaded.threadId };
    },
  };
}

/** What an error of a call means, when Codex itself has refused it. */
export function refusalOf(error: unknown): ReturnType<typeof meaningOf> | undefined {
  if (!(error instanceof CodexdError) || error.code !== "app_server_error") return undefined;
  const message = error.detail?.["message"];
  return typeof message === "string" ? meaningOf(message) : undefined;
}

/** @throws {CodexdError} `not_found`. */
export function requireSession(store: CodexdStore, sessionId: string): SessionRecord {
  const session = store.tables.session.get(sessionId);
  if (session === undefined) throw new CodexdError("not_found", `there is no session ${JSON.stringify(sessionId)}`);
  return session;
}

function lockedError(threadId: string, holder: ThreadHolder | null, cause: unknown): CodexdError {
  const since = holder?.startedAt == null ? "" : `, since ${holder.startedAt}`;
  const who = holder === null
    ? "another Codex process"
    : `another Codex process (${holder.pid}: ${holder.command}${since})`;
  return new CodexdError(
    "thread_locked",
    `thread ${threadId} is loaded by ${who}, which must end before this session can go on`,
    { threadId, holder },
    { cause },
  );
}
