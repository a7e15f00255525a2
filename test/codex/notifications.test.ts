// The table of notifications, row by row: type, message, level, and where the ids go.
//
// That nothing is lost of what the real Codex says stands in captures.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTIFICATIONS, threadIdOf, toEvent, turnIdOf } from "../../src/codex/notifications.ts";
import { APP_SERVER_EVENT_TYPES } from "../../src/core/event.ts";

type Params = Record<string, unknown>;

const ROWS: ReadonlyArray<readonly [method: string, params: Params, type: string, message: string]> = [
  ["thread/started", { thread: { id: "t" } }, "thread.started", "thread started"],
  ["thread/status/changed", { threadId: "t", status: { type: "idle" } }, "thread.status.changed", "thread is idle"],
  ["thread/tokenUsage/updated", { threadId: "t", tokenUsage: {} }, "turn.usage.updated", "token usage updated"],
  ["turn/started", { threadId: "t", turn: { id: "u" } }, "turn.started", "turn started"],
  ["turn/completed", { threadId: "t", turn: { id: "u", status: "completed" } }, "turn.completed", "turn completed"],
  ["turn/diff/updated", { threadId: "t", turnId: "u", diff: "" }, "turn.diff.updated", "diff updated"],
  ["turn/plan/updated", { threadId: "t", turnId: "u", plan: [] }, "turn.plan.updated", "plan updated"],
  ["error", { error: { message: "first\nsecond" }, willRetry: false }, "turn.error", "first second"],
  ["item/started", { item: { id: "i", type: "agentMessage" } }, "item.started", "agentMessage started"],
  ["item/completed", { item: { id: "i", type: "fileChange" } }, "item.completed", "fileChange completed"],
  ["item/agentMessage/delta", { itemId: "i", delta: "x" }, "turn.message.delta", "message delta"],
  ["item/plan/delta", { itemId: "i", delta: "x" }, "turn.plan.delta", "plan delta"],
  ["item/reasoning/summaryTextDelta", { itemId: "i", delta: "x" }, "turn.reasoning.delta", "reasoning delta"],
  ["item/reasoning/textDelta", { itemId: "i", delta: "x" }, "turn.reasoning.delta", "reasoning delta"],
  ["item/commandExecution/outputDelta", { itemId: "i", delta: "x" }, "item.output.delta", "output delta"],
  ["item/fileChange/outputDelta", { itemId: "i", delta: "x" }, "item.output.delta", "output delta"],
  ["command/exec/outputDelta", { processId: "p", deltaBase64: "eA==" }, "command.output.delta", "output delta"],
];

test("the rows below are the table's, and every type but the catch-all has one", () => {
  assert.deepEqual(ROWS.map(([method]) => method).sort(), [...NOTIFICATIONS.keys()].sort());
  const types = new Set(ROWS.map(([, , type]) => `app-server.${type}`));
  assert.deepEqual(APP_SERVER_EVENT_TYPES.filter((type) => !types.has(type)), ["app-server.notification"]);
});

for (const [method, params, type, message] of ROWS) {
  test(`${method} becomes ${type}, with all that it said`, () => {
    const given = structuredClone(params);
    const event = toEvent({ method, params, emittedAtMs: 7 }, "ses_1");
    assert.equal(event.type, `app-server.${type}`);
    assert.equal(event.message, message);
    for (const [name, value] of Object.entries(given)) assert.deepEqual(event.detail[name], value, name);
    assert.equal(event.detail.sessionId, "ses_1");
    assert.equal(event.detail["emittedAtMs"], 7);
    assert.equal(event.detail["notificationMethod"], type.endsWith(".delta") ? undefined : method);
    assert.equal("emittedAtMs" in toEvent({ method, params: given, emittedAtMs: null }, null).detail, false);
  });
}

test("what a row reads and does not find is unknown, never an exception", () => {
  const messages = [...NOTIFICATIONS.keys()].map((method) => toEvent({ method, params: {}, emittedAtMs: null }, null));
  assert.deepEqual(
    messages.map(({ message }) => message).filter((message) => message.includes("unknown")),
    ["thread is unknown", "turn unknown", "unknown", "unknown started", "unknown completed"],
  );
  const params = { item: "x", turn: 1, thread: [] };
  const odd = toEvent({ method: "item/started", params, emittedAtMs: null }, null);
  assert.equal(odd.message, "unknown started");
});

