// The fold over what `codex exec --json` prints, on transcripts of the real one (both versions) and on odd objects.
// Pure: no process is started.

import assert from "node:assert/strict";
import { test } from "node:test";
import { foldExecEvent, NO_PROGRESS, type ExecProgress } from "../../src/codex/exec-events.ts";
import { EXEC_CAPTURES, readExecCapture } from "../support/captures.ts";

const fold = (events: ReadonlyArray<Record<string, unknown>>): ExecProgress =>
  events.reduce(foldExecEvent, NO_PROGRESS);

const usage = (inputTokens: number, outputTokens: number): ExecProgress["tokenUsage"] => ({
  totalTokens: inputTokens + outputTokens, inputTokens, cachedInputTokens: 0, outputTokens, reasoningOutputTokens: 0,
});

test("transcripts of the real Codex come to what they were [trap 7.1]", () => {
  const seen = EXEC_CAPTURES.map((name) => {
    const { threadId, completed, failure, lastMessage, tokenUsage } = fold(readExecCapture(name).events);
    return [name, threadId !== null, completed, failure, lastMessage, tokenUsage];
  });
  const demand = "We’re currently experiencing high demand, which may cause temporary errors.";
  assert.deepEqual(seen, [
    ["exec-background", true, true, null, "tok0 ", usage(200, 20)],
    ["exec-badflag", false, false, null, null, null],
    ["exec-command", true, true, null, "tok0 tok1 ", usage(200, 20)],
    ["exec-fail-retry", true, true, null, "tok0 tok1 ", usage(100, 10)],
    ["exec-fail500", true, false, demand, null, null],
    ["exec-nogit", false, false, null, null, null],
    ["exec-patch", true, true, null, "tok0 tok1 ", usage(300, 30)],
    ["exec-plain", true, true, null, "tok0 tok1 tok2 ", usage(100, 10)],
    ["exec-plan", true, true, null, "tok0 tok1 ", usage(300, 30)],
    ["exec-sigint-command", true, false, null, null, null],
    ["exec116-command", true, true, null, "tok0 tok1 ", usage(200, 20)],
    ["exec116-plain", true, true, null, "tok0 tok1 tok2 ", usage(100, 10)],
  ]);
});

test("a retry and a warning are not a failure; an error is one until the turn completes", () => {
  const retry = { type: "error", message: "Reconnecting... 1/2 (stream closed)" };
  const warning = { type: "item.completed", item: { type: "error", message: "a warning" } };
  assert.deepEqual(fold([retry, warning]), NO_PROGRESS);
  const error = { type: "error", message: "broken" };
  assert.equal(fold([error, retry]).failure, "broken");
  assert.equal(fold([error, { type: "turn.completed" }]).failure, null);
  assert.equal(fold([error, { type: "turn.failed", error: { message: "worse" } }]).failure, "worse");
  assert.equal(fold([error, { type: "turn.failed" }]).failure, "broken");
  assert.match(fold([{ type: "turn.failed", error: {} }]).failure ?? "", /did not say why/);
  assert.equal(fold([{ type: "turn.completed" }, { type: "turn.failed" }]).completed, false);
});

test("the newest message of the agent counts, cached and reasoning tokens are Codex's", () => {
  const message = (text: unknown): Record<string, unknown> =>
    ({ type: "item.completed", item: { type: "agent_message", text } });
  assert.equal(fold([message("one"), message("two")]).lastMessage, "two");
  const counts = { input_tokens: 5, cached_input_tokens: 4, output_tokens: 3, reasoning_output_tokens: 2 };
  assert.deepEqual(fold([{ type: "turn.completed", usage: counts }]).tokenUsage, {
    totalTokens: 8, inputTokens: 5, cachedInputTokens: 4, outputTokens: 3, reasoningOutputTokens: 2,
  });
});

test("objects of another shape change nothing, and none throws", () => {
  const odd: Array<Record<string, unknown>> = [
    {}, { type: 7 }, { type: "later.invention" }, { type: "item.completed" }, { type: "item.completed", item: [] },
    { type: "item.completed", item: { type: "agent_message", text: 7 } }, { type: "error", message: {} },
    { type: "thread.started", thread_id: null }, { type: "item.started", item: { type: "agent_message", text: "x" } },
  ];
  assert.deepEqual(fold(odd), NO_PROGRESS);
  for (const count of ["7", Infinity, 0.5]) {
    const usageOf = { input_tokens: count, output_tokens: 3 };
    assert.deepEqual(fold([{ type: "turn.completed", usage: usageOf }]).tokenUsage, usage(0, 3));
  }
});
