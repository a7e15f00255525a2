// Puts a conformance case before an end of a real socket, and judges every byte that it answers with.
//
// Frames are read by hand here: unmasked from a server, masked from a client, always whole and of the fewest bytes.
// Invariant: what is written is never waited for, and what is not expected is an error, after the close frame too.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { WsRole } from "../../src/protocol/ws-frame.ts";
import { allAnswers, BINARY, CLOSE, frameMaker, piecesOf, xor, type WsCase } from "./ws-case.ts";

const END_OF_HEAD = "\r\n\r\n";
const KINDS: ReadonlyMap<number, string> = new Map([[0x81, "text"], [0x82, "binary"], [0x88, "close"], [0x8a, "pong"]]);

/** @param socket past the handshake; `role` is that of the end at its other side. Ends it. */
export async function judgeCase(socket: Socket, role: WsRole, wsCase: WsCase): Promise<void> {
  const chunks: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => chunks.push(bytes));
  const ended = once(socket, "end");
  // A server ends TCP by itself; a client waits for this end, unless it has been wronged.
  if (role === "client") endAfterClose(socket);
  for (const piece of piecesOf(wsCase, role)) socket.write(piece);
  await ended;
  socket.end();
  const answers = readAnswers(Buffer.concat(chunks), role);
  const wanted = allAnswers(wsCase);
  assert.equal(answers.length, wanted.length, `${wsCase.id}: ${answers.map(([kind]) => kind).slice(0, 20).join()}`);
  for (const [i, [kind, payload]] of wanted.entries()) {
    const [kindCame, came] = answers[i]!;
    assert.equal(kindCame, kind, wsCase.id);
    if (Buffer.isBuffer(payload)) assert.ok(came.equals(payload), `${wsCase.id}: another payload in answer ${i}`);
    else assert.equal(came.length < 2 ? null : came.readUInt16BE(0), payload, wsCase.id);
  }
}

function endAfterClose(socket: Socket): void {
  let tail = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    // A close frame is the last one and at most 131 bytes long.
    tail = Buffer.concat([tail, bytes.subarray(-131)]).subarray(-131);
    for (let at = 0; at + 6 <= tail.length; at += 1) {
      if (tail[at] === 0x88 && tail[at + 1]! >= 0x80 && at + 6 + (tail[at + 1]! & 0x7f) === tail.length) socket.end();
    }
  });
}

function readAnswers(bytes: Buffer, role: WsRole): Array<readonly [string, Buffer]> {
  const answers: Array<readonly [string, Buffer]> = [];
  let at = 0;
  while (at < bytes.length) {
    const kind = KINDS.get(bytes[at]!);
    assert.ok(kind !== undefined, `an answer begins with ${bytes[at]}`);
    const masked = bytes[at + 1]! >= 0x80;
    assert.equal(masked, role === "client", "only a client masks");
    const short = bytes[at + 1]! & 0x7f;
    const [length, lengthBytes, least] = short < 126 ? [short, 0, 0]
      : short === 126 ? [bytes.readUInt16BE(at + 2), 2, 126] : [Number(bytes.readBigUInt64BE(at + 2)), 8, 65536];
    assert.ok(length >= least, "a length is in the fewest bytes");
    const keyAt = at + 2 + lengthBytes;
    at = keyAt + (masked ? 4 : 0);
    const payload = bytes.subarray(at, at + length);
    assert.equal(payload.length, length, "every answer is whole");
    if (masked) xor(payload, bytes.subarray(keyAt, at));
    answers.push([kind, payload]);
    at += length;
  }
  return answers;
}

/** A client that reads late is echoed no faster than it reads, and gets all of it. */
export async function judgeLateReader(server: Server, port: number): Promise<void> {
  const [messageBytes, count] = [65536, 512];
  const connected = once(server, "connection");
  const socket = await dial(port);
  socket.pause();
  const [accepted] = await connected as [Socket];
  const frame = frameMaker("server")(BINARY, Buffer.alloc(messageBytes));
  for (let i = 0; i < count; i += 1) socket.write(frame);
  while (!accepted.isPaused()) await new Promise(setImmediate);
  assert.ok(accepted.writableLength < 4 * messageBytes, `${accepted.writableLength} bytes wait for the client`);

  socket.write(frameMaker("server")(CLOSE));
  let bytes = 0;
  socket.on("data", (part: Buffer) => (bytes += part.length)).resume();
  await once(socket, "end");
  assert.equal(bytes, count * (messageBytes + 10) + 2);
}

/** Closes a server whose clients have each sent a byte too many before they hung up: none of them may keep it open. */
export async function judgeLeaving(server: Server, port: number): Promise<void> {
  const frame = frameMaker("server");
  // The close comes while the echo waits to be read.
  const closing = await dial(port);
  closing.once("data", () => closing.write("late")).resume();
  closing.write(Buffer.concat([frame(BINARY, Buffer.alloc(4 * 1024 * 1024)), frame(CLOSE)]));
  await once(closing, "close");

  const refused = connect(port, "127.0.0.1");
  refused.once("data", () => refused.write("late")).resume();
  refused.write(`GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade${END_OF_HEAD}`);
  await once(refused, "close");
  server.close();
  await once(server, "close");
}

/** Opens a WebSocket by hand. */
export async function dial(port: number, version = "Sec-WebSocket-Version: 13"): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  const fields = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${fields}${version}\r\n${key}${END_OF_HEAD}`);
  const head = await readHead(socket);
  assert.match(head, /^HTTP\/1\.1 101 [\s\S]*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  return socket;
}

/** A server that answers one upgrade by hand, for the client that `begin` lets connect to its port. */
export async function acceptOne(begin: (port: number) => void): Promise<Socket> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  begin((server.address() as AddressInfo).port);
  const [socket] = await once(server, "connection") as [Socket];
  server.close();
  const key = /Sec-WebSocket-Key: (\S+)/i.exec(await readHead(socket))?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`;
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}${END_OF_HEAD}`);
  return socket;
}

/** Nothing follows a head here before the other end has been written to. */
async function readHead(socket: Socket): Promise<string> {
  let head = "";
  while (!head.endsWith(END_OF_HEAD)) {
    const [bytes] = await once(socket, "data") as [Buffer];
    head += bytes.toString("latin1");
  }
  return head;
}
