// Batches as frames, lines and Server-Sent Events.
//
// Frames are read back with the protocol's own receiver.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventFrames, eventLines, eventMessages } from "../../src/http/event-frames.ts";
import { createWsReceiver } from "../../src/protocol/ws-message.ts";
import { makeBatch, makeEvent } from "../support/fake-events.ts";

function messagesOf(frames: Buffer): unknown[] {
  const messages: unknown[] = [];
  const fail = (): never => assert.fail("only text was expected");
  const receiver = createWsReceiver({
    role: "client", messageBytesMax: 2 ** 26, allowBinary: false,
    on: {
      text: (text) => messages.push(JSON.parse(text)),
      binary: fail, ping: fail, pong: fail, close: fail, violation: fail,
    },
  });
  receiver.push(Buffer.from(frames));
  return messages;
}

/** Payloads of each of the three lengths that a frame header has. */
const DRAFTS = [{}, { message: "é" }, { message: "x".repeat(300) }, { message: "y".repeat(70_000) }];

test("an event is one text message, whatever its length", () => {
  const batch = makeBatch(7, DRAFTS);
  const expected = DRAFTS.map((draft, i) => ({ type: "event", event: makeEvent(7 + i, draft) }));
  assert.deepEqual(messagesOf(eventFrames(batch, batch.entries)), expected);
});

test("an event is one line", () => {
  const batch = makeBatch(7, DRAFTS);
  const expected = DRAFTS.map((draft, i) => `${JSON.stringify(makeEvent(7 + i, draft))}\n`).join("");
  assert.equal(eventLines(batch, batch.entries).toString(), expected);
});

test("an event is one Server-Sent Event, with its seq and its type", () => {
  const batch = makeBatch(99, DRAFTS);
  const expected = DRAFTS.map((draft, i) => {
    return `id: ${99 + i}\nevent: child.stdout\ndata: ${JSON.stringify(makeEvent(99 + i, draft))}\n\n`;
  });
  assert.equal(eventMessages(batch, batch.entries).toString(), expected.join(""));
});

test("a whole batch is encoded once, a part of it for whoever asks", () => {
  const batch = makeBatch(1, DRAFTS);
  for (const encode of [eventFrames, eventLines, eventMessages]) {
    const shared = encode(batch, batch.entries);
    assert.equal(encode(batch, batch.entries), shared);
    const part = encode(batch, batch.entries.slice(1, 2));
    assert.notEqual(part, encode(batch, batch.entries.slice(1, 2)));
    assert.equal(part.length > 0 && part.length < shared.length, true);
    assert.equal(encode(batch, batch.entries), shared);
  }
  assert.deepEqual(messagesOf(eventFrames(batch, batch.entries.slice(1, 2))), [
    { type: "event", event: makeEvent(2, { message: "é" }) },
  ]);
});
