// Masking by words does what masking by bytes does, at every length, alignment and phase.
// The yardstick is the definition in RFC 6455 §5.3, a byte at a time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { applyMask, createMaskSource } from "../../src/protocol/ws-mask.ts";

const KEY = 0x37fa213d;
const KEY_BYTES = [0x37, 0xfa, 0x21, 0x3d];

test("RFC 6455 §5.7: Hello, masked", () => {
  const bytes = Buffer.from("7f9f4d5158", "hex");
  applyMask(bytes, KEY, 0);
  assert.equal(bytes.toString(), "Hello");
});

test("every length around the border of words, alignment and phase", () => {
  for (const length of [0, 1, 7, 8, 127, 128, 129, 135, 136, 200, 1000]) {
    for (let offset = 0; offset < 9; offset += 1) {
      for (let phase = 0; phase < 5; phase += 1) {
        const slab = Buffer.alloc(length + offset + 9, 0x55);
        applyMask(slab.subarray(offset, offset + length), KEY, phase);
        const wanted = Buffer.alloc(slab.length, 0x55);
        for (let i = 0; i < length; i += 1) wanted[offset + i] = 0x55 ^ (KEY_BYTES[(phase + i) % 4] ?? 0);
        assert.ok(slab.equals(wanted), `length ${length}, offset ${offset}, phase ${phase}`);
      }
    }
  }
});

test("keys come from a pool that is filled anew when it is used up", () => {
  let fills = 0;
  const next = createMaskSource((pool) => {
    fills += 1;
    new Uint32Array(pool.buffer).forEach((_, i, words) => void (words[i] = fills * 10_000 + i));
  });
  const keys = Array.from({ length: 1025 }, next);
  assert.equal(new Set(keys).size, 1025);
  assert.equal(keys[0], 10_000);
  assert.equal(keys[1024], 20_000);
  assert.equal(fills, 2);
});
