// One HTTP server, on TCP or on the Unix socket: connections in, requests through the guard, answers out.
//
// Deliberately without routes and rules: the guard judges, the table answers. Where it listens is server.ts's matter.
// Invariant: every way in (request, checkContinue, checkExpectation, upgrade, connect) goes through `judge` first,
// and what the parser refuses by itself is answered in the same form. No request ever gets the answer of another.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CodexdError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { ProofKeeper } from "./auth.ts";
import { HungUp, type Intake } from "./body-bytes.ts";
import { BodyRoom } from "./body-room.ts";
import { EMPTY_BODY, hasBody, readBody } from "./body.ts";
import { ConnectionTable, type Exchange } from "./connection-table.ts";
import type { GuardContext, Judge, Pass, Transport, Verdict } from "./guard.ts";
import { parseRefusal } from "./parse-errors.ts";
import { JSON_TYPE, refusal, refusalOf, successText, type Refusal } from "./reply.ts";
import { bodyIsUnread, refuseSocket, respondJson, respondRefusal, respondText } from "./respond.ts";
import type { Answer, EdgeContext, Route } from "./route.ts";

export interface EdgeServerOptions {
  readonly transport: Transport;
  /** The guard's, and never another but where its cost is measured. */
  readonly judge: Judge;
  readonly guard: GuardContext;
  readonly edge: EdgeContext;
  /** The TCP listener's port; asked at each request, since port 0 is known only once it listens. */
  readonly port: () => number;
}

export interface EdgeServer {
  readonly server: Server;
  /** Connections that are open. */
  readonly connectionCount: number;
  /** From now on every request is refused with 503 `draining`; connections that have asked nothing are ended. */
  drain(): void;
  /** Ends every connection, whatever it is doing; resolves when all of them have been told so. */
  destroyAll(): Promise<void>;
}

/** What was expected of `Expect`: nothing, the 100 that is sent before the body is read, or what nobody offers. */
type Expectation = "none" | "continue" | "unknown";

export function createEdgeServer(options: EdgeServerOptions): EdgeServer {
  const { limits } = options.edge;
  const server = createServer({
    // Missing and repeated ones are judged by the guard, with a reply in codexd's form.
    requireHostHeader: false,
    maxHeaderSize: LIMITS.headerBytesMax,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.connectionsCheckMs,
  });
  // With a limit Node drops the fields beyond it in silence; the guard counts them all.
  server.maxHeadersCount = 0;
  server.maxConnections = limits.connectionsMax;
  const connections = new Connections(options);
  server.on("connection", (socket: Socket) => connections.add(socket));
  server.on("request", (request, response) => connections.request(request, response, "none"));
  server.on("checkContinue", (request, response) => connections.request(request, response, "continue"));
  server.on("checkExpectation", (request, response) => connections.request(request, response, "unknown"));
  server.on("upgrade", (request, socket, head) => connections.upgrade(request, socket as Socket, head));
  server.on("connect", (request, socket, head) => connections.upgrade(request, socket as Socket, head));
  server.on("clientError", (error, socket) => connections.unreadable(error, socket as Socket));
  return {
    server,
    get connectionCount() {
      return connections.count;
    },
    drain: () => connections.drain(),
    destroyAll: () => connections.destroyAll(),
  };
}

const DRAINING = refusal("draining", "codexd is stopping");
const UNKNOWN_EXPECTATION = refusal("bad_request", "Expect: only 100-continue can be expected here");
const NO_UPGRADE = refusal("bad_request", "Upgrade: only the event stream can be upgraded, to a WebSocket");

class Connections {
  readonly #options: EdgeServerOptions;
  readonly #edge: EdgeContext;
  readonly #table: ConnectionTable;
  readonly #intake: Intake;
  #draining = false;

  constructor(options: EdgeServerOptions) {
    this.#options = options;
    this.#edge = options.edge;
    this.#table = new ConnectionTable(options.edge);
    // Room, as places, is counted apart for TCP and the Unix socket; the loop is one.
    this.#intake = { ...options.edge.loop, room: new BodyRoom(options.edge.limits.bodiesBytesMax) };
  }

