// What is asked of the app-server, member by member, and what is read of its answers.
//
// Both are compared whole, so that a member more or less is seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as methods from "../../src/codex/methods.ts";
import type { SessionRecord, ThreadProfile } from "../../src/core/records.ts";

const EMPTY: ThreadProfile = {
  cwd: null, model: null, modelProvider: null, serviceTier: null, reasoningEffort: null, approvalPolicy: null,
  sandbox: null, sandboxPolicy: null, personality: null, ephemeral: null, baseInstructions: null,
  developerInstructions: null, config: null,
};

const FULL: ThreadProfile = {
  cwd: "/profile", model: "m", modelProvider: "p", serviceTier: "fast", reasoningEffort: "high",
  approvalPolicy: { granular: {} }, sandbox: "read-only", sandboxPolicy: { type: "readOnly" }, personality: "plain",
  ephemeral: true, baseInstructions: "base", developerInstructions: "dev", config: { a: 1 },
};

function session(profile: ThreadProfile, inForce: Partial<SessionRecord>): SessionRecord {
  return {
    sessionId: "ses_1", purpose: "duplex", threadId: "t", status: "active", endpoint: "stdio://", childPid: null,
    createdAt: "", updatedAt: "", cwd: null, model: null, modelProvider: null, serviceTier: null,
    reasoningEffort: null, approvalPolicy: null, sandbox: null, currentTurnId: null, lastTurnId: null,
    lastTurnStatus: null, metadata: {}, profile, threadDurable: true, ...inForce,
  };
}

test("the handshake names codexd and asks for what is experimental", () => {
  assert.deepEqual(methods.initializeParams("1.2.3"), {
    clientInfo: { name: "baa-conductor-codexd", title: "codexd", version: "1.2.3" },
    capabilities: { experimentalApi: true },
  });
});

const AGENTS: ReadonlyArray<readonly [unknown, string | null]> = [
  [{ userAgent: "baa-conductor-codexd/0.169.0 (Debian 12.0.0; x86_64) xterm (codexd; 0.1.0)" }, "0.169.0"],
  [{ userAgent: "lab/0.170.0-alpha.3 (x)" }, "0.170.0-alpha.3"],
  [{ userAgent: "lab/1.2.3(x)" }, "1.2.3"],
  [{ userAgent: "codexd-agent/0.1.0 (linux; x64; no model) (codexd; 0.1.0)" }, "codexd-agent/0.1.0"],
  [{ userAgent: "lab" }, null],
  [{ userAgent: "lab/next (1.2.3)" }, null],
  [{ userAgent: 1 }, null],
  [{}, null],
  [null, null],
];

for (const [result, version] of AGENTS) {
  test(`the version of ${JSON.stringify(result)} is ${version}`, () => {
    assert.equal(methods.versionFromUserAgent(result), version);
  });
}

test("thread/start sends what was asked for and nothing else, with the default working directory", () => {
  assert.deepEqual(methods.threadStartParams(EMPTY, "/default"), { cwd: "/default" });
  assert.deepEqual(methods.threadStartParams(FULL, "/default"), {
    cwd: "/profile", model: "m", modelProvider: "p", serviceTier: "fast", approvalPolicy: { granular: {} },
    sandbox: "read-only", personality: "plain", baseInstructions: "base", developerInstructions: "dev",
    config: { a: 1, model_reasoning_effort: "high" }, ephemeral: true,
  });
});

test("an effort alone makes a configuration, and the profile's own is left as it was", () => {
  assert.deepEqual(methods.threadStartParams({ ...EMPTY, reasoningEffort: "low" }, "/d")["config"], {
    model_reasoning_effort: "low",
  });
  assert.deepEqual(FULL.config, { a: 1 });
});

test("thread/resume sends what is in force before what was asked for", () => {
  const inForce = {
    cwd: "/now", model: "m2", modelProvider: "p2", serviceTier: "flex", approvalPolicy: "never",
    sandbox: "workspace-write",
  } as const;
  assert.deepEqual(methods.threadResumeParams("t", session(FULL, inForce)), {
    threadId: "t", ...inForce, personality: "plain", baseInstructions: "base", developerInstructions: "dev",
    config: { a: 1, model_reasoning_effort: "high" }, excludeTurns: true,
  });
});

test("thread/resume falls back on what was asked for, and leaves the rest to Codex", () => {
  const resumed = methods.threadResumeParams("t", session(FULL, {}));
  assert.deepEqual([resumed["cwd"], resumed["model"], resumed["sandbox"]], ["/profile", "m", "read-only"]);
  assert.equal("ephemeral" in resumed, false);
  assert.deepEqual(methods.threadResumeParams("t", session(EMPTY, {})), { threadId: "t", excludeTurns: true });
});

test("turn/start carries its input and its overrides, in turn/start's own spelling", () => {
  const input = [methods.createCodexAppServerTextInput("hello")];
  const plain = methods.turnStartParams("t", input, {});
  assert.deepEqual(plain, { threadId: "t", input: [{ type: "text", text: "hello" }] });
  const sandboxPolicy = { type: "workspaceWrite" };
  const overrides = { model: "m", effort: "low", cwd: undefined, sandboxPolicy, collaborationMode: "plan" };
  assert.deepEqual(methods.turnStartParams("t", [], overrides), {
    threadId: "t", input: [], model: "m", effort: "low", sandboxPolicy, collaborationMode: { mode: "plan" },
  });
  const mode = { mode: "default", settings: {} };
  assert.deepEqual(methods.turnStartParams("t", [], { collaborationMode: mode })["collaborationMode"], mode);
});

test("a thread's facts are read leniently: what is missing or odd is null", () => {
  const odd = { thread: { id: "t" }, model: 5, sandbox: "read-only", approvalPolicy: 1 };
  assert.deepEqual(methods.readThreadFacts(odd), {
    threadId: "t", cwd: null, model: null, modelProvider: null, serviceTier: null, reasoningEffort: null,
    approvalPolicy: null, sandbox: null,
  });
  const facts = methods.readThreadFacts({
    thread: { id: "t" }, cwd: "/c", model: "m", modelProvider: "p", serviceTier: "s", reasoningEffort: "e",
    approvalPolicy: { granular: {} }, sandbox: { type: "workspaceWrite", networkAccess: false }, more: true,
  });
  assert.deepEqual(facts, {
    threadId: "t", cwd: "/c", model: "m", modelProvider: "p", serviceTier: "s", reasoningEffort: "e",
    approvalPolicy: { granular: {} }, sandbox: "workspace-write",
  });
  for (const result of [null, {}, { thread: null }, { thread: {} }, { thread: { id: 1 } }]) {
    assert.equal(methods.readThreadFacts(result), undefined);
  }
});

test("a turn's id is read, or null", () => {
  assert.equal(methods.readTurnId({ turn: { id: "u" } }), "u");
  for (const result of [null, {}, { turn: "u" }, { turn: { id: 1 } }]) assert.equal(methods.readTurnId(result), null);
});

test("a policy has the mode that its type says, and none where no mode can say it", () => {
  const modes = ["readOnly", "workspaceWrite", "dangerFullAccess", "externalSandbox", undefined].map((type) =>
    methods.sandboxModeOf({ type }),
  );
  assert.deepEqual(modes, ["read-only", "workspace-write", "danger-full-access", null, null]);
  assert.equal(methods.sandboxModeOf("readOnly"), null);
});
