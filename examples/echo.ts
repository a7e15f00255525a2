// An echo of WebSocket messages, text and binary, as server and as client: the framer on sockets of one's own.
//
// `echo` is all of it; the rest is the handshake of either role. In a project of your own the import is
// `from "codexd/framer"`.

import { randomBytes, randomFillSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import {
  createMaskSource, createUpgradeReader, createWsReceiver, encodeCloseFrame, encodeFrame, judgeUpgrade, OPCODE,
  upgradeRequest, upgradeResponse, type WsRole,
} from "../src/framer.ts";

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
const SILENCE_MS = 60_000;
/** What a peer has to hang up after the last word, however much it goes on sending. */
const CLOSE_MS = 2000;
const nextKey = createMaskSource(randomFillSync);

/** Sends back what comes, from `head` on; the socket is past its handshake, and its errors are listened to. */
export function echo(socket: Socket, role: WsRole, head: Buffer): void {
  const options = () => (role === "client" ? { maskKey: nextKey() } : {});
  // Reads no faster than the peer does, so that one that only sends takes no memory.
  const send = (frame: Buffer) => void (socket.write(frame) || socket.pause());
  const receiver = createWsReceiver({
    role,
    messageBytesMax: MESSAGE_BYTES_MAX,
    allowBinary: true,
    on: {
      message: (opcode, bytes) => send(encodeFrame(opcode, bytes, options())),
      ping: (payload) => send(encodeFrame(OPCODE.pong, payload, options())),
      pong: () => undefined,
      // A server ends TCP first; a client waits for it (RFC 6455 §7.1.1).
      close: (code) => {
        socket[role === "server" ? "end" : "write"](encodeCloseFrame(code, "", options()));
        drop(socket);
      },
      violation: (code, reason) => {
        socket.end(encodeCloseFrame(code, reason, options()));
        drop(socket);
      },
    },
  });
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.on("drain", () => socket.resume());
  if (head.length > 0) receiver.push(head);
  socket.on("data", (bytes: Buffer) => receiver.push(bytes));
}

/** A server that listens nowhere yet. */
export function createEchoServer(): Server {
  return createServer().on("upgrade", (request, socket: Socket, head) => {
    socket.on("error", () => socket.destroy());
    const judged = judgeUpgrade(request);
    if (judged.ok) {
      socket.write(upgradeResponse(judged.accept));
      echo(socket, "server", head);
    } else {
      const fields = Object.entries({ Connection: "close", ...judged.headers }).map((field) => field.join(": "));
      socket.end([`HTTP/1.1 ${judged.status} ${judged.message}`, ...fields, "\r\n"].join("\r\n"));
      drop(socket);
    }
  });
}

/** A client on 127.0.0.1; one whose upgrade is refused hangs up. */
export function connectEcho(port: number): Socket {
  const key = randomBytes(16).toString("base64");
  const socket = connect(port, "127.0.0.1");
  const reader = createUpgradeReader(key);
  const take = (bytes: Buffer): void => {
    const answer = reader.push(bytes);
    if (answer === null) return;
    socket.off("data", take);
    if (answer.ok) echo(socket, "client", answer.rest);
    else socket.destroy();
  };
  socket.on("data", take).on("error", () => socket.destroy());
  socket.write(upgradeRequest({ host: `127.0.0.1:${port}`, path: "/", key }));
  return socket;
}

/**
 * What still comes is read and dropped: so no reset takes the last word away, and the peer's end is seen, which a
 * socket that is paused, or that nobody reads, hides behind a single byte.
 */
function drop(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
  socket.resume().on("close", () => clearTimeout(timer));
}
