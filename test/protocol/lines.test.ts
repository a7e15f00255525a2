// Lines out of bytes: the same ones however the bytes are cut, and never more memory than the limit allows.
// Nothing here is about what a line means.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createLineSplitter, type LineSplitter } from "../../src/protocol/lines.ts";

interface Split {
  readonly splitter: LineSplitter;
  readonly lines: string[];
  readonly overflows: number[];
}

function split(lineBytesMax = 1024): Split {
  const lines: string[] = [];
  const overflows: number[] = [];
  const splitter = createLineSplitter({
    lineBytesMax,
    onLine: (text) => lines.push(text),
    onOverflow: (bytes) => void overflows.push(bytes),
  });
  return { splitter, lines, overflows };
}

test("the same lines come out wherever the bytes are cut", () => {
  const bytes = Buffer.from('{"a":"ä€😀"}\r\n\n\r\nplain\n\r\rlast\rone\n{"b":1}\nopen end ä');
  const wanted = ['{"a":"ä€😀"}', "plain", "\r\rlast\rone", '{"b":1}', "open end ä"];
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const { splitter, lines } = split();
    splitter.push(bytes.subarray(0, cut));
    splitter.push(bytes.subarray(cut));
    splitter.end();
    assert.deepEqual(lines, wanted, `cut at ${cut}`);
  }
  const { splitter, lines } = split();
  for (const byte of bytes) splitter.push(Buffer.from([byte]));
  splitter.end();
  assert.deepEqual(lines, wanted);
});

test("a line is given before the push that completes it returns", () => {
  const { splitter, lines } = split();
  splitter.push(Buffer.from("one\ntw"));
  assert.deepEqual(lines, ["one"]);
  splitter.push(Buffer.from("o\n"));
  assert.deepEqual(lines, ["one", "two"]);
  splitter.end();
  assert.deepEqual(lines, ["one", "two"]);
});

test("bytes that are not UTF-8 become U+FFFD and swallow no newline", () => {
  const { splitter, lines } = split();
  splitter.push(Buffer.from([0x61, 0xc3, 0x0a, 0xf0, 0x9f, 0x0a, 0xff, 0x0a, 0x62, 0x0a, 0xe2, 0x82]));
  splitter.end();
  assert.deepEqual(lines, ["a\ufffd", "\ufffd", "\ufffd", "b", "\ufffd"]);
});

test("a byte order mark stays: it is for whoever parses the line to refuse", () => {
  const { splitter, lines } = split();
  splitter.push(Buffer.from("\ufeff{}\n"));
  assert.deepEqual(lines, ["\ufeff{}"]);
});

test("a line of exactly the limit passes, in one chunk, in two, and without a newline", () => {
  const { splitter, lines, overflows } = split(4);
  splitter.push(Buffer.from("abcd\nefgh\n"));
  splitter.push(Buffer.from("ij"));
  splitter.push(Buffer.from("kl\nmnop"));
  splitter.end();
  assert.deepEqual(lines, ["abcd", "efgh", "ijkl", "mnop"]);
  assert.deepEqual(overflows, []);
});

for (const [name, chunks, bytes] of [
  ["in one chunk", ["ok\nabcde\nnext\n"], 5],
  ["in two chunks", ["ok\nabc", "de\nnext\n"], 5],
  ["before its newline has come", ["ok\nab", "cd", "e"], 5],
  ["in one chunk that ends before its newline", ["ok\nabcdef"], 6],
] as const) {
  test(`a line of one byte more ${name} is told once, and nothing follows it`, () => {
    const { splitter, lines, overflows } = split(4);
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    splitter.push(Buffer.from("more\n"));
    splitter.end();
    assert.deepEqual(lines, ["ok"]);
    assert.deepEqual(overflows, [bytes]);
  });
}

test("a line that is too long can be left out, wherever the bytes are cut; what follows it is given", () => {
  const bytes = Buffer.from("ok\nabcdefgh\nnext\nijklm\n\nlast");
  for (let first = 0; first <= bytes.length; first += 1) {
    for (let second = first; second <= bytes.length; second += 1) {
      const lines: string[] = [];
      const heads: string[] = [];
      const splitter = createLineSplitter({
        lineBytesMax: 4,
        onLine: (text) => lines.push(text),
        onOverflow: (length, head) => heads.push(`${length > 4} ${head.subarray(0, 4).toString()}`) > 0,
      });
      for (const part of [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]) {
        splitter.push(part);
      }
      splitter.end();
      assert.deepEqual([lines, heads], [["ok", "next", "last"], ["true abcd", "true ijkl"]], `${first} ${second}`);
    }
  }
});

test("of a line that is too long its beginning is told, and a consumer that stops there gets nothing more", () => {
  const lines: string[] = [];
  const heads: number[] = [];
  const splitter = createLineSplitter({
    lineBytesMax: 1000,
    onLine: (text) => lines.push(text),
    onOverflow(_bytes, head) {
      heads.push(head.length);
      splitter.stop();
      return true;
    },
  });
  splitter.push(Buffer.from("x".repeat(200)));
  splitter.push(Buffer.from(`${"x".repeat(900)}\nnext\n`));
  assert.deepEqual([lines, heads], [[], [LIMITS.lineHeadBytes]]);
});

test("a line of megabytes in hundreds of chunks comes out whole", () => {
  const text = `{"text":"${"xé".repeat(2_000_000)}"}`;
  const bytes = Buffer.from(`first\n${text}\nlast\n`);
  const { splitter, lines } = split(16 * 1024 * 1024);
  for (let at = 0; at < bytes.length; at += 65_536) splitter.push(bytes.subarray(at, at + 65_536));
  assert.equal(lines.length, 3);
  assert.equal(lines[1], text);
  assert.equal(lines[2], "last");
});

for (const [name, lineBytesMax, chunks] of [
  ["from the middle of a chunk", 1024, ["one\ntwo\nthree\n"]],
  ["from a chunk longer than the limit", 8, ["one\ntwo\nthree\n"]],
  ["from a line that an earlier chunk began", 1024, ["o", "ne\ntwo\n"]],
] as const) {
  test(`a consumer that stops gets nothing more ${name}`, () => {
    const lines: string[] = [];
    const splitter = createLineSplitter({
      lineBytesMax,
      onLine(text) {
        lines.push(text);
        splitter.stop();
      },
      onOverflow: () => assert.fail("no line is too long"),
    });
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    splitter.push(Buffer.from("four\n"));
    splitter.end();
    assert.deepEqual(lines, ["one"]);
  });
}
