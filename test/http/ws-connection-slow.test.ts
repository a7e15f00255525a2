// The slow reader: both bounds from both sides, what waits for a drain, and pings whose pongs nobody takes.
//
// Every size is met to the byte, because a HeldSocket takes nothing until the test lets it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LIMITS } from "../../src/core/limits.ts";
import { createWsConnection } from "../../src/http/ws-connection.ts";
import { encodeFrame, encodeTextFrame, frameHeaderBytes, OPCODE } from "../../src/protocol/ws-frame.ts";
import { HeldSocket } from "../support/held-socket.ts";
import { createManualClock } from "../support/manual-clock.ts";

const SOFT = LIMITS.streamSoftBytes;
const HARD = LIMITS.streamHardBytes;

/** One frame of exactly `bytes` bytes, its header among them. */
function framed(bytes: number): Buffer {
  const payloadBytes = [2, 4, 10].map((head) => bytes - head).find((rest) => frameHeaderBytes(rest) === bytes - rest);
  const frame = encodeFrame(OPCODE.text, Buffer.alloc(payloadBytes ?? 0, "x"));
  assert.equal(frame.length, bytes);
  return frame;
}

function connect() {
  const clock = createManualClock();
  const socket = new HeldSocket();
  socket.holding = true;
  const closed: number[] = [];
  const connection = createWsConnection({
    socket, head: Buffer.alloc(0), clock,
    handlers: { text: () => undefined, closed: (code) => void closed.push(code) },
  });
  return { socket, clock, connection, closed };
}

test("what is at the soft bound may wait for ever; nothing is said of it", () => {
  const { connection, clock } = connect();
  connection.sendFrames(framed(SOFT));
  for (let i = 0; i < 3; i += 1) {
    clock.advance(LIMITS.streamSoftMs);
    connection.sendFrames(Buffer.alloc(0));
  }
  assert.equal(connection.open, true);
});

for (const [name, act] of [
  ["the tick", (connection, nowMs) => void connection.tick(nowMs)],
  ["the next message", (connection) => connection.sendText("x")],
] as ReadonlyArray<readonly [string, (connection: ReturnType<typeof connect>["connection"], nowMs: number) => void]>) {
  test(`one byte above the soft bound has ten seconds, and ${name} ends it`, async () => {
    const { connection, clock, socket } = connect();
    connection.sendFrames(framed(SOFT + 1));
    clock.advance(LIMITS.streamSoftMs - 1);
    act(connection, clock.monotonic());
    assert.equal(connection.open, true);
    clock.advance(1);
    act(connection, clock.monotonic());
    assert.equal(connection.open, false);
    socket.takeAll();
    await turn();
    assert.deepEqual(socket.said().at(-1), ["close", 1013, "slow_consumer"]);
  });
}

test("a reader that comes below the soft bound in between has its ten seconds anew", async () => {
  const { connection, clock, socket } = connect();
  connection.sendFrames(framed(SOFT));
  connection.sendFrames(framed(2));
  clock.advance(LIMITS.streamSoftMs - 1);
  socket.takeOne();
  await turn();
  connection.sendFrames(framed(SOFT));
  clock.advance(LIMITS.streamSoftMs - 1);
  connection.tick(clock.monotonic());
  assert.equal(connection.open, true);
  clock.advance(1);
  connection.tick(clock.monotonic());
  assert.equal(connection.open, false);
});

test("one that stops between the bounds, having been above, has ten seconds from what it took last", async () => {
  const { connection, clock, socket } = connect();
  for (const bytes of [2, SOFT - 2, 2]) connection.sendFrames(framed(bytes));
  clock.advance(LIMITS.streamSoftMs - 1);
  socket.takeOne();
  await turn();
  assert.equal(connection.bufferedBytes, SOFT);
  clock.advance(LIMITS.streamSoftMs - 1);
  connection.tick(clock.monotonic());
  assert.equal(connection.open, true);
  clock.advance(1);
  connection.tick(clock.monotonic());
  assert.equal(connection.open, false);
});

test("one that is silent with something before it does not read, and is told so; else it has gone", async () => {
  for (const bytes of [LIMITS.streamDrainedBytes, 0]) {
    const { connection, clock, socket } = connect();
    if (bytes > 0) connection.sendFrames(framed(bytes));
    for (let ms = 0; ms < 2 * LIMITS.wsPingMs; ms += LIMITS.wsTickMs) {
      assert.deepEqual([connection.open, socket.destroyed], [true, false]);
      clock.advance(LIMITS.wsTickMs);
      connection.tick(clock.monotonic());
    }
    assert.deepEqual([connection.open, socket.destroyed], bytes > 0 ? [false, false] : [true, true]);
  }
});

test("at the hard bound nothing happens; one byte more is not sent, and is the end", async () => {
  const { connection, clock, socket, closed } = connect();
  connection.sendFrames(framed(HARD - 100));
  connection.sendFrames(framed(100));
  assert.equal(connection.bufferedBytes, HARD);
  assert.equal(connection.open, true);
  connection.sendFrames(framed(2));
  assert.equal(connection.open, false);
  connection.sendText("nothing more");
  socket.takeAll();
  await turn();
  assert.deepEqual(socket.said().map(([kind]) => kind), ["text", "close"], "what the socket has not got is given up");
  assert.deepEqual(socket.said()[1], ["close", 1013, "slow_consumer"]);
  clock.advance(LIMITS.wsSlowCloseMs - 1);
  connection.tick(clock.monotonic());
  assert.equal(socket.destroyed, false, "it has time to read why, however long it has been silent");
  clock.advance(1);
  await turn();
  assert.deepEqual(closed, [1013]);
});

