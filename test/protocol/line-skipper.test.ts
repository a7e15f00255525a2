// Lines of a stream that is read to its end: those that are too long are left out, the others come whole.
// The input is cut at every byte, as for every decoder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLineSkipper } from "../../src/protocol/line-skipper.ts";

function read(chunks: readonly (string | Buffer)[], lineBytesMax = 5): { lines: string[]; skipped: number } {
  const seen = { lines: [] as string[], skipped: 0 };
  const skipper = createLineSkipper({
    lineBytesMax,
    onLine: (text) => seen.lines.push(text),
    onSkipped: () => (seen.skipped += 1),
  });
  for (const chunk of chunks) skipper.push(Buffer.from(chunk));
  skipper.end();
  return seen;
}

test("the same comes wherever the input is cut", () => {
  const text = Buffer.from("ab\n123456\ncd\r\n12345\n\nxxxxxxxxxxxx\nlast");
  const whole = { lines: ["ab", "cd", "12345", "last"], skipped: 2 };
  assert.deepEqual(read([text]), whole);
  for (let at = 0; at <= text.length; at += 1) assert.deepEqual(read([text.subarray(0, at), text.subarray(at)]), whole);
  assert.deepEqual(read([...text].map((byte) => Buffer.from([byte]))), whole);
});

test("the limit counts bytes without the newline, on both sides", () => {
  assert.deepEqual(read(["12345\n"]), { lines: ["12345"], skipped: 0 });
  assert.deepEqual(read(["123456\n"]), { lines: [], skipped: 1 });
  assert.deepEqual(read(["1234", "5"]), { lines: ["12345"], skipped: 0 });
  assert.deepEqual(read(["1234", "56"]), { lines: [], skipped: 1 });
  assert.deepEqual(read(["ä€", "\n"]), { lines: ["ä€"], skipped: 0 });
});

test("a skipped line is told once, however long it is, and what follows it is read", () => {
  assert.deepEqual(read(["1234567", "89", "0", "\nab\n"]), { lines: ["ab"], skipped: 1 });
  assert.deepEqual(read(["1234567", "89"]), { lines: [], skipped: 1 });
});
