// One client of a CodexdWebSocketServer: what an embedding program does with a connection.
//
// Deliberately thin: frames, bounds and the close handshake are ws-connection.ts's. Invariant: nothing here throws for
// what the peer does; only a value that JSON cannot hold, or a code that no close frame may carry, is the caller's bug.

import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { systemClock, type Clock } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { isCloseCode, WS_CLOSE } from "../protocol/ws-close.ts";
import type { HeldBytes } from "./held-bytes.ts";
import { createWsConnection, type WsConnection } from "./ws-connection.ts";
import { createWsTicker } from "./ws-ticker.ts";

/** A socket, as much of it as can be said without Node's own types; any of `node:net` and `node:tls` is one. */
export interface UpgradeSocket {
  readonly writable: boolean;
  on(event: "error", listener: (error: Error) => void): unknown;
  destroy(): unknown;
}

export interface CodexdWebSocketConnectionOptions {
  /** Past the 101 answer; the connection owns it from now on. */
  readonly socket: UpgradeSocket;
  /** What came after the head of the request. */
  readonly head?: Uint8Array | undefined;
  /** Each message of the peer; not called before the constructor has returned. */
  readonly onText?: ((text: string) => void) | undefined;
  /** Called once, when the socket has gone; @see WsHandlers.closed for the code. */
  readonly onClosed?: ((code: number) => void) | undefined;
  readonly clock?: Clock | undefined;
  /** Shared by the connections of a server; left out, the connection has one of its own. */
  readonly ticker?: { watch(connection: { tick(nowMs: number): boolean }): void } | undefined;
  /** Shared by the connections of a server; left out, the connection is bounded by itself alone. */
  readonly held?: HeldBytes | undefined;
}

export class CodexdWebSocketConnection {
  /** No other connection of this process has it. */
  readonly id: string = `wsc_${randomUUID().replaceAll("-", "")}`;
  /** Resolves with the code of the close when the socket has gone. */
  readonly closed: Promise<number>;
  readonly #connection: WsConnection;

  constructor(options: CodexdWebSocketConnectionOptions) {
    const { socket, head = new Uint8Array(0), onText, onClosed, clock = systemClock } = options;
    const closed = createDeferred<number>();
    this.closed = closed.promise;
    this.#connection = createWsConnection({
      socket: socket as unknown as Duplex,
      head: Buffer.from(head),
      clock,
      held: options.held,
      handlers: {
        text: (text) => onText?.(text),
        closed(code) {
          // First: whoever waits must be told, whatever the handler throws.
          closed.resolve(code);
          onClosed?.(code);
        },
      },
    });
    (options.ticker ?? createWsTicker(clock)).watch(this.#connection);
  }

  /** False from the moment that either end has begun to close; sending then does nothing. */
  get open(): boolean {
    return this.#connection.open;
  }

  /** Bytes that the peer has not taken yet; one that lets too many wait is cut off with 1013. */
  get bufferedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  send(text: string): void {
    this.#connection.sendText(text);
  }

  /** @throws {TypeError} for what JSON cannot hold. */
  sendJson(value: unknown): void {
    this.send(jsonText(value));
  }

  /** Bytes that are whole frames of a server already; shared, never copied or changed. */
  sendFrames(frames: Uint8Array): void {
    this.#connection.sendFrames(Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength));
  }

  /** @throws {RangeError} for a code that no close frame may carry (RFC 6455 §7.4). */
  close(code: number = WS_CLOSE.normal, reason = ""): void {
    if (!isCloseCode(code)) throw new RangeError(`close code ${code} must not be sent`);
    this.#connection.close(code, reason);
  }
}

/** @throws {TypeError} for what JSON cannot hold, undefined and functions among it. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError("a message must be a value that JSON can hold");
  return text;
}
