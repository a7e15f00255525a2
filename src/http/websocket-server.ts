// A WebSocket endpoint for programs that embed codexd: JSON messages in and out, over the connections of codexd's own.
//
// Deliberately not the daemon's event stream (stream-websocket.ts), its guard or its token: whoever mounts it decides
// who may connect. Invariant: a page of another origin never may, unless it was named; every connection is bounded as
// the daemon's are (ws-connection.ts), and is told 1001 when the server stops.

import type { Socket } from "node:net";
import { systemClock, type Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import { WS_CLOSE } from "../protocol/ws-close.ts";
import { encodeTextFrame } from "../protocol/ws-frame.ts";
import { headerValues, judgeUpgrade, upgradeResponse, type UpgradeRequest } from "../protocol/ws-handshake.ts";
import { HeldBytes } from "./held-bytes.ts";
import { refusal, SECURITY_HEADERS, type Refusal } from "./reply.ts";
import { refuseSocket } from "./respond.ts";
import { CodexdWebSocketConnection, jsonText, type UpgradeSocket } from "./websocket-connection.ts";
import { createWsTicker, type WsTicker } from "./ws-ticker.ts";

/** What a handler throws, or its promise rejects with, ends the connection with 1011. */
export interface CodexdWebSocketServerOptions {
  /** Requests for any other path are left to others; a query is not looked at. */
  readonly path: string;
  readonly onConnected?: ((connection: CodexdWebSocketConnection) => unknown) | undefined;
  /** `message` is what the text says as JSON; a text that is not JSON ends its connection with 4002. */
  readonly onClientMessage?: ((connection: CodexdWebSocketConnection, message: unknown) => unknown) | undefined;
  /** Origins (`https://host:port`) of pages that may connect; a request without an Origin is no page's. */
  readonly allowedOrigins?: readonly string[] | undefined;
  readonly clock?: Clock | undefined;
}

export class CodexdWebSocketServer {
  readonly #options: CodexdWebSocketServerOptions;
  readonly #clock: Clock;
  readonly #ticker: WsTicker;
  readonly #held = new HeldBytes(LIMITS.streamsHeldBytesMax);
  readonly #connections = new Set<CodexdWebSocketConnection>();
  #stopped = false;

  constructor(options: CodexdWebSocketServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ticker = createWsTicker(this.#clock);
  }

  /**
   * For the `upgrade` event of a `node:http` server. True when the socket has been taken, be it to refuse it; false
   * when the path is another's, and nothing has been done with it.
   */
  handleUpgrade(
    request: UpgradeRequest & { readonly url?: string | undefined }, socket: UpgradeSocket, head: Uint8Array,
  ): boolean {
    if (pathOf(request.url ?? "") !== pathOf(this.#options.path)) return false;
    const taken = socket as unknown as Socket;
    // Node has taken its own handlers off this socket.
    taken.on("error", () => taken.destroy());
    const refused = this.#refusal(request);
    const judgement = judgeUpgrade(request);
    if (refused !== null) this.#refuse(taken, refused);
    else if (judgement.ok) this.#accept(taken, head, judgement.accept);
    else {
      const code = judgement.status === 426 ? "upgrade_required" : "bad_request";
      this.#refuse(taken, refusal(code, judgement.message));
    }
    return true;
  }

  /** Sends `value` as JSON to every open connection, encoded once; gives how many those are. */
  broadcast(value: unknown): number {
    const frame = encodeTextFrame(jsonText(value));
    const open = [...this.#connections].filter((connection) => connection.open);
    for (const connection of open) connection.sendFrames(frame);
    return open.length;
  }

  getConnectionCount(): number {
    return this.#connections.size;
  }

  /** Tells all connections 1001 and takes no more; resolves when they have gone, within `LIMITS.wsCloseMs`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const connections = [...this.#connections];
    for (const connection of connections) connection.close(WS_CLOSE.goingAway, "the server stops");
    await Promise.all(connections.map(({ closed }) => closed));
    this.#ticker.stop();
  }

  #refusal({ rawHeaders }: UpgradeRequest): Refusal | null {
    const { allowedOrigins = [] } = this.#options;
    if (headerValues(rawHeaders, "origin").some((origin) => !allowedOrigins.includes(origin))) {
      return refusal("origin_not_allowed", "Origin: pages of this origin may not connect here");
    }
    if (this.#stopped) return refusal("draining", "the server stops");
    const full = this.#connections.size >= LIMITS.connectionsMax;
    return full ? refusal("not_ready", `${LIMITS.connectionsMax} clients are connected already`) : null;
  }

  #refuse(socket: Socket, refused: Refusal): void {
    refuseSocket(socket, refused, { clock: this.#clock, lingerMs: LIMITS.lingerMs, body: true });
  }

  #accept(socket: Socket, head: Uint8Array, accept: string): void {
    const { onConnected, onClientMessage } = this.#options;
    socket.write(upgradeResponse(accept, SECURITY_HEADERS));
    const connection: CodexdWebSocketConnection = new CodexdWebSocketConnection({
      socket, head,
      clock: this.#clock,
      ticker: this.#ticker,
      held: this.#held,
      onText: (text) => this.#take(connection, text, onClientMessage),
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    this.#guard(connection, () => onConnected?.(connection));
  }

  #take(
    connection: CodexdWebSocketConnection, text: string, handler: CodexdWebSocketServerOptions["onClientMessage"],
  ): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // SyntaxError is all that JSON.parse throws.
      return connection.close(WS_CLOSE.badMessage, "a message must be JSON");
    }
    this.#guard(connection, () => handler?.(connection, message));
  }

  /** A handler is a stranger's code: its error is its connection's, never the server's. */
  #guard(connection: CodexdWebSocketConnection, handle: () => unknown): void {
    void (async () => handle())().catch(() => connection.close(WS_CLOSE.internalError, "the handler has failed"));
  }
}

function pathOf(url: string): string {
  const path = url.split("?", 1)[0] ?? "";
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
