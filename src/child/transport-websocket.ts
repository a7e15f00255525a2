// One JSON message a text frame, over a WebSocket that codexd opens to an app-server that runs elsewhere.
//
// Deliberately not: reconnecting (remote-life.ts and the supervisor: a transport connects once), methods. The frames
// are those of protocol/, in the client's role.
//
// On backpressure: `pause` stops reading, and the system's buffers fill. Codex then cuts the connection as that of a
// slow reader, while its turns run on; they are taken up on the next connection. What codexd holds stays bounded.

import { randomFillSync } from "node:crypto";
import type { Socket } from "node:net";
import { systemClock, type Clock, type Timer } from "../base/clock.ts";
import { DecodeError } from "../base/decode.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { WS_CLOSE } from "../protocol/ws-close.ts";
import { isSheltered, parseWsEndpoint, type WsEndpoint } from "../protocol/ws-endpoint.ts";
import { encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE } from "../protocol/ws-frame.ts";
import { createMaskSource, type MaskSource } from "../protocol/ws-mask.ts";
import { createWsReceiver } from "../protocol/ws-message.ts";
import { BEARER_TOKEN, readBearerFile } from "./bearer-file.ts";
import { createPortions, type Portions } from "./portions.ts";
import type { Transport, TransportHandlers } from "./transport.ts";
import { DialError, dialWebSocket } from "./ws-dial.ts";

export interface WebSocketTransportOptions {
  /** `ws://`, `wss://`, `http://` (as ws), `https://` (as wss), or `unix:///path` for a WebSocket over that socket. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`, which needs TLS, a loopback host or a Unix socket. */
  readonly token?: string;
  /** Holds the token in its place; a file of its owner's alone, read when the transport connects. */
  readonly tokenFile?: string;
  /** Told the token that was read, so that whoever writes down what the server says can leave it out. */
  readonly onToken?: (token: string) => void;
  /** PEM of the authorities that a TLS server is trusted by, in the place of the system's. */
  readonly ca?: string;
  readonly clock?: Clock;
}

/**
 * `onClose` gets a `DialError` where there never was a connection. `send` may be called before it is open.
 *
 * @throws {DecodeError} for a URL that cannot be used, or not with a token, and for a token that no header can hold.
 */
export function createCodexAppServerWebSocketTransport(options: WebSocketTransportOptions): Required<Transport> {
  const endpoint = parseWsEndpoint(options.url);
  const withToken = options.token !== undefined || options.tokenFile !== undefined;
  if (withToken && !isSheltered(endpoint)) {
    throw new DecodeError("url", "would send the token in the clear: it takes wss://, https://, or a loopback host");
  }
  if (options.token !== undefined && !BEARER_TOKEN.test(options.token)) {
    throw new DecodeError("token", "takes one line of visible ASCII characters");
  }
  return new WebSocketTransport(options, endpoint);
}

