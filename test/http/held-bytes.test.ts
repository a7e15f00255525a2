// The bound over all readers: what counts, what counts once, and who goes first.
//
// The holders are doubles that let go at once; real ones are in outbox.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldBytes, type Holder } from "../../src/http/held-bytes.ts";

/** One that lets go of everything at once. */
function createHolder(held: HeldBytes, stuckSinceMs: number) {
  const buffers: Buffer[] = [];
  const holder: Holder & { gaveWay: number; hold(bytes: Buffer): void; release(bytes: Buffer): void } = {
    stuckSinceMs,
    gaveWay: 0,
    hold(bytes) {
      buffers.push(bytes);
      held.hold(holder, bytes);
    },
    release(bytes) {
      buffers.splice(buffers.indexOf(bytes), 1);
      held.release(holder, bytes);
    },
    giveWay() {
      holder.gaveWay += 1;
      for (const bytes of buffers.splice(0)) held.release(holder, bytes);
    },
  };
  return holder;
}

test("at the bound nobody goes; one byte more takes whoever has been stuck for the longest time", () => {
  const held = new HeldBytes(1000);
  const [late, early, newest] = [createHolder(held, 20), createHolder(held, 10), createHolder(held, 30)];
  late.hold(Buffer.alloc(600));
  early.hold(Buffer.alloc(400));
  assert.deepEqual([held.bytes, late.gaveWay, early.gaveWay], [1000, 0, 0]);
  newest.hold(Buffer.alloc(1));
  assert.deepEqual([held.bytes, late.gaveWay, early.gaveWay, newest.gaveWay], [601, 0, 1, 0]);
});

test("a buffer that many wait for counts once, until the last has let it go", () => {
  const held = new HeldBytes(1000);
  const shared = Buffer.alloc(1000);
  const holders = [1, 2, 3].map((since) => createHolder(held, since));
  for (const holder of holders) holder.hold(shared);
  assert.equal(held.bytes, 1000);
  for (const holder of holders) {
    assert.equal(held.bytes, 1000);
    holder.release(shared);
  }
  assert.deepEqual([held.bytes, ...holders.map(({ gaveWay }) => gaveWay)], [0, 0, 0, 0]);
});

test("as many go as it takes, and the last to come when it alone is too much", () => {
  const held = new HeldBytes(1000);
  const [first, second] = [createHolder(held, 1), createHolder(held, 2)];
  first.hold(Buffer.alloc(500));
  second.hold(Buffer.alloc(500));
  const third = createHolder(held, 3);
  third.hold(Buffer.alloc(900));
  assert.deepEqual([held.bytes, first.gaveWay, second.gaveWay, third.gaveWay], [900, 1, 1, 0]);
  third.hold(Buffer.alloc(101));
  assert.deepEqual([held.bytes, third.gaveWay], [0, 1]);
});

test("it is tight from the first byte above one half", () => {
  const held = new HeldBytes(1000);
  const holder = createHolder(held, 1);
  holder.hold(Buffer.alloc(500));
  assert.equal(held.isTight, false);
  holder.hold(Buffer.alloc(1));
  assert.equal(held.isTight, true);
});
