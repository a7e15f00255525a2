// The agent's methods: what they answer, and what they refuse in Codex's words.
//
// Turns have a file of their own.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { readThreadFacts, versionFromUserAgent } from "../../src/codex/methods.ts";
import { createAgent } from "../support/agent-under-test.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const REFUSED = -32600;

describe("the handshake", () => {
  test("says what it is", (t) => {
    const agent = createAgent(t, { initialize: false });
    assert.equal(agent.call("thread/list").error?.message, "Not initialized");
    const { error } = agent.call("initialize", {});
    assert.equal(error?.message, "Invalid request: missing field `clientInfo`");
    const params = { clientInfo: { name: "lab", version: "1" } };
    const { result } = agent.call("initialize", params);
    assert.match(String(result?.["userAgent"]), /^codexd-agent\/9\.8\.7 \(.*no model\) \(lab; 1\)$/);
    assert.equal(versionFromUserAgent(result), "codexd-agent/9.8.7");
    assert.equal(result?.["codexHome"], agent.home);
    assert.deepEqual(agent.call("initialize", params).error, { code: REFUSED, message: "Already initialized" });
  });

  test("an unknown method is refused with those that there are, bad lines are not answered", (t) => {
    const agent = createAgent(t);
    const { error } = agent.call("nope");
    assert.equal(error?.code, REFUSED);
    assert.match(error?.message ?? "", /^Invalid request: unknown variant `nope`, expected one of `initialize`, /);
    assert.match(agent.call("constructor").error?.message ?? "", /unknown variant `constructor`/);
    const before = agent.sent.length;
    for (const line of ["not JSON", "[]", "{}", '{"id":null,"method":"thread/list","params":{}}', '"x"']) {
      agent.server.line(line);
    }
    agent.tell({ method: "initialized" });
    agent.tell({ id: 12345, result: {} });
    agent.tell({ id: "0", error: { code: 1, message: "nobody asked" } });
    assert.equal(agent.sent.length, before);
    assert.deepEqual(new Set(agent.logged), new Set(["Failed to deserialize JSONRPCMessage"]));
  });
});

describe("threads", () => {
  test("are started with what was asked for, and told of behind the answer", (t) => {
    const agent = createAgent(t);
    const { result } = agent.call("thread/start", {
      cwd: "/srv", model: "gpt-5", approvalPolicy: "never", sandbox: "read-only", serviceTier: "fast",
    });
    const facts = readThreadFacts(result);
    // The model is what answers, not what was asked for.
    assert.deepEqual({ ...facts, threadId: "" }, {
      threadId: "", cwd: "/srv", model: "embedded-agent", modelProvider: "codexd", serviceTier: "fast",
      reasoningEffort: null, approvalPolicy: "never", sandbox: "read-only",
    });
    const last = agent.sent.at(-1);
    assert.equal(last?.method, "thread/started");
    assert.ok(typeof last?.emittedAtMs === "number");
  });

  test("wrong settings are refused", (t) => {
    const agent = createAgent(t);
    const message = (params: Record<string, unknown>): string | undefined =>
      agent.call("thread/start", params).error?.message;
    assert.match(message({ sandbox: "none" }) ?? "", /unknown variant `none`, expected one of `read-only`, /);
    assert.equal(message({ cwd: 1 }), "Invalid request: invalid type for field `cwd`, expected a string");
  });

  test("without a turn they are not there yet", (t) => {
    const agent = createAgent(t);
    const threadId = agent.thread();
    assert.deepEqual(agent.call("thread/list").result?.["data"], []);
    const unsupported = { code: -32601, message: "list_turns is not supported yet" };
    assert.deepEqual(agent.call("thread/resume", { threadId }).error, unsupported);
    assert.deepEqual(agent.call("thread/read", { threadId, includeTurns: true }).error, unsupported);
    assert.ok(agent.call("thread/read", { threadId }).result?.["thread"]);
    assert.match(agent.call("thread/read", {}).error?.message ?? "", /missing field `threadId`/);
  });

  test("those it does not know are refused as Codex does", (t) => {
    const agent = createAgent(t);
    const message = (method: string, more = {}): string | undefined =>
      agent.call(method, { threadId: "x", ...more }).error?.message;
    assert.equal(message("thread/resume"), "no rollout found for thread id x");
    assert.equal(message("thread/read"), "thread not loaded: x");
    assert.equal(message("turn/start", { input: [] }), "thread not found: x");
  });

  test("a restart resumes them, with their turns and settings", async (t) => {
    const home = path.join(makeTempDir(t), "agent");
    const first = createAgent(t, { home });
    const threadId = first.thread({ cwd: "/srv", sandbox: "read-only" });
    await first.ended(first.turn(threadId, "hello"));

    const second = createAgent(t, { home });
    const refused = second.call("turn/start", { threadId, input: [] });
    assert.equal(refused.error?.message, `thread not found: ${threadId}`);
    const { result } = second.call("thread/resume", { threadId, cwd: "/other" });
    assert.equal(readThreadFacts(result)?.cwd, "/other");
    assert.equal(readThreadFacts(result)?.sandbox, "read-only");
    const { turns } = result?.["thread"] as { turns: Array<{ status: string; items: unknown[] }> };
    assert.deepEqual(turns.map(({ status, items }) => [status, items.length]), [["completed", 2]]);
    const without = second.call("thread/resume", { threadId, excludeTurns: true }).result?.["thread"];
    assert.deepEqual((without as { turns: unknown[] }).turns, []);
    const read = second.call("thread/read", { threadId, includeTurns: true }).result?.["thread"];
    assert.equal((read as { turns: unknown[] }).turns.length, 1);
    await second.ended(second.turn(threadId, "hello"));
  });

  test("are listed in pages, the newest first", async (t) => {
    const agent = createAgent(t);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const id = agent.thread();
      await agent.ended(agent.turn(id, "hello"));
      ids.unshift(id);
    }
    const list = (params: Record<string, unknown>): [string[], unknown] => {
      const { result } = agent.call("thread/list", params);
      return [(result?.["data"] as Array<{ id: string }>).map(({ id }) => id), result?.["nextCursor"]];
    };
    assert.deepEqual(list({ limit: 2 }), [ids.slice(0, 2), "2"]);
    assert.deepEqual(list({ limit: 2, cursor: "2" }), [ids.slice(2), null]);
    assert.deepEqual(list({ limit: 1000 }), [ids, null]);
    for (const bad of [{ limit: 0 }, { limit: 1.5 }, { limit: "x" }]) {
      assert.match(agent.call("thread/list", bad).error?.message ?? "", /invalid type for field `limit`/);
    }
    assert.equal(agent.call("thread/list", { cursor: "x" }).error?.message, "invalid cursor: x");
  });

  test("a directory that cannot be used is an error at the start", (t) => {
    const home = makeTempDir(t);
    mkdirSync(path.join(home, "threads.jsonl"));
    assert.throws(() => createAgent(t, { home }), /EISDIR/);
  });
});