class WebSocketTransport implements Required<Transport> {
  readonly #options: WebSocketTransportOptions;
  readonly #endpoint: WsEndpoint;
  readonly #clock: Clock;
  readonly #maskKey: MaskSource = createMaskSource((pool) => void randomFillSync(pool));
  readonly #dialling = new AbortController();
  #handlers: TransportHandlers | undefined;
  #phase: "dialling" | "open" | "closing" | "closed" = "dialling";
  #socket: Socket | undefined;
  /** Frames that wait for the connection. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #portions: Portions | undefined;
  #paused = false;
  #timer: Timer | undefined;
  /** Answers to pings that are still on their way out. */
  #pongsWaiting = 0;
  /** Set by any byte, cleared by the tick that reads it. */
  #heard = true;
  #pinged = false;
  readonly #receiver = createWsReceiver({
    role: "client",
    messageBytesMax: LIMITS.childLineBytesMax,
    allowBinary: false,
    on: {
      text: (message) => this.#handlers?.onMessage(message),
      binary: () => undefined,
      ping: (payload) => this.#pong(payload),
      pong: () => undefined,
      close: (code, reason) => this.#closedByPeer(code, reason),
      violation: (code, reason) => this.#violated(code, reason),
    },
  });

  constructor(options: WebSocketTransportOptions, endpoint: WsEndpoint) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.#clock = options.clock ?? systemClock;
  }

  connect(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    void this.#dial();
  }

  /**
   * @throws {CodexdError} `body_too_large` for what Codex would answer with a reset, `not_ready` when too much waits
   *   to be sent already.
   */
  send(text: string): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    const message = text.endsWith("\n") ? text.slice(0, -1) : text;
    const bytes = Buffer.byteLength(message);
    if (bytes > LIMITS.remoteFrameBytesMax) {
      const most = `takes messages of ${LIMITS.remoteFrameBytesMax} bytes at most`;
      throw new CodexdError("body_too_large", `the app-server ${most}, and this one has ${bytes}`);
    }
    const waiting = this.#socket?.writableLength ?? this.#heldBytes;
    if (waiting + bytes > LIMITS.remoteSendBytesMax) {
      throw new CodexdError("not_ready", `${waiting} bytes wait to be read by the app-server already`);
    }
    const frame = encodeTextFrame(message, { maskKey: this.#maskKey() });
    if (this.#socket !== undefined) {
      this.#socket.write(frame);
    } else {
      this.#held.push(frame);
      this.#heldBytes += frame.length;
    }
  }

  close(): void {
    if (this.#phase === "dialling") return this.abort();
    if (this.#phase !== "open") return;
    this.#phase = "closing";
    this.#timer?.cancel();
    this.#timer = this.#clock.after(LIMITS.wsCloseMs, () => this.abort());
    this.#write(encodeCloseFrame(WS_CLOSE.normal, "", { maskKey: this.#maskKey() }));
  }

  abort(): void {
    this.#finish(null);
    this.#dialling.abort();
    this.#socket?.destroy();
  }

  pause(): void {
    this.#paused = true;
    this.#portions?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#portions?.resume();
  }

  async #dial(): Promise<void> {
    const { tokenFile, token, ca, onToken } = this.#options;
    try {
      const bearer = tokenFile === undefined ? token : await readBearerFile(tokenFile).catch(refuseTokenFile);
      if (bearer !== undefined) onToken?.(bearer);
      const { socket, rest } = await dialWebSocket({
        endpoint: this.#endpoint, token: bearer, ca, clock: this.#clock, signal: this.#dialling.signal,
      });
      this.#open(socket, rest);
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #open(socket: Socket, rest: Buffer): void {
    // It was aborted in the tick in which it opened.
    if (this.#phase !== "dialling") return void socket.destroy();
    this.#phase = "open";
    this.#socket = socket;
    const portions = createPortions(socket);
    this.#portions = portions;
    socket.on("error", (error) => this.#lost(errorMessage(error)));
    socket.on("end", () => this.#lost("the app-server ended it without a word"));
    socket.on("close", () => this.#lost("it was closed"));
    if (rest.length > 0) socket.unshift(rest);
    socket.on("data", (bytes: Buffer) => {
      this.#heard = true;
      this.#receiver.push(bytes);
      portions.took(bytes.length);
    });
    for (const frame of this.#held) socket.write(frame);
    this.#held = [];
    this.#heldBytes = 0;
    this.#timer = this.#clock.after(LIMITS.wsPingMs, () => this.#tick());
    if (this.#paused) portions.pause();
    else socket.resume();
  }

  /** Finds a peer that has gone without a word: pings it after a silence, and gives it up after as long a one again. */
  #tick(): void {
    // Of a socket that is not read nothing can be heard.
    if (this.#heard || this.#paused) this.#pinged = false;
    else if (this.#pinged) return this.#lost(`no sign of life for ${2 * LIMITS.wsPingMs} ms`);
    else this.#ping();
    this.#heard = false;
    this.#timer = this.#clock.after(LIMITS.wsPingMs, () => this.#tick());
  }

  #ping(): void {
    this.#pinged = true;
    this.#write(encodeFrame(OPCODE.ping, Buffer.alloc(0), { maskKey: this.#maskKey() }));
  }

  #pong(payload: Buffer): void {
    // One who pings without reading gets no more answers than may wait for it.
    if (this.#phase !== "open" || this.#pongsWaiting >= LIMITS.wsPongsWaitingMax) return;
    this.#pongsWaiting += 1;
    const pong = encodeFrame(OPCODE.pong, payload, { maskKey: this.#maskKey() });
    this.#socket?.write(pong, () => void (this.#pongsWaiting -= 1));
  }

  #closedByPeer(code: number | null, reason: string): void {
    if (this.#phase === "open") this.#write(encodeCloseFrame(code, "", { maskKey: this.#maskKey() }));
    const words = reason === "" ? "" : `: ${reason.replace(/[^\x20-\x7e]/g, "?")}`;
    this.#lost(`the app-server closed it with ${code ?? "no code"}${words}`);
  }

  #violated(code: number, reason: string): void {
    // Behind a close frame of its own codexd sends nothing, not even another one.
    if (this.#phase === "open") this.#write(encodeCloseFrame(code, reason, { maskKey: this.#maskKey() }));
    this.#lost(`the app-server broke the protocol: ${reason}`);
  }

  /** The end of an open connection; asked for, if a close was under way. */
  #lost(why: string): void {
    this.#finish(this.#phase === "closing" ? null : new Error(why));
    // What is still to be written, a close frame at most, goes out first.
    this.#socket?.destroySoon();
  }

  #write(bytes: Buffer): void {
    if (this.#socket?.writable === true) this.#socket.write(bytes);
  }

  #finish(reason: Error | null): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#timer?.cancel();
    this.#held = [];
    this.#receiver.stop();
    this.#handlers?.onClose(reason);
  }
}

function refuseTokenFile(error: unknown): never {
  throw new DialError(errorMessage(error), true, { cause: error });
}
