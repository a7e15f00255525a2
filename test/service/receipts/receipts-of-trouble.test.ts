// Receipts of turns that did not go straight, against what a reader of their transcripts writes by hand: a stream that
// broke off, a provider that failed, a steer, interrupts, commands that outlived their turn, a refusal. Written before
// the code was run on them.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { CommandReceipt, TokenUsage, TurnRecord } from "../../../src/core/records.ts";
import { assertOwnFields, codexFields, type CodexFields } from "../../support/receipt-fields.ts";
import { replayCapture } from "../../support/replay.ts";

/** One call of the mock model costs 110 tokens. */
const calls = (n: number): TokenUsage => ({
  totalTokens: n * 110, inputTokens: n * 100, cachedInputTokens: 0, outputTokens: n * 10, reasoningOutputTokens: 0,
});

const text = (prompt: string): TurnRecord["input"] => [{ type: "text", text: prompt }];

/** A turn of which nothing is to be told but what stands beside it. */
const NOTHING_ELSE = {
  finalMessage: null, error: null, tokenUsage: null, outputSchema: null, structuredOutput: null,
  structuredOutputError: null, diff: null, plan: null, commands: [], fileChanges: [], approvals: [], liveness: null,
} as const;

const ran = (script: string, exitCode: number | null, durationMs: number | null): CommandReceipt =>
  ({ command: `/bin/bash -lc '${script}'`, cwd: "/home/dev/project", exitCode, durationMs });

const tokens = (n: number): string => Array.from({ length: n }, (_, i) => `tok${i} `).join("");

test("fail-cut-once: a message that broke off counts once, the retry is no error [trap 3.6.1, 3.6.2]", async () => {
  const { turns } = await replayCapture("fail-cut-once");
  turns.forEach(assertOwnFields);
  assert.deepEqual(turns.map(codexFields), [{
    turnId: "01a20382-5365-7800-b7fa-b7cc4ed02ecd",
    threadId: "01a20382-533e-7701-a4ea-fdf9fb3c5b7b",
    status: "completed",
    durationMs: 399,
    input: text("CUT=3 DELTAS=6 TIMES=1"),
    finalMessage: "tok0 tok1 tok2 tok3 tok4 tok5 ",
    error: null,
    tokenUsage: calls(1),
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: null,
    plan: null,
    commands: [],
    fileChanges: [],
    approvals: [],
    liveness: null,
  }]);
});

test("fail-500-retry: the last error, and not the two that were tried again", async () => {
  const { turns } = await replayCapture("fail-500-retry");
  turns.forEach(assertOwnFields);
  assert.deepEqual(turns.map(codexFields), [{
    turnId: "01a20382-15b4-7332-80b7-51927cd4b4e6",
    threadId: "01a20382-159c-76a0-8ccc-0bfa88a6ae92",
    status: "failed",
    durationMs: 2546,
    input: text("HTTP=500"),
    finalMessage: null,
    error: {
      message: "We’re currently experiencing high demand, which may cause temporary errors.",
      reason: null,
      codexErrorInfo: "internalServerError",
      additionalDetails: null,
    },
    tokenUsage: null,
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: null,
    plan: null,
    commands: [],
    fileChanges: [],
    approvals: [],
    liveness: null,
  }]);
});

test("appr-file-cancel: what was asked is told, what was refused has changed nothing", async () => {
  const { turns } = await replayCapture("appr-file-cancel");
  turns.forEach(assertOwnFields);
  const approvalId = turns[0]?.approvals[0]?.approvalId ?? "";
  assert.match(approvalId, /^apr_/);
  assert.deepEqual(turns.map(codexFields), [{
    turnId: "01a20388-a928-7b13-a9a8-2e7f111a553c",
    threadId: "01a20388-a90d-7072-9fda-b20d7156703f",
    status: "interrupted",
    durationMs: 222,
    input: text("PATCH=/home/dev/project/appr3.txt:x; DELTAS=1"),
    finalMessage: null,
    error: null,
    tokenUsage: calls(1),
    outputSchema: null,
    structuredOutput: null,
    structuredOutputError: null,
    diff: null,
    plan: null,
    commands: [],
    fileChanges: [],
    approvals: [{ approvalId, kind: "file_change", decision: "cancel", decidedBy: "client" }],
    liveness: null,
  }]);
});