test("a message above the hard bound passes alone, and what queues behind it is measured without it", async () => {
  const { connection, socket } = connect();
  connection.sendFrames(framed(HARD + 1));
  connection.sendFrames(framed(HARD));
  assert.equal(connection.open, true);
  socket.takeOne();
  await turn();
  assert.equal(connection.bufferedBytes, HARD);
  connection.sendFrames(framed(2));
  assert.equal(connection.open, false);
});

test("a message above the hard bound behind another one is the end", () => {
  const { connection, socket } = connect();
  connection.sendFrames(framed(2));
  connection.sendFrames(framed(HARD + 1));
  assert.equal(connection.open, false);
  assert.equal(socket.takenBytes, 0);
});

test("an earlier write that is told of late does not end an oversize message's leave", async () => {
  const { connection, socket } = connect();
  socket.holding = false;
  connection.sendFrames(framed(2));
  socket.holding = true;
  connection.sendFrames(framed(HARD + 1));
  await turn();
  connection.sendFrames(framed(100));
  assert.equal(connection.open, true);
});

test("drained waits until less than its bound is left", async () => {
  const { connection, socket } = connect();
  await connection.drained();
  connection.sendFrames(framed(10));
  connection.sendFrames(framed(LIMITS.streamDrainedBytes - 1));
  let drained = false;
  const waiting = connection.drained().then(() => void (drained = true));
  await turn();
  assert.equal(drained, false);
  socket.takeOne();
  await waiting;
  assert.equal(connection.bufferedBytes, LIMITS.streamDrainedBytes - 1);
  await connection.drained();
});

test("drained does not outlive the connection, however it ends", async () => {
  for (const end of ["close", "error", "hard bound"] as const) {
    const { connection, socket } = connect();
    connection.sendFrames(framed(LIMITS.streamDrainedBytes));
    const waiting = connection.drained();
    if (end === "close") connection.close(1000, "");
    else if (end === "error") socket.destroy(new Error("gone"));
    else connection.sendFrames(framed(HARD));
    await waiting;
    await connection.drained();
    assert.equal(connection.open, false);
  }
});

const PING = encodeFrame(OPCODE.ping, Buffer.from("p"), { maskKey: 5 });

test("a peer that takes no pongs is not read from until it has taken half of them", async () => {
  const { socket, connection } = connect();
  socket.arrive(...Array.from({ length: LIMITS.wsPongsWaitingMax - 1 }, () => PING));
  await turn();
  assert.equal(socket.isPaused(), false);
  socket.arrive(PING);
  await turn();
  assert.equal(socket.isPaused(), true);
  socket.arrive(...Array.from({ length: 10 }, () => PING));
  await turn();
  const waiting = connection.bufferedBytes;
  assert.equal(waiting, LIMITS.wsPongsWaitingMax * 3, "what came meanwhile has not been read");
  for (let i = 1; i < LIMITS.wsPongsWaitingMax / 2; i += 1) socket.takeOne();
  await turn();
  assert.equal(socket.isPaused(), true);
  socket.takeOne();
  await turn();
  assert.equal(socket.isPaused(), false);
  socket.takeAll();
  await turn();
  assert.equal(socket.said().length, LIMITS.wsPongsWaitingMax + 10);
});

test("a peer that is not read from can still be closed in order", async () => {
  const { socket, connection, closed } = connect();
  socket.arrive(...Array.from({ length: LIMITS.wsPongsWaitingMax }, () => PING));
  await turn();
  assert.equal(socket.isPaused(), true);
  socket.arrive(encodeFrame(OPCODE.close, Buffer.alloc(0), { maskKey: 1 }));
  connection.close(1001, "");
  socket.takeAll();
  await turn();
  assert.equal(socket.finished, true);
  socket.arriveEnd();
  await turn();
  assert.deepEqual(closed, [1001]);
});

test("one that was cut off is not waited for when the server stops", async () => {
  const { connection, clock, socket, closed } = connect();
  connection.sendFrames(framed(2));
  connection.cutOff();
  clock.advance(LIMITS.wsCloseMs);
  assert.equal(socket.destroyed, false);
  for (let i = 0; i < 2; i += 1) connection.close(1001, "");
  clock.advance(LIMITS.wsCloseMs);
  await turn();
  assert.deepEqual(closed, [1013]);
});

test("shared frames reach every connection as they are", () => {
  const frames = Buffer.concat([encodeTextFrame("one"), encodeTextFrame("two")]);
  const before = Buffer.from(frames);
  const readers = [connect(), connect()];
  for (const { connection, socket } of readers) {
    connection.sendFrames(frames);
    socket.takeAll();
    assert.deepEqual(socket.said(), [["text", "one"], ["text", "two"]]);
  }
  assert.ok(frames.equals(before));
});
