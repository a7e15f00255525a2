// An app-server that listens on a WebSocket, with its side in the test's hand: what it answers to an upgrade, what it
// sends, byte for byte, and when it goes.
//
// On the server's role of protocol/. Whoever starts one closes it.

import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import tls from "node:tls";
import { createDeferred } from "../../src/base/deferred.ts";
import { encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE } from "../../src/protocol/ws-frame.ts";
import { acceptValue, upgradeResponse } from "../../src/protocol/ws-handshake.ts";
import { createWsReceiver } from "../../src/protocol/ws-message.ts";

export interface RemotePeer {
  readonly socket: Socket;
  /** The request up to its empty line. */
  readonly head: string;
  /** Frames that came: `text …`, `ping …`, `close 1000 …`, `violation …`. */
  readonly frames: string[];
  /** Resolves when a frame that begins so has come. */
  frame(beginning: string): Promise<string>;
  /** Calls and notifications, and what was made of them. */
  send(message: unknown): void;
  sendText(text: string): void;
  ping(payload?: string): void;
  closeFrame(code: number | null, reason?: string): void;
  readonly closed: Promise<void>;
}

/** The bytes that answer an upgrade; null says nothing. */
export type AnswerUpgrade = (head: string) => Buffer | string | null;

export interface FakeRemote {
  readonly port: number;
  readonly url: string;
  readonly peers: RemotePeer[];
  /** What the next upgrades are answered with. */
  answer: AnswerUpgrade;
  /** Answers a call of that method from now on; an `error` member makes it a refusal. */
  on(method: string, answer: (params: Record<string, unknown>) => unknown): void;
  /** The next one that has been answered. */
  peer(): Promise<RemotePeer>;
  close(): Promise<void>;
}

export const accepted: AnswerUpgrade = (head) => upgradeResponse(acceptValue(keyOf(head)));

export interface FakeRemoteOptions {
  /** Instead of a port of its own choice. */
  readonly port?: number;
  readonly socketPath?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function startFakeRemote(options: FakeRemoteOptions = {}): Promise<FakeRemote> {
  const { port = 0, socketPath, tls: secure } = options;
  const sockets = new Set<Socket>();
  const peers: RemotePeer[] = [];
  const methods = new Map<string, (params: Record<string, unknown>) => unknown>([
    ["initialize", () => ({ userAgent: "fake/0.169.0 (x)" })],
  ]);
  const arrivals = createArrivals();

  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    let head = "";
    const onHead = (bytes: Buffer): void => {
      head += bytes.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", onHead);
      const answer = remote.answer(head);
      // Made first, so that a test that waits for it sees also what is sent at once.
      peers.push(createPeer(socket, head, methods));
      arrivals.tell();
      if (answer !== null) socket.write(answer);
    };
    socket.on("data", onHead);
  };
  const server: Server = secure === undefined ? createServer(serve) : tls.createServer(secure, serve);
  server.on("tlsClientError", () => undefined);
  if (socketPath === undefined) server.listen(port, "127.0.0.1");
  else server.listen(socketPath);
  await once(server, "listening");
  let taken = 0;
  const actual = socketPath === undefined ? (server.address() as AddressInfo).port : 0;
  const scheme = secure === undefined ? "ws" : "wss";

  const remote: FakeRemote = {
    port: actual,
    url: socketPath === undefined ? `${scheme}://127.0.0.1:${actual}` : `unix://${socketPath}`,
    peers,
    answer: accepted,
    on: (method, answer) => void methods.set(method, answer),
    async peer() {
      const at = taken;
      taken += 1;
      await arrivals.until(() => peers.length > at);
      return peers[at]!;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return remote;
}

function createPeer(
  socket: Socket, head: string, methods: ReadonlyMap<string, (params: Record<string, unknown>) => unknown>,
): RemotePeer {
  const frames: string[] = [];
  const arrivals = createArrivals();
  const note = (frame: string): void => {
    frames.push(frame);
    arrivals.tell();
  };
  const write = (bytes: Buffer): void => {
    if (socket.writable) socket.write(bytes);
  };
  const reply = (text: string): void => {
    const { id, method = "", params = {} } = JSON.parse(text) as Record<string, never>;
    const answer = methods.get(method)?.(params) as Record<string, unknown> | undefined;
    if (answer === undefined || id === undefined) return;
    const outcome = "error" in answer ? { error: answer["error"] } : { result: answer };
    write(encodeTextFrame(JSON.stringify({ id, ...outcome })));
  };
  const receiver = createWsReceiver({
    role: "server", messageBytesMax: 64 * 2 ** 20, allowBinary: true,
    on: {
      text(message) {
        note(`text ${message}`);
        if (message.startsWith("{")) reply(message);
      },
      binary: () => note("binary"),
      ping: (payload) => note(`ping ${payload.toString("utf8")}`),
      pong: (payload) => note(`pong ${payload.toString("utf8")}`),
      close: (code, reason) => note(`close ${code} ${reason}`),
      violation: (code, reason) => note(`violation ${code} ${reason}`),
    },
  });
  // Not `once`: that would reject with the error of a reset.
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("data", (bytes: Buffer) => receiver.push(bytes));
  return {
    socket, head, frames, closed,
    async frame(beginning) {
      const find = (): string | undefined => frames.find((frame) => frame.startsWith(beginning));
      await arrivals.until(() => find() !== undefined);
      return find() ?? "";
    },
    send: (message) => write(encodeTextFrame(JSON.stringify(message))),
    sendText: (text) => write(encodeTextFrame(text)),
    ping: (payload = "") => write(encodeFrame(OPCODE.ping, Buffer.from(payload))),
    closeFrame: (code, reason = "") => write(encodeCloseFrame(code, reason)),
  };
}

/** Wakes those who wait whenever something has come. */
function createArrivals(): { tell(): void; until(holds: () => boolean): Promise<void> } {
  let next = createDeferred<void>();
  return {
    tell() {
      next.resolve();
      next = createDeferred();
    },
    async until(holds) {
      while (!holds()) await next.promise;
    },
  };
}

function keyOf(head: string): string {
  return /^sec-websocket-key: (.+)$/im.exec(head)?.[1]?.trim() ?? "";
}
