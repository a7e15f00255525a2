// The checker says the same as a check of the whole, wherever the bytes are cut, and says no at the first bad byte.
// Node's own check of whole buffers is the yardstick.

import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { test } from "node:test";
import { createUtf8Checker } from "../../src/protocol/utf8.ts";

function checkBytewise(bytes: Buffer): { acceptedBytes: number; complete: boolean } {
  const checker = createUtf8Checker();
  for (let i = 0; i < bytes.length; i += 1) {
    if (!checker.accepts(bytes.subarray(i, i + 1))) return { acceptedBytes: i, complete: false };
  }
  return { acceptedBytes: bytes.length, complete: checker.complete };
}

test("valid text is accepted at every cut, and is complete only between characters", () => {
  const bytes = Buffer.from("a\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}z€😀");
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const checker = createUtf8Checker();
    assert.ok(checker.accepts(bytes.subarray(0, cut)), `cut at ${cut}`);
    assert.equal(checker.complete, isUtf8(bytes.subarray(0, cut)), `cut at ${cut}`);
    assert.ok(checker.accepts(bytes.subarray(cut)), `cut at ${cut}`);
    assert.ok(checker.complete);
  }
  assert.deepEqual(checkBytewise(bytes), { acceptedBytes: bytes.length, complete: true });
});

/** The bytes in hex, and how many of them still can become UTF-8. */
const INVALID: ReadonlyArray<readonly [string, number]> = [
  ["80", 0], ["bf", 0], ["c0", 0], ["c1bf", 0], ["f5", 0], ["ff", 0], ["6180", 1],
  ["c241", 1], ["c2c2", 1], ["e0", 1], ["e080", 1], ["e09fbf", 1], ["e28241", 2], ["e2c2", 1],
  ["eda080", 1], ["edbfbf", 1], ["f08080", 1], ["f08fbfbf", 1], ["f0908041", 3], ["f490", 1], ["f48fbfc0", 3],
  ["f09f98", 3], ["e282", 2], ["c3", 1],
];

for (const [hex, possibleBytes] of INVALID) {
  test(`${hex} is refused after ${possibleBytes} bytes, also when it comes at once`, () => {
    const bytes = Buffer.from(hex, "hex");
    const { acceptedBytes, complete } = checkBytewise(bytes);
    assert.equal(complete, false);
    assert.equal(acceptedBytes, possibleBytes);
    const checker = createUtf8Checker();
    assert.equal(checker.accepts(bytes) && checker.complete, false);
    assert.equal(createUtf8Checker().accepts(bytes), possibleBytes === bytes.length);
  });
}

test("random bytes are judged as a check of the whole judges them, at every cut", () => {
  const alphabet = [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5];
  let seed = 1;
  const random = (bound: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % bound;
  };
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(Array.from({ length: 1 + random(6) }, () => alphabet[random(alphabet.length)] ?? 0));
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const checker = createUtf8Checker();
      const valid = checker.accepts(bytes.subarray(0, cut)) && checker.accepts(bytes.subarray(cut)) && checker.complete;
      assert.equal(valid, isUtf8(bytes), `${bytes.toString("hex")} cut at ${cut}`);
    }
  }
});