const LEVELS: ReadonlyArray<readonly [string, Params, string]> = [
  ["turn/completed", { turn: { status: "completed" } }, "info"],
  ["turn/completed", { turn: { status: "interrupted" } }, "info"],
  ["turn/completed", { turn: { status: "failed" } }, "error"],
  ["turn/completed", {}, "info"],
  ["error", { error: { message: "Reconnecting... 1/2" }, willRetry: true }, "warn"],
  ["error", { error: { message: "unexpected status 401" }, willRetry: false }, "error"],
  ["error", { error: { message: "no word on it" } }, "error"],
  ["item/completed", { item: { type: "commandExecution", status: "failed" } }, "info"],
  ["warning", { message: "unknown model" }, "warn"],
  ["configWarning", { summary: "bad config" }, "warn"],
  ["deprecationNotice", { summary: "old" }, "info"],
];

for (const [method, params, level] of LEVELS) {
  test(`${method} ${JSON.stringify(params)} has level ${level}`, () => {
    assert.equal(toEvent({ method, params, emittedAtMs: null }, null).level, level);
  });
}

test("ids stand at the top, whatever object they came in", () => {
  const started = toEvent({ method: "thread/started", params: { thread: { id: "t" } }, emittedAtMs: null }, null);
  assert.equal(started.detail.threadId, "t");
  const error = { message: "no" };
  const params = { threadId: "t", turn: { id: "u", status: "failed", error } };
  const completed = toEvent({ method: "turn/completed", params, emittedAtMs: null }, null);
  assert.deepEqual(completed.detail, {
    ...params, turnId: "u", status: "failed", error, sessionId: null, notificationMethod: "turn/completed",
  });
  const item = toEvent({ method: "item/started", params: { item: { id: "i" } }, emittedAtMs: null }, null);
  assert.equal(item.detail["itemId"], "i");
});

test("a lifted id never replaces one that Codex has put there itself", () => {
  const own = { threadId: "own", turnId: "own", itemId: "own", status: "own" };
  const params = { ...own, thread: { id: "t" }, item: { id: "i" } };
  const turn = { id: "u", status: "completed", error: null };
  const event = toEvent({ method: "turn/started", params: { ...params, turn }, emittedAtMs: null }, null);
  assert.deepEqual({ ...event.detail, error: undefined }, {
    ...params, turn, error: undefined, sessionId: null, notificationMethod: "turn/started",
  });
});

test("a delta is taken over as it is: nothing is copied, nothing is lifted", () => {
  const params: Params = { threadId: "t", turnId: "u", itemId: "i", delta: "x", turn: { id: "v" } };
  const event = toEvent({ method: "item/agentMessage/delta", params, emittedAtMs: 1 }, "ses_1");
  assert.equal(event.detail, params);
  assert.deepEqual(Object.keys(event.detail), [
    "threadId", "turnId", "itemId", "delta", "turn", "sessionId", "emittedAtMs",
  ]);
});

test("a method without a row passes whole", () => {
  const params = { threadId: "t", turn: { id: "u" }, message: "two\nlines", nested: { a: [1] } };
  assert.deepEqual(toEvent({ method: "thread/goal/updated", params, emittedAtMs: 5 }, "ses_1"), {
    level: "info",
    type: "app-server.notification",
    message: "two lines",
    detail: {
      sessionId: "ses_1", threadId: "t", turnId: "u", notificationMethod: "thread/goal/updated", emittedAtMs: 5, params,
    },
  });
  const bare = toEvent({ method: "toString", params: {}, emittedAtMs: null }, null);
  assert.deepEqual([bare.type, bare.message], ["app-server.notification", "toString"]);
});

for (const name of ["sessionId", "notificationMethod", "emittedAtMs"]) {
  test(`a notification with a ${name} of its own passes whole, so that it is not covered`, () => {
    const params = { threadId: "t", delta: "x", [name]: "Codex's own" };
    const event = toEvent({ method: "item/agentMessage/delta", params, emittedAtMs: 5 }, "ses_1");
    assert.equal(event.type, "app-server.notification");
    assert.deepEqual(event.detail["params"], { threadId: "t", delta: "x", [name]: "Codex's own" });
    assert.deepEqual([event.detail.sessionId, event.detail["emittedAtMs"]], ["ses_1", 5]);
  });
}

test("a notification's thread and turn are found where it says them", () => {
  assert.equal(threadIdOf({ threadId: "t", thread: { id: "other" } }), "t");
  assert.equal(threadIdOf({ thread: { id: "t" } }), "t");
  assert.equal(turnIdOf({ turnId: "u", turn: { id: "other" } }), "u");
  assert.equal(turnIdOf({ turn: { id: "u" } }), "u");
  const without = [{}, { threadId: 1, turnId: null }, { thread: "t", turn: [] }, { thread: {}, turn: { id: 1 } }];
  for (const params of without) {
    assert.equal(threadIdOf(params), null);
    assert.equal(turnIdOf(params), null);
  }
});
