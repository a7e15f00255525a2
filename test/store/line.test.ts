// One line of the journal: its ends, its CRC, and what is not a line.
// Every byte is changed once, and the line cut at every place.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";

import { LIMITS } from "../../src/core/limits.ts";
import {
  endLine, findNewline, isOfNewerLayout, LINE_TAIL_BYTES, parseLine, readSeq, utf8BytesMax, verifyLine,
} from "../../src/store/line.ts";

const EVENT = `{"seq":42,"createdAt":"2026-01-01T00:00:00.000Z","level":"info","type":"t","message":"m","detail":{}`;

function lineOf(text: string): Buffer {
  const bytes = Buffer.alloc(utf8BytesMax(text.length) + LINE_TAIL_BYTES);
  const end = endLine(bytes, 0, bytes.write(text));
  return bytes.subarray(0, end);
}

test("a line ends with the CRC of what stands before it", () => {
  const hex = crc32(EVENT).toString(16).padStart(8, "0");
  assert.equal(lineOf(EVENT).toString(), `${EVENT},"crc":"${hex}"}\n`);
});

test("a CRC with leading zeros keeps its eight digits", () => {
  const found = Array.from({ length: 2000 }, (_, n) => `{"seq":${n},"a":1`).find((text) => crc32(text) < 0x00ffffff);
  assert.ok(found !== undefined);
  const line = lineOf(found);
  assert.match(line.toString(), /"crc":"00[0-9a-f]{6}"\}\n$/);
  assert.equal(verifyLine(line, 0, line.length - 1), Number(/\d+/.exec(found)?.[0]));
});

test("a whole line gives its seq, wherever it stands", () => {
  const line = lineOf(EVENT);
  const padded = Buffer.concat([Buffer.from("{}\n"), line]);
  assert.equal(verifyLine(line, 0, line.length - 1), 42);
  assert.equal(verifyLine(padded, 3, padded.length - 1), 42);
  assert.equal(findNewline(padded, 3), padded.length - 1);
});

test("no byte of a line can change without being noticed", () => {
  const line = lineOf(EVENT);
  for (let at = 0; at < line.length - 1; at++) {
    const broken = Buffer.from(line);
    broken[at] = (broken[at] as number) ^ 0x11;
    assert.equal(verifyLine(broken, 0, line.length - 1), -1, `byte ${at}`);
  }
});

test("a line of a later layout says so before its CRC, and is whole all the same", () => {
  for (const [text, isNewer] of [
    [EVENT, false], [`${EVENT},"put":{"run":{"v":99}}`, false], [`${EVENT},"del":{"run":["v"]}`, false],
    [`${EVENT},"v":3`, true], [`${EVENT},"put":{},"v":12`, true],
  ] as const) {
    const padded = Buffer.concat([Buffer.from("{}\n"), lineOf(text)]);
    assert.equal(verifyLine(padded, 3, padded.length - 1), 42);
    assert.equal(isOfNewerLayout(padded, padded.length - 1), isNewer, text);
  }
});

test("a line that is cut anywhere is not whole", () => {
  const line = lineOf(EVENT);
  for (let end = 0; end < line.length - 1; end++) assert.equal(verifyLine(line, 0, end), -1, `cut at ${end}`);
});

test("only a number of at most sixteen digits with a comma behind it is a seq", () => {
  const seqOf = (text: string): number => readSeq(Buffer.from(text), 0, text.length);
  assert.equal(seqOf('{"seq":7,'), 7);
  assert.equal(seqOf(`{"seq":${LIMITS.seqMax},`), LIMITS.seqMax);
  for (const text of ['{"seq":,', '{"seq":x,', '{"seq":7', '{"seq":7}', '{"set":7,', "", '{"seq":-1,']) {
    assert.equal(seqOf(text), -1, text);
  }
  assert.equal(seqOf(`{"seq":${LIMITS.seqMax + 1},`), -1, "above the limit");
  assert.equal(seqOf('{"seq":12345678901234567,'), -1, "seventeen digits");
});

test("the event's part ends before the store's own, whatever the detail holds", () => {
  const tricky = { text: `é€😀 ,"put":{"x":1},"crc":"00000000"}`, put: { run: 1 }, del: [1], 7: [-0, 1e21, 0.1] };
  const event = EVENT.replace('"detail":{}', `"detail":${JSON.stringify(tricky)}`);
  const put = `,"put":{"run":{"id":"é","n":1}}`;
  const del = `,"del":{"turn":["b"]}`;
  for (const own of ["", put, del, put + del]) {
    const line = lineOf(event + own);
    const parsed = parseLine(line, 0, line.length - 1);
    assert.equal(line.toString("utf8", 0, parsed.eventBytes), event, own);
    assert.deepEqual(parsed.event.detail, JSON.parse(JSON.stringify(tricky)));
    const changes = JSON.parse(`{"none":0${own}}`) as { put?: unknown; del?: unknown };
    assert.deepEqual(parsed.changes, { put: changes.put ?? {}, del: changes.del ?? {} });
  }
});

test("what stands for changes and is none is ignored", () => {
  const line = lineOf(`${EVENT},"put":7,"del":null`);
  assert.deepEqual(parseLine(line, 0, line.length - 1).changes, { put: {}, del: {} });
});
