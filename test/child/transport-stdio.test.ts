// Messages over a child's pipes: cut anywhere, mixed with what is no message, and the end told once.
//
// The child is a fake one, so that a test says where its output is cut.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createCodexdAppServerStdioTransport } from "../../src/child/transport-stdio.ts";
import type { Transport } from "../../src/child/transport.ts";
import { createFakeChild, type FakeChild } from "../support/fake-child.ts";

interface Rig {
  readonly child: FakeChild;
  readonly transport: Transport;
  readonly messages: string[];
  readonly closes: Array<string | null>;
}

function rig(lineBytesMax?: number): Rig {
  const child = createFakeChild();
  const transport = createCodexdAppServerStdioTransport(child, lineBytesMax === undefined ? {} : { lineBytesMax });
  const messages: string[] = [];
  const closes: Array<string | null> = [];
  transport.connect({
    onMessage: (text) => messages.push(text),
    onClose: (reason) => closes.push(reason?.message ?? null),
  });
  return { child, transport, messages, closes };
}

test("the same messages come out wherever the bytes are cut", () => {
  const bytes = Buffer.from('{"id":0,"result":"ä€😀"}\r\n\n{"method":"m"}\nnoise\n');
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const { child, messages } = rig();
    child.stdout.say(bytes.subarray(0, cut));
    child.stdout.say(bytes.subarray(cut));
    assert.deepEqual(messages, ['{"id":0,"result":"ä€😀"}', '{"method":"m"}', "noise"], `cut at ${cut}`);
  }
});

test("a child of the user's own may give text in place of bytes", () => {
  const child = createFakeChild();
  const listeners: Array<(chunk: string) => void> = [];
  const stdout = { on: (event: string, listener: never) => event === "data" && listeners.push(listener) };
  const messages: string[] = [];
  const transport = createCodexdAppServerStdioTransport({ ...child, stdout });
  transport.connect({ onMessage: (text) => messages.push(text), onClose: () => undefined });
  for (const chunk of ['{"method":', '"ä"}\n']) listeners[0]?.(chunk);
  assert.deepEqual(messages, ['{"method":"ä"}']);
  transport.pause?.();
  transport.resume?.();
});

test("what is sent arrives on stdin, until the close", () => {
  const { child, transport } = rig();
  transport.send('{"id":1,"method":"a","params":{}}\n');
  assert.deepEqual(child.received, [{ id: 1, method: "a", params: {} }]);
  child.stdout.end();
  transport.send('{"id":2,"method":"b","params":{}}\n');
  assert.equal(child.received.length, 1);
});

test("stdout's end closes it once, after a last line without a newline", () => {
  const { child, messages, closes } = rig();
  child.stdout.say('{"method":"last"}');
  child.stdout.end();
  child.stdout.destroy();
  child.stdout.fail(new Error("too late"));
  assert.deepEqual(messages, ['{"method":"last"}']);
  assert.deepEqual(closes, [null]);
});

test("a pipe that is torn down or fails closes it too, and nothing is read after that", () => {
  const torn = rig();
  torn.child.stdout.destroy();
  torn.child.stdout.say('{"method":"m"}\n');
  torn.child.stdout.end();
  assert.deepEqual([torn.messages, torn.closes], [[], [null]]);
  const failed = rig();
  failed.child.stdout.fail(new Error("EIO"));
  assert.deepEqual(failed.closes, ["EIO"]);
});

test("a line of exactly the limit passes; one byte more ends it, with the reason", () => {
  const { child, messages, closes } = rig(8);
  child.stdout.say("12345678\n");
  assert.deepEqual([messages, closes], [["12345678"], []]);
  child.stdout.say("123456789\nnext\n");
  child.stdout.say("more\n");
  assert.deepEqual(messages, ["12345678"]);
  assert.deepEqual(closes, ["the app-server sent a line of more than 8 bytes"]);
});

test("a line that is too long is left out where its reader can do without it", () => {
  const child = createFakeChild();
  const transport = createCodexdAppServerStdioTransport(child, { lineBytesMax: 8 });
  const seen: string[] = [];
  transport.connect({
    onMessage: (text) => seen.push(text),
    onTooLong: (head) => seen.push(`too long: ${head}`) < 4,
    onClose: (reason) => seen.push(reason?.message ?? "closed"),
  });
  child.stdout.say("123456789\nnext\n987654321");
  child.stdout.say("0\nmore\n123456789\n");
  child.stdout.say("late\n");
  assert.deepEqual(seen, [
    "too long: 123456789", "next", "too long: 987654321", "more", "too long: 123456789",
    "the app-server sent a line of more than 8 bytes",
  ]);
});

test("a message of many megabytes in many chunks is one message", async () => {
  const { child, messages } = rig();
  const text = "é".repeat(4_000_000);
  const line = Buffer.from(`${JSON.stringify({ method: "item/completed", params: { text } })}\n`);
  for (let at = 0; at < line.length; at += 65_536) child.stdout.say(line.subarray(at, at + 65_536));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(messages.length, 1);
  assert.equal(messages[0]?.length, line.length - 4_000_000 - 1);
});

test("an abort in the middle of a chunk: the close is told at once, and the rest of the chunk is not", () => {
  const child = createFakeChild();
  const transport = createCodexdAppServerStdioTransport(child);
  const seen: string[] = [];
  transport.connect({
    onMessage(text) {
      seen.push(text);
      transport.abort();
      seen.push("aborted");
    },
    onClose: () => seen.push("closed"),
  });
  child.stdout.say("one\ntwo\nthree\n");
  child.stdout.say("four\n");
  assert.deepEqual(seen, ["one", "closed", "aborted"]);
  assert.ok(child.stdinEnded);
});

test("a close in order ends stdin and goes on reading", () => {
  const { child, transport, messages, closes } = rig();
  transport.close();
  assert.ok(child.stdinEnded);
  child.stdout.say("still\n");
  assert.deepEqual([messages, closes], [["still"], []]);
});

test("reading pauses and goes on; a broken stdin is no news", () => {
  const { child, transport, messages, closes } = rig();
  transport.pause?.();
  child.stdout.say("one\n");
  assert.deepEqual(messages, []);
  transport.resume?.();
  assert.deepEqual(messages, ["one"]);
  child.failStdin(new Error("EPIPE"));
  assert.deepEqual(closes, []);
});

test("a child that does not stop talking is read on in the next turn of the loop, unless held back", async () => {
  const { child, transport, messages } = rig();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const line = `${"x".repeat(LIMITS.childReadBytesAtOnce / 4 - 1)}\n`;
  for (let n = 0; n < 3; n += 1) child.stdout.say(line);
  assert.equal(child.stdout.paused, false, "below the limit");
  for (let n = 0; n < 4; n += 1) child.stdout.say(line);
  assert.deepEqual([child.stdout.paused, messages.length], [true, 4]);
  transport.resume?.();
  assert.equal(messages.length, 4, "a rest is not cut short");
  await turn();
  assert.deepEqual([child.stdout.paused, messages.length], [false, 7]);
  child.stdout.say(line);
  transport.pause?.();
  await turn();
  assert.equal(child.stdout.paused, true, "whoever asked for the hold ends it");
  transport.resume?.();
  assert.equal(child.stdout.paused, false);
});
