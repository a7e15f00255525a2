// Server-Sent Events: what is written is read back, cut anywhere.
//
// Pure text; the examples of the standard are among them.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createSseParser, SSE_END, sseCursor, sseHead, sseOpening, SseTooLongError, type SseMessage, type SseParser,
} from "../../src/protocol/sse.ts";

const LIMIT = { charsMax: 1000 };

function readAll(text: string, at?: number): { messages: SseMessage[]; parser: SseParser } {
  const parser = createSseParser(LIMIT);
  const pieces = at === undefined ? [text] : [text.slice(0, at), text.slice(at)];
  return { messages: pieces.flatMap((piece) => parser.push(piece)), parser };
}

const WRITTEN = `${sseOpening(1500, 6)}${sseHead(7, "turn.finished")}{"seq":7}${SSE_END}${sseCursor(9)}`;

test("what is written is plain, one field a line", () => {
  assert.equal(WRITTEN, 'retry: 1500\nid: 6\n\nid: 7\nevent: turn.finished\ndata: {"seq":7}\n\nid: 9\n\n');
});

test("what is written is read back, wherever it is cut", () => {
  for (let at = 0; at <= WRITTEN.length; at += 1) {
    const { messages, parser } = readAll(WRITTEN, at);
    assert.deepEqual(messages, [{ id: "7", type: "turn.finished", data: '{"seq":7}' }]);
    assert.deepEqual([parser.lastEventId, parser.retryMs], ["9", 1500]);
  }
});

test("a cursor moves the place and fires nothing; what has no blank line yet moves nothing", () => {
  const { messages, parser } = readAll("id: 3\n\nid: 4\ndata: x\n");
  assert.deepEqual([messages, parser.lastEventId], [[], "3"]);
  assert.deepEqual(parser.push("\n"), [{ id: "4", type: "message", data: "x" }]);
  assert.equal(parser.lastEventId, "4");
});

test("each of the three line ends is one, wherever it is cut", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = ["data: a", "data: b", "", "data", "", "x"].join(end);
    for (let at = 0; at <= text.length; at += 1) {
      assert.deepEqual(readAll(text, at).messages.map(({ data }) => data), ["a\nb", ""], JSON.stringify([end, at]));
    }
  }
});

test("comments, unknown fields, bad retries and ids with NUL are left out; one space is no part of a value", () => {
  const text = "\uFEFF: hello\nunknown: 1\nretry: soon\nid: a\nid: b\0c\ndata:x\ndata:  y\nevent\n\n";
  const { messages, parser } = readAll(text);
  assert.deepEqual(messages, [{ id: "a", type: "message", data: "x\n y" }]);
  assert.equal(parser.retryMs, null);
  assert.deepEqual(parser.push(""), []);
});

test("the name of an event is for that event only, the id for all that follow", () => {
  const { messages } = readAll("id: 1\nevent: a\ndata: x\n\ndata: y\n\n");
  assert.deepEqual(messages.map(({ id, type }) => [id, type]), [["1", "a"], ["1", "message"]]);
});

test("an event may have as many characters as the limit, and not one more, however it comes", () => {
  const fits = `data: ${"x".repeat(LIMIT.charsMax - "data: ".length)}`;
  assert.equal(readAll(`${fits}\n\n`).messages.length, 1);
  assert.throws(() => readAll(`${fits}x\n\n`), SseTooLongError);
  assert.throws(() => readAll(`${fits}x`), SseTooLongError);
  assert.throws(() => readAll("data: 12345\n".repeat(100)), SseTooLongError);
  const parser = createSseParser(LIMIT);
  for (let i = 0; i < 200; i += 1) assert.equal(parser.push("data: 12345\n\n").length, 1);
});
