// The HTTP edge: one on TCP and, where it is configured, one on the Unix socket, with the same routes and rules.
//
// Builds its parts and owns their life; what they do stands in their own files.
// Invariant: after `stop` nothing listens, no connection is open and the socket file is gone.

import { rmSync } from "node:fs";
import { sleep, type Clock, type Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { CodexdConfig } from "../core/config.ts";
import { LIMITS } from "../core/limits.ts";
import { WS_CLOSE } from "../protocol/ws-close.ts";
import type { Services } from "../service/services.ts";
import { createProcessMetrics } from "../service/status/process-metrics.ts";
import { createAuthenticator } from "./auth.ts";
import { createEdgeServer, type EdgeServer } from "./connections.ts";
import { createEdgeTally } from "./edge-tally.ts";
import { judge, type GuardContext, type Judge, type Transport } from "./guard.ts";
import { HeldBytes } from "./held-bytes.ts";
import { EDGE_LIMITS, type EdgeLimits } from "./limits.ts";
import { listenOnTcp, listenOnUnixSocket, tcpPlaceOf } from "./listen.ts";
import { createLoopShares } from "./loop-turns.ts";
import type { EdgeContext } from "./route.ts";
import { createRouter } from "./router.ts";
import { createRoutes } from "./routes.ts";
import { createStreams } from "./streams.ts";
import { createWsTicker } from "./ws-ticker.ts";

export interface HttpEdge {
  /** @throws (rejects) {ExitError} where the port or the socket cannot be had; nothing listens then. */
  listen(): Promise<void>;
  /** Without a slash at the end; null while it does not listen. */
  readonly baseUrl: string | null;
  readonly websocketClients: number;
  /** Streams are told 1001; requests in flight have `LIMITS.edgeStopMs` to end. */
  stop(): Promise<void>;
  /** From now on only `token` is right; streams that the old one has opened are closed with 4401, slow ones cut off. */
  rotateToken(token: string): void;
}

export interface HttpEdgeOptions {
  readonly config: CodexdConfig;
  readonly services: Services;
  /** Null with `--auth none`. */
  readonly token: string | null;
  readonly clock: Clock;
  readonly log: Logger;
  /** Other limits than those of core/limits.ts, for tests. */
  readonly limits?: Partial<EdgeLimits>;
}

export function createHttpEdge(options: HttpEdgeOptions): HttpEdge {
  return createEdgeJudgedBy(judge, options);
}

/** With another judge than the guard, to measure what the guard costs: nothing in codexd may call it. */
export function createEdgeJudgedBy(judgeOf: Judge, options: HttpEdgeOptions): HttpEdge {
  return new Edge(judgeOf, options);
}

class Edge implements HttpEdge {
  readonly #config: CodexdConfig["service"];
  readonly #edge: EdgeContext;
  readonly #judge: Judge;
  readonly #guard: GuardContext;
  readonly #tcp: EdgeServer;
  /** Null where there is no Unix socket. */
  readonly #unix: EdgeServer | null;
  /** Of rotations: each ends what its streams leave open. */
  readonly #cuts = new Set<Timer>();
  #port: number | null = null;
  #stopped: Promise<void> | null = null;

  constructor(judgeOf: Judge, { config, services, token, clock, log, limits }: HttpEdgeOptions) {
    this.#config = config.service;
    this.#judge = judgeOf;
    const ticker = createWsTicker(clock);
    const edgeLimits = { ...EDGE_LIMITS, ...limits };
    this.#edge = {
      services, streams: createStreams(), ticker, clock, log, limits: edgeLimits,
      held: new HeldBytes(edgeLimits.streamsHeldBytesMax),
      tally: createEdgeTally(),
      loop: createLoopShares(),
      processMetrics: createProcessMetrics(clock),
      connections: () => ({ tcp: this.#tcp.connectionCount, unix: this.#unix?.connectionCount ?? 0 }),
    };
    this.#guard = {
      router: createRouter(createRoutes(config.service)),
      auth: token === null ? null : createAuthenticator(token, clock, log),
    };
    this.#tcp = this.#createServer("tcp");
    this.#unix = config.service.socketPath === null ? null : this.#createServer("unix");
  }

  get baseUrl(): string | null {
    if (this.#port === null) return null;
    return `http://${tcpPlaceOf(this.#config.localApiBase).hostname}:${this.#port}`;
  }

  get websocketClients(): number {
    return this.#edge.streams.websocketClients;
  }

  async listen(): Promise<void> {
    this.#port = await listenOnTcp(this.#tcp.server, tcpPlaceOf(this.#config.localApiBase));
    try {
      if (this.#unix !== null && this.#config.socketPath !== null) {
        await listenOnUnixSocket(this.#unix.server, this.#config.socketPath);
      }
    } catch (error) {
      this.#tcp.server.close();
      await this.#tcp.destroyAll();
      this.#port = null;
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  rotateToken(token: string): void {
    this.#guard.auth?.rotate(token);
    const cut = this.#edge.streams.endThoseByToken(WS_CLOSE.unauthorized, "token_rotated");
    const { clock } = this.#edge;
    const timer = clock.after(LIMITS.tokenCloseMs, () => {
      this.#cuts.delete(timer);
      cut();
    });
    this.#cuts.add(timer);
  }

  #createServer(transport: Transport): EdgeServer {
    const port = (): number => this.#port ?? 0;
    return createEdgeServer({ transport, judge: this.#judge, guard: this.#guard, edge: this.#edge, port });
  }

  async #stop(): Promise<void> {
    const servers = this.#unix === null ? [this.#tcp] : [this.#tcp, this.#unix];
    const { streams, ticker, processMetrics, clock, limits } = this.#edge;
    for (const server of servers) server.drain();
    const closed = Promise.all(servers.filter(({ server }) => server.listening).map(closeServer));
    streams.endAll(WS_CLOSE.goingAway, "codexd is stopping");
    const late = new AbortController();
    await Promise.race([closed, sleep(clock, limits.edgeStopMs, late.signal)]);
    late.abort();
    await Promise.all(servers.map((server) => server.destroyAll()));
    await closed;
    for (const timer of this.#cuts) timer.cancel();
    ticker.stop();
    processMetrics.dispose();
    if (this.#unix !== null && this.#port !== null) rmSync(this.#config.socketPath ?? "", { force: true });
    this.#port = null;
  }
}

/** Resolves when the last connection has gone; idle ones are closed at once. */
function closeServer({ server }: EdgeServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