  get count(): number {
    return this.#table.size;
  }

  add(socket: Socket): void {
    this.#table.add(socket);
  }

  drain(): void {
    this.#draining = true;
    this.#table.destroyFresh();
  }

  destroyAll(): Promise<void> {
    return this.#table.destroyAll();
  }

  request(request: IncomingMessage, response: ServerResponse, expectation: Expectation): void {
    const connection = this.#table.get(request.socket);
    // What follows on a connection that has been told to close is not a request any more (RFC 9112 §9.6).
    if (connection === undefined || connection.refused) return;
    // Each of them is kept until its turn comes, which behind a stream it never does.
    if (connection.unanswered().length >= LIMITS.requestsPipelinedMax) return void request.socket.destroy();
    connection.begin({ request, response });
    const verdict = this.#judge(request, connection);
    const bodyAwaited = expectation === "continue";
    if (verdict.refused !== null) return this.#refuse(request, response, verdict.refused, bodyAwaited);
    if (this.#draining) return this.#refuse(request, response, DRAINING, bodyAwaited);
    if (expectation === "unknown") return this.#refuse(request, response, UNKNOWN_EXPECTATION, true);
    this.#serve(verdict, request, response, bodyAwaited).catch((error: unknown) => {
      this.#edge.log.error("a reply could not be written", { cause: errorMessage(error) });
      response.destroy();
    });
  }

  /** Also CONNECT, which the guard lets nobody have. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // Before anything else: Node has taken its own handlers off this socket.
    socket.on("error", () => socket.destroy());
    const connection = this.#table.get(socket);
    if (connection === undefined || connection.refused) return;
    // Whatever were written now would pass for the answer to the request before.
    if (connection.unanswered().length > 0) return void socket.destroy();
    connection.leaveHttp();
    const verdict = this.#judge(request, connection);
    if (verdict.refused !== null) return this.#refuseSocket(socket, verdict.refused, request);
    if (this.#draining) return this.#refuseSocket(socket, DRAINING, request);
    const { upgrade } = verdict.route;
    if (upgrade === null) return this.#refuseSocket(socket, NO_UPGRADE, request);
    try {
      upgrade({ edge: this.#edge, pass: verdict, request, socket, head });
      this.#edge.tally.answered(101);
    } catch (error) {
      this.#refuseSocket(socket, refusalOf(error, this.#edge.log), request);
    }
  }

  /** The parser gave up, or the sender was too slow; or the socket itself has failed. */
  unreadable(error: Error & { code?: string }, socket: Socket): void {
    const connection = this.#table.get(socket);
    // After an error the parser tells of each further chunk again; a refusal that waits for the body waits in vain.
    if (connection?.refused === true) return void connection.lastAnswer?.end();
    // A reply put here would pass for the answer to the request before.
    const inTheWay = connection === undefined || connection.unanswered().some(isInTheWay);
    if (inTheWay || !socket.writable || error.code === "ECONNRESET") return void socket.destroy();
    this.#refuseSocket(socket, parseRefusal(error), null);
  }

  #judge({ method = "", httpVersion, url = "", rawHeaders }: IncomingMessage, keeper: ProofKeeper): Verdict {
    const { transport, port, judge, guard } = this.#options;
    return judge({ method, httpVersion, url, rawHeaders, transport, port: port(), keeper }, guard);
  }

  /** @param bodyAwaited the client sends its body only when it has been told to. */
  async #serve(pass: Pass, request: IncomingMessage, response: ServerResponse, bodyAwaited: boolean): Promise<void> {
    let unsent = bodyAwaited;
    const beforeRead = (): void => {
      if (unsent) response.writeContinue();
      unsent = false;
    };
    try {
      const { bodyBytesMax, raw } = pass.route;
      const bytesMax = pass.trusted ? bodyBytesMax : LIMITS.untrustedBodyBytesMax;
      const asked = raw !== null || hasBody(pass.headers);
      const intake = this.#intake;
      const body = asked ? await readBody(request, pass.headers, { intake, bytesMax, raw, beforeRead }) : EMPTY_BODY;
      if (asked) this.#checkToken(pass, request);
      const hangUp = (): AbortSignal => hangUpSignal(response);
      const answer = await pass.route.answer({ edge: this.#edge, pass, body, hangUp });
      if ("stream" in answer) await this.#streamTurn(pass, request, response);
      // What was waited for is told to nobody whose token is no more; a POST has done its work, and says so.
      else if (pass.route.method === "GET") this.#checkToken(pass, request);
      this.#answer(response, pass.route, answer);
    } catch (error) {
      if (error instanceof HungUp || response.closed) return;
      this.#refuse(request, response, refusalOf(error, this.#edge.log), unsent);
    }
  }

  /**
   * Resolves when a stream may begin: what it sends would else wait for the answers before it, which may never end, and
   * its response would not be told that the connection has gone. The rest is looked at in the tick in which it joins
   * those that a stop or a new token ends.
   */
  async #streamTurn(pass: Pass, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (response.socket === null && !response.destroyed) await once(response, "socket");
    this.#checkToken(pass, request);
    if (this.#draining) throw new CodexdError(DRAINING.code, DRAINING.message);
  }

  /** Whoever holds a request back until its token has been rotated has nothing of it. @throws {CodexdError} */
  #checkToken({ byToken, headers }: Pass, { socket }: IncomingMessage): void {
    const { auth } = this.#options.guard;
    const connection = this.#table.get(socket);
    if (!byToken || auth === null || connection === undefined) return;
    if (auth.judge(headers.get("authorization"), connection) === "right") return;
    throw new CodexdError("unauthorized", "the token has been rotated while the request was on its way");
  }

  #answer(response: ServerResponse, route: Route, answer: Answer): void {
    if (response.destroyed) return;
    this.#closeIfDraining(response);
    if ("stream" in answer) {
      answer.stream(response);
      return this.#edge.tally.answered(response.statusCode);
    }
    const status = answer.status ?? route.status;
    this.#edge.tally.answered(status);
    if ("data" in answer) respondJson(response, status, successText(answer.data), answer.headers);
    else respondText(response, status, answer.text, answer.contentType ?? JSON_TYPE);
  }

  #refuse(request: IncomingMessage, response: ServerResponse, refused: Refusal, bodyAwaited: boolean): void {
    if (response.headersSent) return void response.destroy();
    this.#count(refused);
    this.#closeIfDraining(response);
    // The rest of its body, and all that stands behind it, is thrown away.
    if (bodyIsUnread(request)) this.#table.get(request.socket)?.refuse(response);
    const { clock, limits: { lingerMs, lingerBytesMax: bytesMax }, loop: { turns } } = this.#edge;
    const linger = { clock, turns, bytesMax, lingerMs: bodyAwaited ? 0 : lingerMs };
    respondRefusal(request, response, refused, linger);
  }

  #refuseSocket(socket: Socket, refused: Refusal, request: IncomingMessage | null): void {
    this.#count(refused);
    this.#table.get(socket)?.refuse(null);
    const { clock, limits } = this.#edge;
    refuseSocket(socket, refused, { clock, lingerMs: limits.lingerMs, body: request?.method !== "HEAD" });
  }

  #count({ status, code }: Refusal): void {
    this.#edge.tally.answered(status);
    this.#edge.tally.refused(code);
  }

  /** A server that stops waits for its connections to end, also for those that clients would keep. */
  #closeIfDraining(response: ServerResponse): void {
    if (this.#draining) response.setHeader("Connection", "close");
  }
}

function isInTheWay({ request, response }: Exchange): boolean {
  return request.complete || response.headersSent;
}

function hangUpSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.closed) gone.abort();
  else response.once("close", () => gone.abort());
  return gone.signal;
}
