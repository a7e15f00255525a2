// Event types, and an event read back from a batch.
//
// Which types there are is the contract's to say; here it is what they must have in common.

import assert from "node:assert/strict";
import { test } from "node:test";
import { APP_SERVER_EVENT_TYPES, decodeEntry, isDelta, OWN_EVENT_TYPES } from "../../src/core/event.ts";

test("types are dotted words, and no two are the same", () => {
  const types: readonly string[] = [...OWN_EVENT_TYPES, ...APP_SERVER_EVENT_TYPES];
  for (const type of types) assert.match(type, /^[a-z]+(?:-[a-z]+)*(?:\.[a-z]+)+$/);
  assert.equal(new Set(types).size, types.length);
  for (const type of APP_SERVER_EVENT_TYPES) assert.ok(type.startsWith("app-server."), type);
});

test("deltas are the types that end so", () => {
  assert.deepEqual(APP_SERVER_EVENT_TYPES.filter(isDelta), [
    "app-server.turn.message.delta", "app-server.turn.plan.delta", "app-server.turn.reasoning.delta",
    "app-server.item.output.delta", "app-server.command.output.delta",
  ]);
  assert.deepEqual(OWN_EVENT_TYPES.filter(isDelta), []);
});

test("an entry is its event without the closing brace", () => {
  const events = [1, 2].map((seq) => ({
    seq, createdAt: "2026-01-01T00:00:00.000Z", level: "info" as const, type: "child.started" as const,
    message: "ä", detail: { pid: seq },
  }));
  const texts = events.map((event) => Buffer.from(JSON.stringify(event)));
  const entries = events.map((event, i) => {
    const start = i === 0 ? 0 : texts[0]?.length ?? 0;
    const end = start + (texts[i]?.length ?? 0) - 1;
    return { seq: event.seq, type: event.type, sessionId: null, threadId: null, runId: null, start, end };
  });
  const batch = { firstSeq: 1, lastSeq: 2, bytes: Buffer.concat(texts), entries };
  assert.deepEqual(entries.map((entry) => decodeEntry(batch, entry)), events);
});
