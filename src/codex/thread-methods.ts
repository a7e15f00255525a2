// Parameters of the app-server methods about threads that need no session, and what is read of their answers.
//
// Pure. As 0.169 and 0.116 take and give them: an unknown parameter is ignored by both. Answers are read leniently.

import { isObject } from "../base/decode.ts";
import type { SessionRecord } from "../core/records.ts";
import type { ForkThreadInput, ReviewThreadInput, ThreadListQuery } from "../core/requests.ts";
import { threadResumeParams } from "./methods.ts";

export type CodexThread = Record<string, unknown>;

/** Codex takes an id in any form that a UUID has; this is the one in which it gives it. */
export function canonicalThreadId(threadId: string): string {
  const bare = /^(?:urn:uuid:|\{)?([0-9a-fA-F-]{32,36})\}?$/.exec(threadId)?.[1]?.replaceAll("-", "").toLowerCase();
  if (bare?.length !== 32) return threadId;
  return [bare.slice(0, 8), bare.slice(8, 12), bare.slice(12, 16), bare.slice(16, 20), bare.slice(20)].join("-");
}

export function threadListParams(query: ThreadListQuery): Record<string, unknown> {
  const { limit, cursor, archived, cwd, sources, search } = query;
  return {
    limit,
    ...(cursor === null ? {} : { cursor }),
    ...(archived ? { archived } : {}),
    ...(cwd === null ? {} : { cwd }),
    ...(sources === null ? {} : { sourceKinds: sources }),
    ...(search === null ? {} : { searchTerm: search }),
  };
}

/** The answer of any list that has pages. */
export function readListPage(result: unknown): { items: Array<Record<string, unknown>>; nextCursor: string | null } {
  const { data, nextCursor } = isObject(result) ? result : {};
  return {
    items: Array.isArray(data) ? data.filter(isObject) : [],
    nextCursor: typeof nextCursor === "string" && nextCursor !== "" ? nextCursor : null,
  };
}

/**
 * What differs from the thread, and of one that a session has that session's settings: 0.116 takes config.toml's
 * otherwise.
 */
export function threadForkParams(
  threadId: string, session: SessionRecord | undefined, input: ForkThreadInput,
): Record<string, unknown> {
  const settings = session === undefined ? {} : threadResumeParams(threadId, session);
  const given = Object.entries(input).filter(([, value]) => value !== undefined && value !== null);
  // The history can be megabytes; whoever wants it reads the new thread.
  return { ...settings, ...Object.fromEntries(given), threadId, excludeTurns: true };
}

export function reviewParams(threadId: string, { target, delivery }: ReviewThreadInput): Record<string, unknown> {
  const how = delivery === undefined ? {} : { delivery };
  return { threadId, target: target ?? { type: "uncommittedChanges" }, ...how };
}

/** The `thread` member of an answer; undefined where there is none. */
export function readThread(result: unknown): CodexThread | undefined {
  return isObject(result) && isObject(result["thread"]) ? result["thread"] : undefined;
}

/** On which thread a review runs, as the answer of review/start says. */
export function readReviewThreadId(result: unknown): string | null {
  const threadId = isObject(result) ? result["reviewThreadId"] : undefined;
  return typeof threadId === "string" ? threadId : null;
}