test("bg-after-interrupt: five of six turns leave a command running; its end is told [trap 3.3.5, 3.8.3]", async () => {
  const { turns, atTheirEnds, rig } = await replayCapture("bg-after-interrupt");
  turns.forEach(assertOwnFields);
  const first = { ...NOTHING_ELSE, threadId: "01a20390-e041-7e30-9818-60e7ce08335c" };
  const second = { ...NOTHING_ELSE, threadId: "01a20391-1322-7b30-940f-d20c4ce6e67e" };
  const expected: CodexFields[] = [
    {
      ...first, turnId: "01a20390-e053-7be2-abb7-1c63406130e2", status: "interrupted", durationMs: 688,
      input: text("RUNCMD=sleep 3\\; echo late; DELTAS=1"), tokenUsage: calls(1),
      commands: [ran("sleep 3; echo late", 0, 3068)],
    },
    {
      ...first, turnId: "01a20390-f49f-7902-b30d-21acb8699852", status: "completed", durationMs: 543,
      input: text("YIELD=300:sleep 3\\; echo bgdone; DELTAS=1"), finalMessage: "tok0 ", tokenUsage: calls(2),
      commands: [ran("sleep 3; echo bgdone", 0, 2862)],
    },
    {
      ...first, turnId: "01a20391-066f-76e3-980c-a2489c6a9807", status: "completed", durationMs: 550,
      input: text("YIELD=300:sleep 777; DELTAS=1"), finalMessage: "tok0 ", tokenUsage: calls(2),
      commands: [ran("sleep 777", -1, 358)],
    },
    {
      ...first, turnId: "01a20391-0bdd-7f90-b448-0535dc4817d4", status: "interrupted", durationMs: 731,
      input: text("RUNCMD=sleep 778; DELTAS=1"), tokenUsage: calls(1), commands: [ran("sleep 778", -1, 826)],
    },
    {
      ...second, turnId: "01a20391-1330-7242-b296-6dbd3f271ed7", status: "completed", durationMs: 59,
      input: text("DELTAS=1"), finalMessage: "tok0 ", tokenUsage: calls(1),
    },
    {
      ...second, turnId: "01a20391-1372-7dd3-a76b-b1d4d873206e", status: "interrupted", durationMs: 612,
      input: text("RUNCMD=sleep 779; DELTAS=1"), tokenUsage: calls(1), commands: [ran("sleep 779", 137, 417)],
    },
  ];
  assert.deepEqual(turns.map(codexFields), expected);
  // At the end of its turn each of them ran still.
  const running = expected.map(({ commands }) => commands.map(({ command }) => [command, null, null]));
  assert.deepEqual(
    atTheirEnds.map(({ commands }) => commands.map((end) => [end.command, end.exitCode, end.durationMs])), running,
  );
  for (const [at, { turnId, lastSeq }] of turns.entries()) {
    const finished = rig.store.events.find((event) => event.type === "turn.finished" && event.detail.turnId === turnId);
    assert.deepEqual([lastSeq, atTheirEnds[at]?.lastSeq], [finished?.seq, finished?.seq], "it stays the end's");
  }
});

test("turn-steer-interrupt: a steer goes on with the turn; tokens are counted once [trap 3.2.5, 3.7.2]", async () => {
  const { turns, atTheirEnds } = await replayCapture("turn-steer-interrupt");
  turns.forEach(assertOwnFields);
  assert.deepEqual(atTheirEnds, turns, "nothing was added behind the ends");
  const thread = { ...NOTHING_ELSE, threadId: "01a20386-1d5d-78c3-a003-2fa4dae3b65c" };
  const expected: CodexFields[] = [
    {
      // Steered twice: the message that it was writing is given up, and no part of the answer.
      ...thread, turnId: "01a20386-1d83-73e1-b032-0eef13a44d37", status: "completed", durationMs: 2044,
      input: text("DELTAS=30 RATE=20"), finalMessage: tokens(30), tokenUsage: calls(1),
    },
    {
      // Interrupted in its first message: what was written of it is no answer, and Codex counts nothing.
      ...thread, turnId: "01a20386-277d-7e03-a816-ecfb0d282c63", status: "interrupted", durationMs: 816,
      input: text("DELTAS=300 RATE=20"),
    },
    {
      // The interrupt came too early, Codex refused it, and the turn ran to its end.
      ...thread, turnId: "01a20386-2be3-77a0-8cea-a431b8e41045", status: "completed", durationMs: 15040,
      input: text("DELTAS=300 RATE=20"), finalMessage: tokens(300), tokenUsage: calls(1),
    },
    {
      // Its command ran on, and nobody has told its end.
      ...thread, turnId: "01a20386-66ac-79b1-9bc2-b16131060f1c", status: "interrupted", durationMs: 546,
      input: text("RUNCMD=sleep 30; DELTAS=3"), tokenUsage: calls(1), commands: [ran("sleep 30", null, null)],
    },
    {
      ...thread, turnId: "01a20386-6af0-7c50-8e94-1343ef469fab", status: "completed", durationMs: 39,
      input: text("DELTAS=1 after"), finalMessage: "tok0 ", tokenUsage: calls(1),
    },
  ];
  assert.deepEqual(turns.map(codexFields), expected);
});
