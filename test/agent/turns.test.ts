// What turns say and in which order, as the captures of Codex have it, and what comes in between.
// `ask` has a file of its own.

import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createAgent, lastText, story, type AgentUnderTest, type Message } from "../support/agent-under-test.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const BEGIN = [
  "thread/status/changed active", "turn/started", "item/started userMessage", "item/completed userMessage",
];
const END = ["thread/tokenUsage/updated", "thread/status/changed idle", "turn/completed"];

/** Deltas count once: how many there are is a matter of words. */
function outline(agent: AgentUnderTest, threadId: string): string[] {
  const all = story(agent, threadId);
  return all.filter((method, i) => !method.endsWith("elta") || all[i - 1] !== method);
}

describe("plain turns", () => {
  test("hello is the order of a plain turn", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    const turnId = agent.turn(threadId, "hello");
    assert.deepEqual(story(agent, threadId), [], "nothing before the answer");
    const turn = await agent.ended(turnId);
    const message = [
      "item/started agentMessage", "item/agentMessage/delta", "item/completed agentMessage",
    ];
    assert.deepEqual(outline(agent, threadId), [...BEGIN, ...message, ...END]);
    assert.deepEqual([turn["status"], turn["itemsView"], turn["error"]], ["completed", "summary", null]);
    assert.equal((turn["items"] as Array<{ text: string }>)[0]?.text, lastText(agent));
    assert.match(lastText(agent), /is no model\. Hello/);
    const deltas = agent.sent.filter(({ method }) => method === "item/agentMessage/delta");
    assert.equal(deltas.map(({ params }) => params["delta"]).join(""), lastText(agent));
    assert.deepEqual(Object.keys(deltas[0]?.params ?? {}), ["threadId", "turnId", "itemId", "delta"]);
  });

  test("another prompt lists them, JSON is given where it is asked for", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    await agent.ended(agent.turn(threadId, "what can you do?"));
    assert.match(lastText(agent), /- stall: /);
    const outputSchema = { type: "object", properties: { ok: { type: "boolean" } } };
    await agent.ended(agent.turn(threadId, "hello", { outputSchema }));
    assert.deepEqual(JSON.parse(lastText(agent)), { ok: false });
    const bad = agent.call("turn/start", { threadId, input: [], outputSchema: "x" });
    assert.match(bad.error?.message ?? "", /invalid type for field `outputSchema`/);
  });

  test("settings of a turn stay, and wrong ones start nothing", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread({ cwd: "/srv" });
    await agent.ended(agent.turn(threadId, "hello", { cwd: "sub", sandboxPolicy: { type: "readOnly" } }));
    const { result } = agent.call("thread/resume", { threadId });
    assert.deepEqual([result?.["cwd"], result?.["sandbox"]], ["/srv/sub", { type: "readOnly" }]);
    for (const bad of [{ sandboxPolicy: "readOnly" }, { cwd: 5 }, { input: "text" }, { input: undefined }]) {
      const { error } = agent.call("turn/start", { threadId, input: [], ...bad });
      assert.match(error?.message ?? "", /^Invalid request: (?:invalid type for|missing) field/);
    }
    await agent.ended(agent.turn(threadId, "hello"));
  });

  test("run runs a command", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread({ cwd: "/" });
    await agent.ended(agent.turn(threadId, "run"));
    assert.deepEqual(outline(agent, threadId).slice(4, -3), [
      "item/started commandExecution", "item/commandExecution/outputDelta", "item/completed commandExecution",
      "item/started agentMessage", "item/agentMessage/delta", "item/completed agentMessage",
    ]);
    const item = commandOf(agent);
    assert.equal(item["status"], "completed");
    assert.deepEqual([item["command"], item["exitCode"], item["cwd"]], ["uname -s", 0, "/"]);
    assert.match(String(item["processId"]), /^\d+$/);
    assert.ok(lastText(agent).endsWith(`printed: ${String(item["aggregatedOutput"]).trim()}`));
  });

  test("a command that cannot be started is a failed item, and the turn goes on", async (t) => {
    const agent = createAgent(t, { line: ["/nonexistent/program"] });
    const threadId = agent.thread({ cwd: "/" });
    assert.equal((await agent.ended(agent.turn(threadId, "run")))["status"], "completed");
    const item = commandOf(agent);
    assert.deepEqual([item["status"], item["exitCode"], item["processId"]], ["failed", 127, null]);
    assert.match(lastText(agent), /ended with 127 and printed: spawn .*ENOENT/);
  });

  test("edit adds a file, then changes it, private and in its own directory", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    const file = path.join(agent.home, "scratch", "edited.txt");
    await agent.ended(agent.turn(threadId, "edit"));
    assert.deepEqual(story(agent, threadId).filter((one) => /fileChange|diff/.test(one)), [
      "item/started fileChange", "item/completed fileChange", "turn/diff/updated", "turn/diff/updated",
    ]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await agent.ended(agent.turn(threadId, "edit"));
    assert.equal(readFileSync(file, "utf8"), "Edited 2x by codexd's embedded agent.\n");
    const changes = agent.sent.flatMap(({ method, params: { item } }) => {
      const { type, changes: list } = (item ?? {}) as { type?: string; changes?: unknown[] };
      return method === "item/completed" && type === "fileChange" ? (list ?? []) : [];
    });
    assert.deepEqual(changes, [
      { path: file, kind: { type: "add" }, diff: "Edited 1x by codexd's embedded agent.\n" },
      {
        path: file,
        kind: { type: "update", move_path: null },
        diff: "@@ -1 +1 @@\n-Edited 1x by codexd's embedded agent.\n+Edited 2x by codexd's embedded agent.\n",
      },
    ]);
  });

  test("fail fails as Codex does, and so does what the disk refuses", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    const turn = await agent.ended(agent.turn(threadId, "fail"));
    assert.deepEqual(outline(agent, threadId), [
      ...BEGIN, "thread/status/changed systemError", "error", "turn/completed",
    ]);
    assert.equal(turn["status"], "failed");
    assert.match((turn["error"] as { message: string }).message, /is no model: it has failed/);
    const error = agent.sent.find(({ method }) => method === "error");
    assert.equal(error?.params["willRetry"], false);

    writeFileSync(path.join(agent.home, "scratch"), "in the way");
    const edited = await agent.ended(agent.turn(threadId, "edit"));
    assert.match((edited["error"] as { message: string }).message, /could not: ENOTDIR/);
    rmSync(agent.home, { recursive: true });
    assert.equal((await agent.ended(agent.turn(threadId, "hello")))["status"], "completed");
    assert.match(agent.logged.at(-1) ?? "", /the thread cannot be kept: ENOENT/);
  });
});

