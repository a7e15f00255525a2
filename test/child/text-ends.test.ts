// The two ends of a text: what is kept, in how many pieces it may come, and characters that a limit would cut.
// Limits are small here; the real ones are tested with exec-process.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createTextHead, createTextTail, type TextEnd } from "../../src/child/text-ends.ts";

function feed(end: TextEnd, text: string, pieceBytes: number): string {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) end.push(bytes.subarray(at, at + pieceBytes));
  return end.text();
}

test("nothing gives nothing, and what fits is whole", () => {
  for (const create of [createTextHead, createTextTail]) {
    assert.equal(create(4).text(), "");
    assert.equal(feed(create(4), "", 1), "");
    assert.equal(feed(create(4), "abcd", 1), "abcd");
    assert.equal(feed(create(4), "€", 3), "€");
  }
});

test("a head and a tail are the same however the text comes", () => {
  const text = "0123456789abcdefghij";
  for (let piece = 1; piece <= text.length; piece += 1) {
    assert.equal(feed(createTextHead(6), text, piece), "012345");
    assert.equal(feed(createTextTail(6), text, piece), "efghij");
  }
});

test("a character that would be cut is left out", () => {
  const text = "ä€😀".repeat(3);
  const bytes = Buffer.byteLength(text);
  for (let limit = 1; limit <= bytes; limit += 1) {
    for (const piece of [1, 4, bytes]) {
      const head = feed(createTextHead(limit), text, piece);
      const tail = feed(createTextTail(limit), text, piece);
      assert.ok(text.startsWith(head) && Buffer.byteLength(head) > limit - 4, `${limit} ${piece} ${head}`);
      assert.ok(text.endsWith(tail) && Buffer.byteLength(tail) > limit - 4, `${limit} ${piece} ${tail}`);
    }
  }
});

test("bytes that are no text are shown, not lost", () => {
  const end = createTextHead(3);
  end.push(Buffer.from([0xff, 0x80, 0x41, 0x42]));
  assert.equal(end.text(), "\ufffd\ufffdA");
});
