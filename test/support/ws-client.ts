// A WebSocket client for tests: a bare socket, the client's role of the protocol, and all that it saw on record.
//
// Deliberately not what a program should use: it can send anything, stop reading, and vanish. Whoever opens one ends
// it with `close()` or `destroy()`.

import { randomBytes, randomFillSync } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { createDeferred } from "../../src/base/deferred.ts";
import { createUpgradeReader, upgradeRequest } from "../../src/protocol/ws-client-handshake.ts";
import { encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE } from "../../src/protocol/ws-frame.ts";
import { createMaskSource } from "../../src/protocol/ws-mask.ts";
import { createWsReceiver } from "../../src/protocol/ws-message.ts";

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export interface ConnectWsOptions {
  /** TCP on 127.0.0.1; or a Unix socket. */
  readonly port?: number;
  readonly socketPath?: string;
  /** With its query. */
  readonly path: string;
  readonly token?: string;
  /** Added to the request; one that is there already is replaced. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent right behind the request, in the same write. */
  readonly early?: Buffer;
  /** Told each text message as it came, byte for byte. */
  readonly onText?: (text: string) => void;
}

export interface WsClosed {
  /** The code of the peer's close frame, null where it had none or never came. */
  readonly code: number | null;
  readonly reason: string;
}

export interface TestWsClient {
  readonly socket: Socket;
  /** Every message so far, parsed where it is JSON. */
  readonly received: readonly unknown[];
  /** Pings that the server has sent; they are answered. */
  readonly pings: number;
  readonly pongs: readonly string[];
  readonly closeCode: number | null;
  /** Resolves when the socket has gone. */
  readonly closed: Promise<WsClosed>;
  /** The next message that no earlier call has had. @throws (rejects) when the connection ends before it. */
  next(): Promise<unknown>;
  /** Skips messages until one fits. */
  nextThat<T>(fits: (message: unknown) => message is T): Promise<T>;
  nextThat(fits: (message: unknown) => boolean): Promise<unknown>;
  send(value: unknown): void;
  sendText(text: string): void;
  /** Any bytes, as frames or not. */
  sendRaw(bytes: Buffer): void;
  ping(payload?: string): void;
  /** Sends a close frame; resolves when the socket has gone. */
  close(code?: number, reason?: string): Promise<WsClosed>;
  destroy(): void;
  [Symbol.asyncIterator](): AsyncIterableIterator<unknown>;
}

/** The upgrade was answered with something else than 101. */
export class UpgradeRefused extends Error {
  readonly status: number | null;
  /** The answer's body, as far as it came before the connection ended. */
  readonly body: string;

  constructor(status: number | null, message: string, body: string) {
    super(message);
    this.name = "UpgradeRefused";
    this.status = status;
    this.body = body;
  }
}

/** @throws (rejects) {UpgradeRefused}, or the socket's error where there is no connection. */
export async function connectWs(options: ConnectWsOptions): Promise<TestWsClient> {
  const { port, socketPath, path, token, headers, early, onText } = options;
  const socket = socketPath === undefined
    ? createConnection({ port: port ?? 0, host: "127.0.0.1" })
    : createConnection({ path: socketPath });
  const key = randomBytes(16).toString("base64");
  const host = port === undefined ? "localhost" : `127.0.0.1:${port}`;
  const request = upgradeRequest({ host, path, key, bearer: token, headers });
  const answered = readAnswer(socket, key);
  socket.write(early === undefined ? request : Buffer.concat([request, early]));
  return createClient(socket, await answered, onText);
}

