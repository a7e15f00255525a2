// A client of a daemon: each function of the API over one wire.
//
// Deliberately without state besides its idle connections: what is followed knows its own place.

import { holdingClock, type Clock } from "../base/clock.ts";
import type { CodexdClient } from "./api.ts";
import { approvalCalls } from "./approval-calls.ts";
import { createCalls, sent } from "./calls.ts";
import { codexCalls, threadCalls } from "./codex-calls.ts";
import { clientError } from "./errors.ts";
import { API } from "./paths.ts";
import { healthCalls, sessionCalls, turnCalls } from "./record-calls.ts";
import { eventCalls, runCalls } from "./stream-calls.ts";
import { createLocate, type TargetOptions } from "./target.ts";
import { createWire } from "./wire.ts";

export type CodexdClientOptions = TargetOptions & {
  /**
   * For an answer, without its `waitMs`; otherwise `LIMITS.clientReplyMs`, or `LIMITS.clientWorkMs` for what goes to
   * Codex.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends all calls of the client. */
  readonly signal?: AbortSignal | undefined;
  /** Where the daemon was started with a path of its own. */
  readonly eventStreamPath?: string | undefined;
  /** Its timers are to keep the process alive: between two tries nothing else does. */
  readonly clock?: Clock | undefined;
  /** From 0 up to but not including 1; spreads the tries of many clients. */
  readonly random?: (() => number) | undefined;
};

/**
 * Connects to nothing yet; each call does.
 *
 * @throws {DecodeError} for a URL that is not on this machine, {CodexdClientError} `bad_token`.
 */
export function createCodexdClient(options: CodexdClientOptions): CodexdClient {
  const { clock = holdingClock, random = Math.random, signal, eventStreamPath = `${API}/events` } = options;
  const wire = createWire(createLocate(options), signal);
  const calls = createCalls({ wire, clock, timeoutMs: options.timeoutMs });
  const parts = { calls, clock, random, signal: wire.closed };
  return {
    ...healthCalls(calls),
    ...sessionCalls(calls),
    ...turnCalls(calls),
    ...approvalCalls(calls),
    ...codexCalls(calls),
    ...threadCalls(calls),
    ...runCalls(parts),
    ...eventCalls(parts, eventStreamPath),
    async request(method, path, body, given = {}) {
      return calls.data(method, checkedPath(path), body, { ...given, work: method !== "GET" });
    },
    async open(method, path, body, given = {}) {
      return wire.open({ method, path: checkedPath(path), body, ...sent(given) });
    },
    close: () => wire.close(),
  };
}

/** Node itself refuses what would break out of the request's line. */
function checkedPath(path: string): string {
  if (path.startsWith("/")) return path;
  throw clientError("bad_path", `a path starts with /, got ${JSON.stringify(path)}`);
}
