// An adapter that tells deltas alone: what its turn has answered, and when nothing is made of them.
//
// How it reaches the receipt is tested with a whole daemon (library.test.ts).

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdapterMessages, type AdapterMessages } from "../../src/codex/adapter-messages.ts";
import { LIMITS } from "../../src/core/limits.ts";

const on = { threadId: "t", turnId: "u" };
const delta = (messages: AdapterMessages, text: unknown, more: object = {}): void => {
  const params = { ...on, itemId: "m", delta: text, ...more };
  assert.equal(messages.complete("item/agentMessage/delta", params), params, "a delta itself stays as it is");
};
const endOf = (messages: AdapterMessages, turn: object = {}) =>
  messages.complete("turn/completed", { threadId: "t", turn: { id: "u", status: "completed", ...turn } })["turn"];

test("deltas add up to the answer", () => {
  const messages = createAdapterMessages();
  delta(messages, "hel");
  delta(messages, "lo");
  delta(messages, 7);
  assert.deepEqual(endOf(messages), {
    id: "u", status: "completed", items: [{ type: "agentMessage", id: "m", text: "hello" }],
  });
  assert.deepEqual(endOf(messages), { id: "u", status: "completed" }, "once");
});

test("the newest message counts", () => {
  const messages = createAdapterMessages();
  delta(messages, "first");
  delta(messages, "second", { itemId: "n" });
  const items = [{ type: "agentMessage", id: "n", text: "second" }];
  assert.deepEqual((endOf(messages) as { items: unknown[] }).items, items);
});

test("nothing is added to what the adapter itself has told", () => {
  const messages = createAdapterMessages();
  delta(messages, "half");
  messages.complete("item/completed", { ...on, item: { type: "commandExecution", id: "c" } });
  const own = [{ type: "agentMessage", id: "m", text: "whole" }];
  assert.deepEqual((endOf(messages, { items: own }) as { items: unknown[] }).items, own);
  delta(messages, "half");
  messages.complete("item/completed", { ...on, item: { type: "agentMessage", id: "m", text: "whole" } });
  assert.deepEqual(endOf(messages), { id: "u", status: "completed" });
});

test("another turn's deltas, and an end without a turn, are nobody's", () => {
  const messages = createAdapterMessages();
  delta(messages, "x", { turnId: "other" });
  assert.deepEqual(endOf(messages), { id: "u", status: "completed" });
  const odd = { threadId: "t", turnId: "u", turn: "u" };
  delta(messages, "x");
  assert.equal(messages.complete("turn/completed", odd), odd);
  const foreign = { any: 1 };
  assert.equal(messages.complete("account/updated", foreign), foreign);
});

test("an answer of the greatest length is whole, a longer one is none", () => {
  for (const [more, items] of [[0, 1], [1, undefined]] as const) {
    const messages = createAdapterMessages();
    delta(messages, "x".repeat(LIMITS.adapterMessageCharsMax));
    delta(messages, "x".repeat(more));
    delta(messages, "");
    assert.equal((endOf(messages) as { items?: unknown[] }).items?.length, items);
  }
});

test("of too many threads the oldest is forgotten", () => {
  const messages = createAdapterMessages();
  delta(messages, "kept?");
  for (let n = 0; n < LIMITS.adapterTurnsKept; n += 1) delta(messages, "x", { threadId: `t${n}` });
  assert.deepEqual(endOf(messages), { id: "u", status: "completed" });
});
