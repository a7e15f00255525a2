// What a thread's history says of its turns, read out of both versions' answers.
// The answers are made by hand, after those of the real Codex that test/e2e/external.test.ts meets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readResumedTurns, readTurnsPage, turnsListParams } from "../../src/codex/turn-history.ts";

test("a page is asked for newest first, and from a cursor on", () => {
  const params = { threadId: "t", limit: 10, sortDirection: "desc", itemsView: "full" };
  assert.deepEqual(turnsListParams("t", null), params);
  assert.deepEqual(turnsListParams("t", "c"), { ...params, cursor: "c" });
});

test("a turn of a page, with its mark, its end and its length", () => {
  const items = [{ type: "userMessage", clientId: "sub-1" }, { type: "agentMessage", text: "x" }, "noise"];
  const turn = { id: "a", status: "completed", items, error: null, completedAt: 1795374848, durationMs: 2167 };
  const { turns, nextCursor } = readTurnsPage({ data: [turn, { id: "b" }, { status: "x" }, null], nextCursor: "c" });
  assert.equal(nextCursor, "c");
  assert.deepEqual(turns, [
    {
      turnId: "a", status: "completed", turn, items: items.slice(0, 2), clientIds: ["sub-1"],
      completedAtMs: 1795374848000, durationMs: 2167,
    },
    {
      turnId: "b", status: "unknown", turn: { id: "b" }, items: [], clientIds: [],
      completedAtMs: null, durationMs: null,
    },
  ]);
  const [late] = readTurnsPage({ data: [{ ...turn, completedAt: 1795374848123 }] }).turns;
  assert.equal(late?.completedAtMs, 1795374848123);
});

test("an answer without turns is one without turns", () => {
  for (const answer of [null, {}, { data: {} }, []]) {
    assert.deepEqual(readTurnsPage(answer), { turns: [], nextCursor: null });
    assert.deepEqual(readResumedTurns(answer), []);
  }
  assert.deepEqual(readResumedTurns({ thread: {} }), []);
});

test("the history of a resumed thread comes newest first", () => {
  const turns = readResumedTurns({ thread: { turns: [{ id: "old" }, { id: "new" }] } });
  assert.deepEqual(turns.map(({ turnId }) => turnId), ["new", "old"]);
});
