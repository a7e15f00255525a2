// One connection and its duties: messages, pings, the end in order, and errors that never get out.
//
// The peer is a HeldSocket and the time a ManualClock; slow readers have a file of their own, real sockets too.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LIMITS } from "../../src/core/limits.ts";
import { LoopTurns } from "../../src/http/loop-turns.ts";
import { createWsConnection } from "../../src/http/ws-connection.ts";
import { encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE } from "../../src/protocol/ws-frame.ts";
import { HeldSocket } from "../support/held-socket.ts";
import { createManualClock } from "../support/manual-clock.ts";

const MASKED = { maskKey: 0x01020304 };
const text = (message: string): Buffer => encodeTextFrame(message, MASKED);
const frame = (opcode: (typeof OPCODE)[keyof typeof OPCODE], payload = ""): Buffer =>
  encodeFrame(opcode, Buffer.from(payload), MASKED);
const close = (code: number | null, reason = ""): Buffer => encodeCloseFrame(code, reason, MASKED);

interface Setup {
  readonly head?: Buffer;
  readonly socket?: HeldSocket;
}

function connect({ head = Buffer.alloc(0), socket = new HeldSocket() }: Setup = {}) {
  const clock = createManualClock();
  const messages: string[] = [];
  const closed: number[] = [];
  const connection = createWsConnection({
    socket, head, clock,
    handlers: { text: (message) => void messages.push(message), closed: (code) => void closed.push(code) },
  });
  return { socket, clock, connection, messages, closed };
}

test("messages go both ways, and a ping is answered with its payload", async () => {
  const { socket, connection, messages } = connect();
  socket.arrive(text("one"), frame(OPCODE.ping, "p"), frame(OPCODE.pong, "ignored"), text("two"));
  await turn();
  assert.deepEqual(messages, ["one", "two"]);
  connection.sendText("three ä");
  const frames = Buffer.concat([encodeTextFrame("four"), encodeTextFrame("five")]);
  connection.sendFrames(frames);
  assert.deepEqual(socket.said(), [["pong", "p"], ["text", "three ä"], ["text", "four"], ["text", "five"]]);
  assert.equal(connection.open, true);
  assert.equal(connection.bufferedBytes, 0);
});

test("a peer that sends more than a portion is read on in a later turn of the loop", async () => {
  const turns = new LoopTurns(1);
  const waiting: Array<() => void> = [];
  turns.next = (go) => void waiting.push(go);
  const socket = new HeldSocket();
  const messages: string[] = [];
  createWsConnection({
    socket, head: Buffer.alloc(0), clock: createManualClock(), turns,
    handlers: { text: (message) => void messages.push(message), closed: () => undefined },
  });
  const long = "x".repeat(LIMITS.readPortionBytes - 9);
  socket.arrive(text(long));
  await turn();
  assert.equal(waiting.length, 0);
  socket.arrive(text("now"));
  socket.arrive(text("later"));
  await turn();
  assert.deepEqual(messages, [long, "now"]);
  waiting.shift()?.();
  await turn();
  assert.deepEqual(messages, [long, "now", "later"]);
});

test("what came with the request is read first, but not before the caller has the connection", async () => {
  const { socket, messages } = connect({ head: text("early") });
  assert.deepEqual(messages, []);
  socket.arrive(text("later"));
  await turn();
  assert.deepEqual(messages, ["early", "later"]);
});

test("a silent peer is pinged once, any byte counts as life, and 40 seconds of silence are the end", async () => {
  const { socket, connection, closed } = connect();
  const { wsPingMs } = LIMITS;
  assert.equal(connection.tick(wsPingMs - 1), true);
  assert.deepEqual(socket.said(), []);
  connection.tick(wsPingMs);
  connection.tick(wsPingMs + 1000);
  assert.deepEqual(socket.said(), [["ping", ""]]);
  socket.arrive(Buffer.from([0x81]));
  await turn();
  connection.tick(30_000);
  connection.tick(30_000 + wsPingMs);
  assert.equal(socket.said().length, 2);
  connection.tick(30_000 + 2 * wsPingMs - 1);
  assert.equal(socket.destroyed, false);
  assert.equal(connection.tick(30_000 + 2 * wsPingMs), true);
  assert.equal(socket.destroyed, true);
  await turn();
  assert.deepEqual(closed, [1006]);
  assert.equal(connection.tick(90_000), false);
});

test("a close goes out behind what was queued, once, and nothing after it", async () => {
  const { socket, connection, closed, messages, clock } = connect();
  socket.holding = true;
  connection.sendText("queued");
  connection.close(1001, "going");
  assert.equal(connection.open, false);
  connection.close(4000, "again");
  connection.sendText("late");
  connection.sendFrames(encodeTextFrame("late"));
  socket.arrive(text("unheard"), frame(OPCODE.ping, "unanswered"), close(4001, "mine"), text("ignored"));
  socket.takeAll();
  await turn();
  assert.deepEqual(socket.said(), [["text", "queued"], ["close", 1001, "going"]]);
  assert.equal(socket.finished, true, "the server ends TCP first");
  assert.deepEqual(messages, []);
  assert.deepEqual(closed, []);
  socket.arriveEnd();
  await turn();
  assert.deepEqual(closed, [1001]);
  assert.equal(clock.pending, 0);
});

