// What goes straight to the socket, what waits before it, and what of it can be given up.
//
// The bounds of one connection are met to the byte in ws-connection-slow.test.ts; the socket is a HeldSocket.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LIMITS } from "../../src/core/limits.ts";
import { HeldBytes } from "../../src/http/held-bytes.ts";
import { Outbox } from "../../src/http/outbox.ts";
import { HeldSocket } from "../support/held-socket.ts";
import { createManualClock } from "../support/manual-clock.ts";

const GIVEN = LIMITS.streamGivenBytes;

function open(heldBytesMax: number = LIMITS.streamsHeldBytesMax) {
  const clock = createManualClock();
  const socket = new HeldSocket();
  const held = new HeldBytes(heldBytesMax);
  let gaveWay = 0;
  const outbox: Outbox = new Outbox({
    outlet: socket, clock, limits: LIMITS, held,
    giveWay() {
      gaveWay += 1;
      outbox.gone();
    },
  });
  return { clock, socket, held, outbox, gaveWay: () => gaveWay };
}

test("a reader that keeps up costs no book-keeping", () => {
  const { socket, held, outbox } = open();
  for (let i = 0; i < 100; i += 1) assert.equal(outbox.write(Buffer.alloc(GIVEN)), true);
  assert.deepEqual([socket.takenBytes, held.bytes, outbox.bufferedBytes], [100 * GIVEN, 0, 0]);
});

test("of what waits the socket gets its bound and no byte more", async () => {
  const { socket, held, outbox } = open();
  socket.holding = true;
  for (const bytes of [GIVEN - 1, 1, 1]) outbox.write(Buffer.alloc(bytes));
  assert.deepEqual([socket.writableLength, outbox.bufferedBytes, held.bytes], [GIVEN, GIVEN + 1, GIVEN + 1]);
  socket.takeAll();
  await turn();
  assert.deepEqual([socket.takenBytes, outbox.bufferedBytes, held.bytes], [GIVEN + 1, 0, 0]);
});

test("what waits goes out in order, in pieces of the bound, larger ones by themselves", async () => {
  const { socket, held, outbox } = open();
  socket.holding = true;
  const sizes = [1, GIVEN, GIVEN + 1, 5, GIVEN - 5, 1];
  for (const [i, bytes] of sizes.entries()) outbox.write(Buffer.alloc(bytes, i));
  const waiting: number[] = [];
  while (outbox.bufferedBytes > 0) {
    waiting.push(socket.writableLength);
    for (const before = outbox.bufferedBytes - socket.writableLength; outbox.bufferedBytes > before;) socket.takeOne();
    await turn();
  }
  assert.deepEqual(waiting, [1, GIVEN, GIVEN + 1, GIVEN, 1]);
  assert.equal(socket.takenBytes, sizes.reduce((sum, bytes) => sum + bytes));
  assert.equal(held.bytes, 0);
});

test("drop gives up what the socket has not got; end gives it all of it", async () => {
  for (const how of ["drop", "end"] as const) {
    const { socket, held, outbox } = open();
    socket.holding = true;
    outbox.write(Buffer.alloc(1000));
    outbox.write(Buffer.alloc(GIVEN));
    const drained = outbox.drained();
    outbox[how]();
    await drained;
    assert.equal(outbox.write(Buffer.alloc(1)), true, "nothing is taken any more, and that is nobody's fault");
    const left = how === "drop" ? 1000 : 1000 + GIVEN;
    assert.deepEqual([socket.writableLength, outbox.bufferedBytes, held.bytes], [left, left, left]);
    outbox.gone();
    assert.equal(held.bytes, 0);
  }
});

test("who is stuck for the longest time gives way to the others, not who holds the most", async () => {
  const clock = createManualClock();
  const held = new HeldBytes(3000);
  const left: string[] = [];
  const create = (name: string): { socket: HeldSocket; outbox: Outbox } => {
    const socket = new HeldSocket();
    socket.holding = true;
    const outbox: Outbox = new Outbox({
      outlet: socket, clock, limits: LIMITS, held,
      giveWay() {
        left.push(name);
        outbox.gone();
      },
    });
    return { socket, outbox };
  };
  const [slow, quick] = [create("slow"), create("quick")];
  quick.outbox.write(Buffer.alloc(900));
  clock.advance(1);
  slow.outbox.write(Buffer.alloc(100));
  quick.outbox.write(Buffer.alloc(1900));
  clock.advance(1);
  for (let i = 0; i < 2; i += 1) quick.socket.takeOne();
  await turn();
  quick.outbox.write(Buffer.alloc(2900));
  assert.deepEqual([left, held.bytes], [[], 3000]);
  quick.outbox.write(Buffer.alloc(1));
  assert.deepEqual(left, ["slow"]);
});

test("where much is held together, one that has stopped below the soft bound is too slow as well", () => {
  const drained = LIMITS.streamDrainedBytes;
  for (const [bytes, heldBytesMax, isSlow] of [
    [drained + 1, 2 * drained, true], [drained, 2 * drained - 1, false], [drained + 1, 2 * drained + 2, false],
  ] as const) {
    const { clock, socket, outbox } = open(heldBytesMax);
    socket.holding = true;
    outbox.write(Buffer.alloc(bytes));
    assert.deepEqual([outbox.congested, outbox.isTooSlow(null)], [isSlow, false]);
    clock.advance(LIMITS.streamSoftMs - 1);
    assert.equal(outbox.isTooSlow(null), false);
    clock.advance(1);
    assert.equal(outbox.isTooSlow(null), isSlow, `${bytes} of ${heldBytesMax}`);
  }
});

test("one alone that would hold more than all may gives way itself", () => {
  const { socket, outbox, held, gaveWay } = open(1000);
  socket.holding = true;
  outbox.write(Buffer.alloc(1000));
  assert.equal(gaveWay(), 0);
  outbox.write(Buffer.alloc(1));
  assert.deepEqual([gaveWay(), held.bytes], [1, 0]);
});

test("while all readers together hold much, each is sent to the journal sooner", () => {
  const { socket, outbox } = open(2 * (LIMITS.streamDrainedBytes + 1));
  socket.holding = true;
  outbox.write(Buffer.alloc(LIMITS.streamDrainedBytes + 1));
  assert.equal(outbox.congested, false);
  outbox.write(Buffer.alloc(1));
  assert.equal(outbox.congested, true);
  const roomy = open();
  roomy.socket.holding = true;
  roomy.outbox.write(Buffer.alloc(LIMITS.streamSoftBytes));
  assert.equal(roomy.outbox.congested, false);
  roomy.outbox.write(Buffer.alloc(1));
  assert.equal(roomy.outbox.congested, true);
});
