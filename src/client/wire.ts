// Requests to a daemon, over its Unix socket or over TCP: bytes out, the answer's head and bytes back.
//
// Deliberately no JSON, redirects or TLS, and no second try but one: a GET that met the end of an idle connection.
// Invariant: the token goes only to the TCP address that it was given for, in a header, never on the Unix socket.

import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { joinAborts, type AbortJoin } from "../base/abort.ts";
import { errorCode } from "../base/error-code.ts";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { clientError } from "./errors.ts";
import { targetName, type DaemonTarget, type Locate } from "./target.ts";

export interface WireRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** JSON text, unless `headers` have a `Content-Type` of their own. */
  readonly body?: string | Uint8Array | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the request and the reading of its answer; what waits on it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told the name of the other end before anything is sent. */
  readonly onTarget?: ((name: string) => void) | undefined;
}

export interface WireReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it comes, once. Whoever leaves the loop early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the rest up; a reading of `body` that waits rejects with `reason`. */
  close(reason: unknown): void;
  readonly from: string;
}

export interface Wire {
  /** Gives the answer's head. @throws (rejects) {CodexdClientError}, the signal's reason, what `locate` threw. */
  open(request: WireRequest): Promise<WireReply>;
  /** Ends all requests under way with `client_closed`, and refuses later ones. */
  close(): void;
  /** Aborts when the wire is closed, or with `lifetime`. */
  readonly closed: AbortSignal;
}

/** @param lifetime closes it as well. */
export function createWire(locate: Locate, lifetime?: AbortSignal): Wire {
  const agent = new Agent({
    keepAlive: true, timeout: LIMITS.clientIdleMs, maxFreeSockets: LIMITS.clientIdleConnectionsMax,
  });
  const closing = joinAborts([lifetime]);
  const open = async (request: WireRequest): Promise<WireReply> => {
    const abort = joinAborts([closing.signal, request.signal]);
    try {
      abort.signal.throwIfAborted();
      const target = await locate();
      request.onTarget?.(targetName(target));
      return await send(target, request, abort, agent);
    } catch (error) {
      abort.release();
      throw error;
    }
  };
  return {
    open,
    close() {
      closing.abort(clientError("client_closed", "the client was closed"));
      closing.release();
      agent.destroy();
    },
    closed: closing.signal,
  };
}

/** Over a connection of the agent's; where that was at its end already, a GET is sent again over a new one. */
async function send(
  target: DaemonTarget, request: WireRequest, abort: AbortJoin, agent: Agent | false,
): Promise<WireReply> {
  abort.signal.throwIfAborted();
  const outgoing = httpRequest({
    ...address(target), method: request.method, path: request.path, headers: headers(target, request), agent,
  });
  const onAbort = (): void => void outgoing.destroy();
  abort.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const reply = await answerOf(outgoing, request.body);
    reply.once("close", () => abort.release());
    return wireReply(reply, target, abort);
  } catch (error) {
    abort.signal.throwIfAborted();
    abort.signal.removeEventListener("abort", onAbort);
    const safe = request.method === "GET" || request.method === "HEAD";
    if (safe && outgoing.reusedSocket && agent !== false) return send(target, request, abort, false);
    throw explain(error, target);
  }
}

function answerOf(outgoing: ClientRequest, body: WireRequest["body"]): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    // Stays after the answer: a broken body is told by the answer's own stream, and here once more.
    outgoing.on("error", reject);
    // Asked for by nobody: without a listener Node drops the connection and tells nobody, not even who aborts.
    outgoing.once("upgrade", (_answer, socket) => {
      socket.destroy();
      reject(new Error("it was answered with another protocol"));
    });
    outgoing.end(body);
  });
}

function wireReply(reply: IncomingMessage, target: DaemonTarget, abort: AbortJoin): WireReply {
  const from = targetName(target);
  // Nobody may be reading when it breaks; who reads later is told all the same.
  reply.on("error", () => undefined);
  return {
    status: reply.statusCode ?? 0,
    headers: Object.fromEntries(Object.entries(reply.headers).map(([name, value]) => [name, String(value)])),
    body: readBody(reply, target, abort),
    close: (reason) => abort.abort(reason),
    from,
  };
}

async function* readBody(reply: IncomingMessage, target: DaemonTarget, abort: AbortJoin): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of reply as AsyncIterable<Buffer>) yield part;
  } catch (error) {
    abort.signal.throwIfAborted();
    throw explain(error, target);
  }
  abort.signal.throwIfAborted();
}

function address(target: DaemonTarget): { socketPath: string } | { host: string; port: string } {
  if (target.kind === "unix") return { socketPath: target.socketPath };
  const url = new URL(target.baseUrl);
  // codexd's localhost is 127.0.0.1 alone; to ask ::1 first would hand the token to whoever listens there.
  const host = url.hostname === "localhost" ? "127.0.0.1" : url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: url.port === "" ? "80" : url.port };
}

function headers(target: DaemonTarget, { body, headers: more = {} }: WireRequest): Record<string, string> {
  return {
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...more,
    ...(target.kind === "unix" ? { Host: "codexd" } : {}),
    ...(target.kind === "tcp" && target.token !== null ? { Authorization: `Bearer ${target.token}` } : {}),
  };
}

function explain(error: unknown, target: DaemonTarget): Error {
  const code = errorCode(error);
  if (code === "ECONNREFUSED" || code === "ENOENT") {
    return clientError("no_daemon", `no daemon runs: nothing listens at ${targetName(target)}`, { cause: error });
  }
  const what = `the request to ${targetName(target)} failed: ${errorMessage(error)}`;
  return clientError("request_failed", what, { cause: error });
}
