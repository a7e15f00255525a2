// The calls about health, sessions and turns.
//
// Each only names its route and takes its member out of the answer.

import type { ApprovalRecord } from "../core/approvals.ts";
import type { Page, SessionRecord, TurnRecord, TurnSummary } from "../core/records.ts";
import type { CreateSessionInput, StartTurnInput, StopOutcome, TurnStopOutcome } from "../core/requests.ts";
import type { Readiness } from "../core/status.ts";
import type { CodexdClient, DaemonStatus, Health, SessionView, StartedTurn } from "./api.ts";
import type { CallOptions, Calls } from "./calls.ts";
import { clientError } from "./errors.ts";
import { allOf } from "./pages.ts";
import { API, recordPath, withQuery } from "./paths.ts";
import { isSuccess, objectOf, refusalOf } from "./replies.ts";

type HealthCalls = Pick<CodexdClient, "health" | "ready" | "status" | "openapi" | "metrics">;

export function healthCalls(calls: Calls): HealthCalls {
  return {
    health: async (options) => objectOf(await calls.text("/healthz", options)) as unknown as Health,
    async ready(options): Promise<Readiness> {
      const reply = await calls.text("/readyz", options);
      if (isSuccess(reply)) return { ready: true, reasons: [] };
      const refusal = refusalOf(reply);
      // Whoever stands in for a daemon that starts says no more than the status.
      if (reply.status !== 503) throw refusal;
      const reasons = refusal.detail?.["reasons"];
      return { ready: false, reasons: Array.isArray(reasons) ? reasons.map(String) : [] };
    },
    async status(options) {
      return await calls.data("GET", `${API}/status`, undefined, options) as unknown as DaemonStatus;
    },
    openapi: async (options) => objectOf(await calls.text("/openapi.json", options)),
    async metrics(options) {
      const reply = await calls.text("/metrics", options);
      if (!isSuccess(reply)) throw refusalOf(reply);
      return reply.text;
    },
  };
}

type SessionCalls = Pick<
  CodexdClient,
  "listSessions" | "allSessions" | "createSession" | "getSession" | "closeSession" | "interruptSession"
>;

export function sessionCalls(calls: Calls): SessionCalls {
  const list: CodexdClient["listSessions"] = async (query = {}, options = {}) => {
    return pageOf(await calls.data("GET", withQuery(`${API}/sessions`, { ...query }), undefined, options), "sessions");
  };
  const stop = async (sessionId: string, action: string, options: CallOptions): Promise<StopOutcome> => {
    const path = recordPath("sessions", sessionId, action);
    return await calls.data("POST", path, {}, { ...options, work: true }) as unknown as StopOutcome;
  };
  return {
    listSessions: list,
    allSessions: (query, options) => allOf((cursor) => list({ ...query, cursor }, options)),
    async createSession(input: CreateSessionInput = {}, options = {}) {
      const data = await calls.data("POST", `${API}/sessions`, input, { ...options, work: true });
      return member<SessionRecord>(data, "session");
    },
    async getSession(sessionId, options) {
      return await calls.data("GET", recordPath("sessions", sessionId), undefined, options) as unknown as SessionView;
    },
    closeSession: (sessionId, options = {}) => stop(sessionId, "/close", options),
    interruptSession: (sessionId, options = {}) => stop(sessionId, "/interrupt", options),
  };
}

type TurnCalls = Pick<CodexdClient, "listTurns" | "allTurns" | "startTurn" | "getTurn" | "interruptTurn">;

export function turnCalls(calls: Calls): TurnCalls {
  const list: CodexdClient["listTurns"] = async ({ sessionId, ...query } = {}, options = {}) => {
    const known = sessionId !== undefined && sessionId !== null;
    const path = known ? recordPath("sessions", sessionId, "/turns") : `${API}/turns`;
    return pageOf<TurnSummary>(await calls.data("GET", withQuery(path, query), undefined, options), "turns");
  };
  return {
    listTurns: list,
    allTurns: (query, options) => allOf((cursor) => list({ ...query, cursor }, options)),
    async startTurn(input: StartTurnInput, options = {}): Promise<StartedTurn> {
      const settings = { ...options, work: true, waitMs: input.waitMs };
      const data = await calls.data("POST", `${API}/turn`, input, settings);
      const approvals = Array.isArray(data["approvals"]) ? (data["approvals"] as ApprovalRecord[]) : [];
      if (data["turn"] === undefined) return { ...data, turn: null, approvals } as unknown as StartedTurn;
      const turn = member<TurnRecord>(data, "turn");
      return { session: null, submissionId: turn.submissionId, turnId: turn.turnId, turn, approvals };
    },
    async getTurn(id, { waitMs, waitFor, ...options } = {}) {
      const path = withQuery(recordPath("turns", id), { waitMs, waitFor });
      return member<TurnRecord>(await calls.data("GET", path, undefined, { ...options, waitMs }), "turn");
    },
    async interruptTurn(id, options = {}): Promise<TurnStopOutcome> {
      const path = recordPath("turns", id, "/interrupt");
      return await calls.data("POST", path, {}, { ...options, work: true }) as unknown as TurnStopOutcome;
    },
  };
}

/** A list's answer as a page; its records stand under `name`. */
export function pageOf<R>(data: Record<string, unknown>, name: string): Page<R> {
  const { nextCursor } = data;
  return { records: member<readonly R[]>(data, name), nextCursor: typeof nextCursor === "string" ? nextCursor : null };
}

/** @throws {CodexdClientError} `bad_reply` where it is not there. */
export function member<T>(data: Record<string, unknown>, name: string): T {
  const value = data[name];
  if (typeof value !== "object" || value === null) {
    throw clientError("bad_reply", `the answer has no ${name}`);
  }
  return value as T;
}