test("a peer that does not answer a close is cut off at the limit", async () => {
  const { socket, connection, closed, clock } = connect();
  connection.close(1000, "");
  clock.advance(LIMITS.wsCloseMs - 1);
  assert.equal(socket.destroyed, false);
  clock.advance(1);
  assert.equal(socket.destroyed, true);
  await turn();
  assert.deepEqual(closed, [1000]);
});

for (const [code, answered, told] of [[1000, 1000, 1000], [4002, 4002, 4002], [null, null, 1005]] as const) {
  test(`a peer's close with ${code} is answered in kind, and TCP is ended`, async () => {
    const { socket, connection, closed } = connect();
    connection.sendText("before");
    socket.arrive(close(code, "bye"), text("after"));
    await turn();
    assert.deepEqual(socket.said(), [["text", "before"], ["close", answered, ""]]);
    assert.equal(socket.finished, true);
    assert.equal(connection.open, false);
    socket.arriveEnd();
    await turn();
    assert.deepEqual(closed, [told]);
  });
}

for (const [name, bytes, code] of [
  ["binary", frame(OPCODE.binary, "x"), 1003],
  ["an unmasked frame", encodeTextFrame("x"), 1002],
  ["bad UTF-8", encodeFrame(OPCODE.text, Buffer.from([0xff]), MASKED), 1007],
  ["a message of one byte too many", text("x".repeat(LIMITS.wsMessageBytesMax + 1)).subarray(0, 14), 1009],
] as const) {
  test(`${name} is answered with ${code}, and what still comes is read and dropped`, async () => {
    const { socket, closed, messages } = connect();
    socket.arrive(text("good"), bytes);
    await turn();
    socket.arrive(text("after"), Buffer.alloc(100_000, 0xff));
    await turn();
    const said = socket.said();
    assert.equal(said.length, 1);
    assert.deepEqual(said[0]?.slice(0, 2), ["close", code]);
    assert.equal(socket.finished, true);
    assert.equal(socket.readableLength, 0);
    assert.deepEqual(messages, ["good"]);
    socket.arriveEnd();
    await turn();
    assert.deepEqual(closed, [code]);
  });
}

test("a message of exactly the limit is taken", async () => {
  const { socket, messages } = connect();
  socket.arrive(text("x".repeat(LIMITS.wsMessageBytesMax)));
  await turn();
  assert.equal(messages[0]?.length, LIMITS.wsMessageBytesMax);
});

test("a violation while closing sends no second close frame", async () => {
  const { socket, connection, closed } = connect();
  connection.close(1001, "");
  socket.arrive(encodeTextFrame("unmasked"));
  await turn();
  assert.deepEqual(socket.said(), [["close", 1001, ""]]);
  assert.equal(socket.finished, true);
  socket.arriveEnd();
  await turn();
  assert.deepEqual(closed, [1001]);
});

test("a peer that goes without a close frame is 1006; one that goes after ours ends in order", async () => {
  const gone = connect();
  gone.socket.arriveEnd();
  await turn();
  assert.deepEqual(gone.closed, [1006]);

  const after = connect();
  after.connection.close(1001, "");
  after.socket.arriveEnd();
  await turn();
  assert.equal(after.socket.finished, true);
  assert.deepEqual(after.closed, [1001]);
});

test("an error of the socket is the end of the connection and of nothing else", async () => {
  const { socket, connection, closed } = connect();
  socket.destroy(new Error("ECONNRESET"));
  connection.sendText("into the void");
  await turn();
  assert.deepEqual(closed, [1006]);
  connection.sendText("still");
  connection.close(1000, "");
  assert.equal(connection.open, false);
});

test("a socket that went during the handshake is told of all the same, once", async () => {
  const socket = new HeldSocket();
  socket.destroy();
  await turn();
  const { closed } = connect({ socket, head: text("x") });
  assert.deepEqual(closed, []);
  await turn();
  assert.deepEqual(closed, [1006]);
});

test("a handler's bug is its caller's, and ends the connection, which would hear nothing more", () => {
  const socket = new HeldSocket();
  createWsConnection({
    socket, head: Buffer.alloc(0), clock: createManualClock(),
    handlers: { text: () => { throw new RangeError("a bug"); }, closed: () => undefined },
  });
  assert.throws(() => socket.emit("data", text("x")), RangeError);
  assert.equal(socket.writableCorked, 0);
  assert.deepEqual(socket.said().map(([kind, code]) => [kind, code]), [["close", 1011]]);
});