describe("long answers", () => {
  test("long streams one delta at a time, and can be interrupted and steered", async (t) => {
    const clock = createFakeClock();
    const agent = createAgent(t, { clock });
    const threadId = agent.thread();
    const turnId = agent.turn(threadId, "long 5");
    const input = [{ type: "text", text: "long 2" }];
    const early = agent.call("turn/steer", { threadId, expectedTurnId: turnId, input });
    assert.equal(early.error?.message, "no active turn to steer");
    const deltas = (): number => agent.sent.filter(({ method }) => method === "item/agentMessage/delta").length;
    await agent.until(({ method }) => method === "item/agentMessage/delta");
    assert.equal(deltas(), 1);
    await clock.advance(2 * LIMITS.agentDeltaMs);
    assert.equal(deltas(), 3);

    assert.match(agent.call("turn/steer", { threadId, expectedTurnId: "x", input }).error?.message ?? "",
      /^expected active turn id `x` but found `/);
    const none = agent.call("turn/steer", { threadId, expectedTurnId: turnId, input: [] });
    assert.equal(none.error?.message, "input must not be empty");
    const steered = agent.call("turn/steer", { threadId, expectedTurnId: turnId, input });
    assert.deepEqual(steered.result, { turnId });
    await clock.advance(10 * LIMITS.agentDeltaMs);
    assert.equal((await agent.ended(turnId))["status"], "completed");
    assert.equal(deltas(), 5);
    // The first message never ends; what was steered is an item of the user's.
    assert.equal(story(agent, threadId).filter((one) => one === "item/completed agentMessage").length, 1);
    assert.equal(story(agent, threadId).filter((one) => one === "item/completed userMessage").length, 2);
    assert.match(lastText(agent), /: 1 2 $/);
  });

  test("a second turn/start steers", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    const turnId = agent.turn(threadId, "stall");
    await agent.until(({ method }) => method === "turn/started");
    assert.equal(agent.turn(threadId, "hello"), turnId);
    assert.equal((await agent.ended(turnId))["status"], "completed");
    assert.match(lastText(agent), /Hello/);
  });
});

describe("interrupts", () => {
  const interrupt = (agent: AgentUnderTest, threadId: string, turnId: string): Message =>
    agent.call("turn/interrupt", { threadId, turnId });

  test("stall says nothing until it is interrupted", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    const turnId = agent.turn(threadId, "stall");
    assert.equal(interrupt(agent, threadId, turnId).error?.message, "no active turn to interrupt");
    await agent.until(({ method }) => method === "item/completed");
    assert.equal(interrupt(agent, threadId, "x").error?.message, `expected active turn id x but found ${turnId}`);
    const { result } = agent.call("thread/read", { threadId });
    assert.deepEqual((result?.["thread"] as { status: unknown }).status, { type: "active", activeFlags: [] });
    assert.deepEqual(interrupt(agent, threadId, turnId).result, {});
    const turn = await agent.ended(turnId);
    assert.deepEqual([turn["status"], turn["items"], turn["error"]], ["interrupted", [], null]);
    assert.deepEqual(outline(agent, threadId), [...BEGIN, "thread/status/changed idle", "turn/completed"]);
    assert.equal(interrupt(agent, threadId, turnId).error?.message, "no active turn to interrupt");
    assert.deepEqual(interrupt(agent, threadId, "").result, {});
    await agent.ended(agent.turn(threadId, "hello"));
  });

  test("the empty id ends a turn that has not started", async (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    const turnId = agent.turn(threadId, "hello");
    assert.deepEqual(interrupt(agent, threadId, "").result, {});
    assert.equal((await agent.ended(turnId))["status"], "interrupted");
    await agent.ended(agent.turn(threadId, "hello"));
    assert.equal(story(agent, threadId).filter((one) => one === "turn/started").length, 1);
  });

  test("a running command is ended with its turn, and its end is told behind", async (t) => {
    const agent = createAgent(t, { line: ["sh", "-c", "echo $$ $CODEX_THREAD_ID; sleep 60 & wait"] });
    const threadId = agent.thread({ cwd: "/" });
    const turnId = agent.turn(threadId, "run");
    const { params } = await agent.until(({ method }) => method === "item/commandExecution/outputDelta");
    const [pid, mark] = String(params["delta"]).trim().split(" ");
    assert.equal(mark, threadId);
    interrupt(agent, threadId, turnId);
    await agent.until(({ method, params: { item } }) => {
      return method === "item/completed" && (item as { type: string }).type === "commandExecution";
    });
    assert.deepEqual(story(agent, threadId).slice(-2), ["turn/completed", "item/completed commandExecution"]);
    assert.deepEqual([commandOf(agent)["status"], commandOf(agent)["exitCode"]], ["failed", 137]);
    assert.equal(existsSync(`/proc/${pid}`), false);
  });

  test("backgroundTerminals/clean ends it alone, and the turn goes on", async (t) => {
    const agent = createAgent(t, { line: ["sh", "-c", "echo up; sleep 60 & wait"] });
    const threadId = agent.thread({ cwd: "/" });
    const turnId = agent.turn(threadId, "run");
    await agent.until(({ method }) => method === "item/commandExecution/outputDelta");
    const input = [{ type: "text", text: "hello" }];
    agent.call("turn/steer", { threadId, expectedTurnId: turnId, input });
    agent.call("thread/backgroundTerminals/clean", { threadId: "another" });
    assert.deepEqual(agent.call("thread/backgroundTerminals/clean", { threadId }).result, {});
    assert.equal((await agent.ended(turnId))["status"], "completed");
    assert.match(lastText(agent), /Hello/, "what was steered is answered behind the command");
  });
});

function commandOf(agent: AgentUnderTest): Record<string, unknown> {
  const items = agent.sent.filter(({ method }) => method === "item/completed").map(({ params }) => params["item"]);
  return (items as Array<Record<string, unknown>>).find(({ type }) => type === "commandExecution") ?? {};
}
