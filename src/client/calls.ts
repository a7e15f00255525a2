// One call of the API: sent, waited for within its time, and its answer read.
//
// Knows no routes and nothing of what the data mean.

import { joinAborts } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import { clientError } from "./errors.ts";
import { dataOf, readText, type TextReply } from "./replies.ts";
import type { Wire, WireReply, WireRequest } from "./wire.ts";

export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason; what the daemon has begun goes on. */
  readonly signal?: AbortSignal | undefined;
  /** For the whole answer, `waitMs` not counted. */
  readonly timeoutMs?: number | undefined;
}

export interface CreateOptions extends CallOptions {
  /** The same key gives the first answer again, for 24 hours and over restarts of the daemon; nothing is done twice. */
  readonly idempotencyKey?: string | undefined;
}

export interface RequestOptions extends CreateOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface CallSettings extends RequestOptions {
  /** Codex is asked, which takes longer. */
  readonly work?: boolean;
  /** The daemon is asked to wait so long. */
  readonly waitMs?: number | undefined;
}

/**
 * `body` is sent as JSON, bytes as they are with the type that `headers` say. All reject with CodexdClientError, or
 * with the reason of a signal.
 */
export interface Calls {
  /** The `data` of a success. */
  data(method: string, path: string, body?: unknown, settings?: CallSettings): Promise<Record<string, unknown>>;
  /** The answer to a GET, whatever its status. */
  text(path: string, settings?: CallSettings): Promise<TextReply>;
  /** The same with the answer's headers. */
  reply(path: string, settings?: CallSettings): Promise<TextReply & Pick<WireReply, "headers">>;
  /** The answer to a GET as it comes; `LIMITS.clientReplyMs` for its head, none for what follows. */
  stream(path: string, signal: AbortSignal): Promise<WireReply>;
}

/** @param timeoutMs beats the usual times. */
export function createCalls({ wire, clock, timeoutMs: forAll }: {
  readonly wire: Wire; readonly clock: Clock; readonly timeoutMs: number | undefined;
}): Calls {
  const timed = async <T>(request: WireRequest, ms: number, read: (reply: WireReply) => Promise<T>): Promise<T> => {
    let from = "the daemon";
    const abort = joinAborts([request.signal]);
    const timer = clock.after(Math.min(ms, LIMITS.timerMsMax), () => {
      abort.abort(clientError("reply_timeout", `${from} did not answer within ${ms / 1000} s`));
    });
    try {
      return await read(await wire.open({ ...request, signal: abort.signal, onTarget: (name) => (from = name) }));
    } finally {
      timer.cancel();
      abort.release();
    }
  };
  const read = (method: string, path: string, body: unknown, settings: CallSettings) => {
    const usual = settings.work === true ? LIMITS.clientWorkMs : LIMITS.clientReplyMs;
    const ms = (settings.timeoutMs ?? forAll ?? usual) + (settings.waitMs ?? 0);
    const request = { method, path, body: encode(body), ...sent(settings) };
    return timed(request, ms, async (reply) => ({ ...(await readText(reply)), headers: reply.headers }));
  };
  return {
    data: async (method, path, body, settings = {}) => dataOf(await read(method, path, body, settings)),
    text: (path, settings = {}) => read("GET", path, undefined, settings),
    reply: (path, settings = {}) => read("GET", path, undefined, settings),
    stream: async (path, signal) => openStream(wire, clock, path, signal),
  };
}

function encode(body: unknown): string | Uint8Array | undefined {
  return body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body);
}

/** What of a call's settings is part of its request. */
export function sent({ headers, idempotencyKey, signal }: RequestOptions): Pick<WireRequest, "headers" | "signal"> {
  const key = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
  return { headers: { ...headers, ...key }, signal };
}

/** Its signal must stay when the head is there, and the time limit must go. */
async function openStream(wire: Wire, clock: Clock, path: string, signal: AbortSignal): Promise<WireReply> {
  const abort = joinAborts([signal]);
  const timer = clock.after(LIMITS.clientReplyMs, () => {
    abort.abort(clientError("reply_timeout", `no answer came within ${LIMITS.clientReplyMs / 1000} s`));
  });
  try {
    const reply = await wire.open({ method: "GET", path, signal: abort.signal });
    return { ...reply, body: releasing(reply.body, abort.release) };
  } catch (error) {
    abort.release();
    throw error;
  } finally {
    timer.cancel();
  }
}

async function* releasing(body: AsyncIterable<Uint8Array>, release: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    release();
  }
}
