// Receipts of turns that went well, against what a reader of their transcripts writes by hand: commands, patches, a
// plan, a sub-agent. Written before the code was run on them.
//
// What is codexd's own (ids, seqs, times of its clock) is checked apart, for all of them alike.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { TurnRecord } from "../../../src/core/records.ts";
import { assertOwnFields, codexFields, type CodexFields } from "../../support/receipt-fields.ts";
import { replayCapture } from "../../support/replay.ts";

async function onlyTurn(name: string): Promise<CodexFields> {
  const { turns, atTheirEnds } = await replayCapture(name);
  assert.equal(turns.length, 1);
  assert.deepEqual(atTheirEnds, turns, "nothing was added behind the end");
  const [turn] = turns as [TurnRecord];
  assertOwnFields(turn);
  return codexFields(turn);
}

test("turn-command: one command, its output on two lines, then the answer", async () => {
  assert.deepEqual(await onlyTurn("turn-command"), {
    turnId: "01a2037f-6611-7530-bf7f-5513186a2a5f",
    threadId: "01a2037f-65ec-7dc2-ae2b-cc369f15fb13",
    status: "completed",
    durationMs: 396,
    input: [{ type: "text", text: 'RUNCMD=printf "a\\nb\\n"; sleep 0.3\\; echo done >&2; DELTAS=2' }],
    finalMessage: "tok0 tok1 ",
    error: null,
    tokenUsage: {
      totalTokens: 220, inputTokens: 200, cachedInputTokens: 0, outputTokens: 20, reasoningOutputTokens: 0,
    },
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: null,
    plan: null,
    commands: [
      { command: "/bin/bash -lc 'printf \"a\nb\n\"'", cwd: "/home/dev/project", exitCode: 0, durationMs: 21 },
    ],
    fileChanges: [],
    approvals: [],
    liveness: null,
  });
});

test("turn-patch: a file added, then changed; the diff is the whole turn's, told five times [trap 3.4.1]", async () => {
  assert.deepEqual(await onlyTurn("turn-patch"), {
    turnId: "01a2037f-6fb3-7712-ab29-982cb2e169dd",
    threadId: "01a2037f-6f9f-7ab3-a498-8526dbf8d606",
    status: "completed",
    durationMs: 171,
    input: [{ type: "text", text: "PATCH=hello.txt:one\\ntwo; EDIT=hello.txt:two:three; DELTAS=2" }],
    finalMessage: "tok0 tok1 ",
    error: null,
    tokenUsage: {
      totalTokens: 330, inputTokens: 300, cachedInputTokens: 0, outputTokens: 30, reasoningOutputTokens: 0,
    },
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: "diff --git a/hello.txt b/hello.txt\nnew file mode 100644\n" +
      "index 0000000000000000000000000000000000000000..4c7442bcf5acd0f1e2a95fe4f12b12c6b779b585\n" +
      "--- /dev/null\n+++ b/hello.txt\n@@ -0,0 +1,2 @@\n+one\n+three\n",
    plan: null,
    commands: [],
    fileChanges: [
      { path: "/home/dev/project/hello.txt", kind: "add" },
      { path: "/home/dev/project/hello.txt", kind: "update" },
    ],
    approvals: [],
    liveness: null,
  });
});

test("turn-parallel-cmds: three at once, listed as they began and not as they ended [trap 3.3.2]", async () => {
  const cwd = "/home/dev/project";
  assert.deepEqual(await onlyTurn("turn-parallel-cmds"), {
    turnId: "01a20380-eb76-76d2-8a0f-bfaec6d3c57f",
    threadId: "01a20380-eb5b-7983-b25f-29242342039e",
    status: "completed",
    durationMs: 799,
    input: [{ type: "text", text: "PARALLEL=echo a|echo b|sleep 0.2; DELTAS=2" }],
    finalMessage: "tok0 tok1 ",
    error: null,
    tokenUsage: {
      totalTokens: 220, inputTokens: 200, cachedInputTokens: 0, outputTokens: 20, reasoningOutputTokens: 0,
    },
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: null,
    plan: null,
    commands: [
      { command: "/bin/bash -lc 'echo a'", cwd, exitCode: 0, durationMs: 199 },
      { command: "/bin/bash -lc 'sleep 0.2'", cwd, exitCode: 0, durationMs: 472 },
      { command: "/bin/bash -lc 'echo b'", cwd, exitCode: 0, durationMs: 344 },
    ],
    fileChanges: [],
    approvals: [],
    liveness: null,
  });
});

test("turn-plan: the steps as they were told last [trap 3.5.1]", async () => {
  assert.deepEqual(await onlyTurn("turn-plan"), {
    turnId: "01a20380-de71-7990-ac5e-542ce938d81a",
    threadId: "01a20380-de56-7b81-9f28-df2e936bea26",
    status: "completed",
    durationMs: 134,
    input: [{ type: "text", text: "PLAN=look|do|check; DELTAS=2" }],
    finalMessage: "tok0 tok1 ",
    error: null,
    tokenUsage: {
      totalTokens: 220, inputTokens: 200, cachedInputTokens: 0, outputTokens: 20, reasoningOutputTokens: 0,
    },
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: null,
    plan: [
      { step: "look", status: "inProgress" }, { step: "do", status: "pending" }, { step: "check", status: "pending" },
    ],
    commands: [],
    fileChanges: [],
    approvals: [],
    liveness: null,
  });
});

test("subagent: what the child says, and its end, is none of the parent's [trap 3.5.5]", async () => {
  assert.deepEqual(await onlyTurn("subagent"), {
    turnId: "01a20391-1f17-7db2-9f4b-df09d49fa18f",
    threadId: "01a20391-1efc-7d11-a51e-46f7ead2f53f",
    status: "completed",
    durationMs: 238,
    input: [{ type: "text", text: 'CALL=multi_agent_v1.spawn_agent:{"message":"child DELTAS=3"}; DELTAS=2' }],
    finalMessage: "tok0 tok1 ",
    error: null,
    tokenUsage: {
      totalTokens: 220, inputTokens: 200, cachedInputTokens: 0, outputTokens: 20, reasoningOutputTokens: 0,
    },
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: null,
    plan: null,
    commands: [],
    fileChanges: [],
    approvals: [],
    liveness: null,
  });
});
