// The block doubles, stays within its limit, and is given back when it was large.
// Not the uses of it: lines and messages have their own tests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createByteStore } from "../../src/protocol/byte-store.ts";

test("what was added comes back in order, and after a clear only what was added since", () => {
  const store = createByteStore(100);
  store.append(Buffer.from("ab"));
  store.append(Buffer.from("c"));
  assert.equal(store.bytes().toString(), "abc");
  assert.equal(store.length, 3);
  store.clear();
  assert.equal(store.length, 0);
  store.append(Buffer.from("d"));
  assert.equal(store.bytes().toString(), "d");
});

test("ten thousand single bytes pin at most twice what they are", () => {
  const store = createByteStore(1_000_000);
  for (let i = 0; i < 10_000; i += 1) store.append(Buffer.from([i & 255]));
  assert.equal(store.length, 10_000);
  assert.ok(store.pinnedBytes <= 20_000, `${store.pinnedBytes} bytes`);
  assert.ok(store.bytes().every((byte, i) => byte === (i & 255)));
});

test("the block never grows beyond the limit, which can be filled to its last byte", () => {
  const store = createByteStore(3000);
  for (let i = 0; i < 3000; i += 1) store.append(Buffer.from([1]));
  assert.equal(store.pinnedBytes, 3000);
  assert.throws(() => store.append(Buffer.from([1])), /more than it may/);
});

test("a small block is kept for reuse, a large one is not", () => {
  const store = createByteStore(1_000_000);
  store.append(Buffer.alloc(64 * 1024));
  store.clear();
  assert.equal(store.pinnedBytes, 64 * 1024);
  store.append(Buffer.alloc(64 * 1024 + 1));
  store.clear();
  assert.equal(store.pinnedBytes, 0);
});

test("what is known to come is made room for at once, but never twice what has come", () => {
  const store = createByteStore(1_000_000);
  store.append(Buffer.alloc(60_000, 1), 5536);
  assert.equal(store.pinnedBytes, 65_536);
  store.append(Buffer.alloc(5536, 2));
  assert.equal(store.pinnedBytes, 65_536);
  const claimed = createByteStore(1_000_000);
  claimed.append(Buffer.alloc(2000), 900_000);
  assert.equal(claimed.pinnedBytes, 2000);
  for (let i = 0; i < 1000; i += 1) claimed.append(Buffer.alloc(1), 1);
  assert.equal(claimed.pinnedBytes, 4000, "small hints do not keep it from doubling");
});

test("what is taken is the taker's own, and the store is empty", () => {
  const store = createByteStore(1_000_000);
  for (const size of [0, 10, 1024, 100_000]) {
    store.append(Buffer.alloc(size, 7));
    const taken = store.take();
    assert.equal(store.length, 0);
    store.append(Buffer.alloc(size, 8));
    assert.ok(taken.length === size && taken.every((byte) => byte === 7), String(size));
    // What is short lies in the pool that all short buffers share, which is longer on newer lines of Node.
    assert.ok(taken.buffer.byteLength <= Math.max(2 * size, Buffer.poolSize), "it pins little more than itself");
    store.clear();
  }
});
