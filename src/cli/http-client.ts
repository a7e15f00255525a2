// One request to a daemon, over its Unix socket or over TCP, JSON in and out.
//
// Deliberately no connection reuse, redirects, retries or TLS: a command asks once, on this machine. Invariant: the
// token goes only to the TCP address that it was given for, in a header, never on the Unix socket.

import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Clock } from "../base/clock.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

export type DaemonTarget =
  | { readonly kind: "unix"; readonly socketPath: string }
  /** `baseUrl` as `localApiBase` has it; null for no token. */
  | { readonly kind: "tcp"; readonly baseUrl: string; readonly token: string | null };

export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly text: string;
  /** The text as JSON; undefined where it is none. */
  readonly body: unknown;
}

/**
 * Asks and reads the whole answer, within `LIMITS.clientReplyMs`.
 *
 * @throws {ExitError} 3 when nothing listens there, 1 for any other failure; an answer is never an error.
 */
export async function requestJson(target: DaemonTarget, request: HttpRequest, clock: Clock): Promise<HttpReply> {
  const limit = new AbortController();
  const late = `${targetName(target)} did not answer within ${LIMITS.clientReplyMs / 1000} s`;
  const timer = clock.after(LIMITS.clientReplyMs, () => limit.abort(new ExitError(EXIT.failed, late)));
  try {
    const signal = AbortSignal.any([request.signal, limit.signal]);
    const reply = await openReply(target, { ...request, signal });
    const text = await readAll(reply);
    return { status: reply.statusCode ?? 0, text, body: parseBody(text) };
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    timer.cancel();
  }
}

/**
 * Asks, and gives the answer as soon as its head is there; the caller reads the body, without a time limit.
 *
 * @throws {ExitError} as `requestJson`.
 */
export function openReply(target: DaemonTarget, request: HttpRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      ...address(target),
      method: request.method,
      path: request.path,
      headers: headers(target, request.body),
      agent: false,
      signal: request.signal,
    });
    outgoing.once("response", resolve);
    // Stays after the answer: a broken body is told by the answer's own stream, and here once more.
    outgoing.on("error", (error) => reject(explain(error, target)));
    outgoing.end(request.body);
  });
}

/** How a message names the other end. */
export function targetName(target: DaemonTarget): string {
  return target.kind === "unix" ? target.socketPath : target.baseUrl;
}

/** The sentence of an error reply, and its code; the status alone where it is none of codexd's. */
export function replyProblem(reply: HttpReply): string {
  const { body } = reply;
  if (typeof body !== "object" || body === null || !("message" in body) || typeof body.message !== "string") {
    return `HTTP status ${reply.status}`;
  }
  return "error" in body && typeof body.error === "string" ? `${body.message} (${body.error})` : body.message;
}

function address(target: DaemonTarget): { socketPath: string } | { host: string; port: string } {
  if (target.kind === "unix") return { socketPath: target.socketPath };
  const url = new URL(target.baseUrl);
  // codexd's localhost is 127.0.0.1 alone; to ask ::1 first would hand the token to whoever listens there.
  const host = url.hostname === "localhost" ? "127.0.0.1" : url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: url.port === "" ? "80" : url.port };
}

function headers(target: DaemonTarget, body: string | undefined): Record<string, string> {
  return {
    ...(target.kind === "unix" ? { Host: "codexd" } : {}),
    ...(target.kind === "tcp" && target.token !== null ? { Authorization: `Bearer ${target.token}` } : {}),
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
  };
}

function explain(error: Error, target: DaemonTarget): Error {
  const code = "code" in error ? error.code : undefined;
  if (code === "ECONNREFUSED" || code === "ENOENT") {
    return new ExitError(EXIT.noDaemon, `no daemon runs: nothing listens at ${targetName(target)}`, { cause: error });
  }
  const what = `the request to ${targetName(target)} failed: ${errorMessage(error)}`;
  return new ExitError(EXIT.failed, what, { cause: error });
}

async function readAll(reply: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of reply as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > LIMITS.clientReplyBytesMax) {
      throw new ExitError(EXIT.failed, `the answer is larger than ${LIMITS.clientReplyBytesMax} bytes`);
    }
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Plain text is an answer too; who needs JSON sees that there is none.
    return undefined;
  }
}