/** Gives what came behind the head of a 101. The socket is paused then, so that nothing is lost before it is read. */
function readAnswer(socket: Socket, key: string): Promise<Buffer> {
  const opened = createDeferred<Buffer>();
  const reader = createUpgradeReader(key);
  const body: Buffer[] = [];
  let refusal: Exclude<ReturnType<typeof reader.push>, null> | undefined;
  const take = (bytes: Buffer): void => {
    const answer = reader.push(bytes);
    if (answer === null) return;
    socket.off("data", take);
    if (answer.ok) {
      socket.pause();
      return opened.resolve(answer.rest);
    }
    refusal = answer;
    body.push(answer.rest);
    socket.on("data", (more: Buffer) => body.push(more));
    // The server may keep the connection for a next request: then this ends it, and with it the body.
    socket.end();
  };
  socket.on("data", take);
  socket.on("error", (error) => opened.reject(error));
  socket.on("close", () => {
    if (refusal === undefined || refusal.ok) {
      return opened.reject(new Error("the connection ended before the upgrade was answered"));
    }
    opened.reject(new UpgradeRefused(refusal.status, refusal.message, Buffer.concat(body).toString("utf8")));
  });
  return opened.promise;
}

/** What came, in order, and who waits for it. */
function createInbox(): {
  readonly received: unknown[];
  put(message: unknown): void;
  end(reason: string): void;
  next(): Promise<unknown>;
  all(): AsyncIterableIterator<unknown>;
} {
  const received: unknown[] = [];
  let taken = 0;
  let ended: string | null = null;
  let changed = createDeferred<void>();
  const tell = (): void => {
    changed.resolve();
    changed = createDeferred<void>();
  };
  const arrival = async (): Promise<boolean> => {
    while (taken === received.length && ended === null) await changed.promise;
    return taken < received.length;
  };
  return {
    received,
    put(message) {
      received.push(message);
      tell();
    },
    end(reason) {
      ended = reason;
      tell();
    },
    async next() {
      if (!(await arrival())) throw new Error(ended ?? "");
      return received[taken++];
    },
    async *all() {
      while (await arrival()) yield received[taken++];
    },
  };
}

function createClient(socket: Socket, rest: Buffer, onText?: (text: string) => void): TestWsClient {
  const maskKey = createMaskSource(randomFillSync);
  const inbox = createInbox();
  const closed = createDeferred<WsClosed>();
  const pongs: string[] = [];
  let pings = 0;
  let close: WsClosed = { code: null, reason: "" };
  const write = (bytes: Buffer): void => {
    if (socket.writable) socket.write(bytes);
  };

  const receiver = createWsReceiver({
    role: "client",
    messageBytesMax: MESSAGE_BYTES_MAX,
    allowBinary: true,
    on: {
      text(message) {
        onText?.(message);
        inbox.put(parseOrText(message));
      },
      binary: (message) => inbox.put(message),
      ping(payload) {
        pings += 1;
        write(encodeFrame(OPCODE.pong, payload, { maskKey: maskKey() }));
      },
      pong: (payload) => void pongs.push(payload.toString("utf8")),
      close(code, reason) {
        close = { code, reason };
        write(encodeCloseFrame(code, "", { maskKey: maskKey() }));
        socket.end();
      },
      violation: (code, reason) => void socket.destroy(new Error(`the server broke the protocol: ${code} ${reason}`)),
    },
  });
  socket.on("close", () => {
    closed.resolve(close);
    inbox.end(`the connection ended with ${close.code} ${close.reason}`);
  });
  receiver.push(rest);
  socket.on("data", (bytes: Buffer) => receiver.push(bytes));
  socket.resume();

  return {
    socket,
    received: inbox.received,
    get pings() {
      return pings;
    },
    pongs,
    get closeCode() {
      return close.code;
    },
    closed: closed.promise,
    next: inbox.next,
    async nextThat(fits: (message: unknown) => boolean) {
      let message = await inbox.next();
      while (!fits(message)) message = await inbox.next();
      return message;
    },
    send: (value) => write(encodeTextFrame(JSON.stringify(value), { maskKey: maskKey() })),
    sendText: (text) => write(encodeTextFrame(text, { maskKey: maskKey() })),
    sendRaw: write,
    ping: (payload = "") => write(encodeFrame(OPCODE.ping, Buffer.from(payload), { maskKey: maskKey() })),
    close(code = 1000, reason = "") {
      write(encodeCloseFrame(code, reason, { maskKey: maskKey() }));
      return closed.promise;
    },
    destroy: () => void socket.destroy(),
    [Symbol.asyncIterator]: inbox.all,
  };
}

function parseOrText(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch (error) {
    if (error instanceof SyntaxError) return message;
    throw error;
  }
}
