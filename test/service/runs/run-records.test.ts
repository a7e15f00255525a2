// What a record holds, and what it leaves to the files beside it: each limit from both sides.
//
// Pure: no store, no files. The queue, which is as pure, is tried here too.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import { NO_WORK } from "../../../src/core/records.ts";
import { runSummary, type RunInvocation, type RunRecord } from "../../../src/core/runs.ts";
import { cutText } from "../../../src/service/long-values.ts";
import { createRunQueue } from "../../../src/service/runs/run-queue.ts";
import {
  endedEvent, endedRecord, hasWholePrompt, ownEnd, queuedRecord, readOutcome, withWhole, type RunEnd,
} from "../../../src/service/runs/run-records.ts";
import { makeResult } from "../../support/run-rig.ts";

const NOW = "2026-01-01T00:00:00.000Z";
const queued = (prompt = "p"): RunRecord => queuedRecord("run_1", { prompt, cwd: "/" }, NOW);
const invocation: RunInvocation = {
  command: "codex", args: [], cwd: "/", prompt: "p", purpose: "worker", timeoutMs: null,
};
const endWith = (changes: Partial<RunEnd>): RunEnd => (
  { ...ownEnd("completed", "", ""), error: null, invocation, ...changes });

test("a record has every field from the beginning, in the order of the documents", () => {
  assert.deepEqual(Object.keys(queued()), [
    "runId", "sessionId", "status", "adapter", "prompt", "purpose", "cwd", "createdAt", "updatedAt", "startedAt",
    "finishedAt", "error", "summary", "finalMessage", "exitCode", "tokenUsage", "metadata", "result",
    "structuredOutput", "structuredOutputError", "plan", "commands", "fileChanges", "firstSeq", "liveness",
  ]);
  assert.equal(queued().purpose, "fallback-worker");
});

test("a text is cut at a number of bytes, between characters", () => {
  for (const [text, max, cut] of [
    ["abc", 3, "abc"], ["abcd", 3, "abc"], ["äöü", 4, "äö"], ["äöü", 5, "äö"], ["äöü", 6, "äöü"],
    ["a😀", 4, "a"], ["", 0, ""],
  ] as const) assert.equal(cutText(text, max), cut, `${text} ${max}`);
});

test("a prompt is cut only where it is too long, and a record says when it may have been", () => {
  const most = LIMITS.inlineInputBytesMax;
  assert.equal(queued("x".repeat(most)).prompt.length, most);
  assert.equal(queued("x".repeat(most + 1)).prompt.length, most);
  assert.equal(hasWholePrompt(queued("x".repeat(most - 4))), true);
  for (const prompt of ["x".repeat(most + 1), `${"x".repeat(most - 3)}😀`]) {
    assert.equal(hasWholePrompt(queued(prompt)), false);
  }
});

test("a result is inline up to its limit, and beside the line above it", () => {
  const room = LIMITS.inlineResultBytesMax - JSON.stringify({ invocation, result: makeResult() }).length;
  const fits = endedRecord(queued(), endWith({ result: makeResult({ stdout: "x".repeat(room) }) }), "p", NOW);
  assert.deepEqual([fits.whole, fits.record.result?.result?.stdout.length], [null, room]);
  const result = makeResult({ stdout: "x".repeat(room + 1) });
  const { whole, record } = endedRecord(queued(), endWith({ result }), "p", NOW);
  assert.deepEqual([whole?.result?.result, record.result?.result?.stdout], [result, ""]);
  assert.deepEqual(withWhole(record, JSON.parse(JSON.stringify(whole))), { ...record, result: whole?.result });
  assert.deepEqual(withWhole(record, {}), record, "a file without them changes nothing");
});

test("a long message and long arguments are cut too", () => {
  const long = "x".repeat(LIMITS.inlineInputBytesMax + 1);
  const fits = endedRecord(queued(), endWith({ result: makeResult({ lastMessage: long.slice(1) }) }), "p", NOW);
  assert.equal(fits.record.finalMessage, long.slice(1));
  const end = endWith({ result: makeResult({ lastMessage: long }), invocation: { ...invocation, args: [long] } });
  const { record, whole } = endedRecord(queued(), end, "p", NOW);
  assert.equal(record.finalMessage, long.slice(1));
  assert.deepEqual([record.result?.invocation.args, whole?.finalMessage], [[], long]);
  assert.equal(record.summary?.length, LIMITS.finalMessageEventCharsMax);
  assert.equal((endedEvent(record, end).detail["finalMessage"] as string).length, LIMITS.finalMessageEventCharsMax);
});

test("of a result beside the line the record keeps only the beginning of what it has once already", () => {
  for (const more of [0, 1]) {
    const text = "x".repeat(LIMITS.inlineExcerptBytesMax + more);
    const result = makeResult({ lastMessage: text, stdout: "y".repeat(LIMITS.inlineResultBytesMax) });
    const end = endWith({ result, invocation: { ...invocation, prompt: text } });
    const { record } = endedRecord(queued(text), end, text, NOW);
    const shown = [record.result?.invocation.prompt.length, record.result?.result?.lastMessage?.length];
    assert.deepEqual(shown, [LIMITS.inlineExcerptBytesMax, LIMITS.inlineExcerptBytesMax]);
    assert.deepEqual([record.prompt, record.finalMessage], [text, text]);
  }
});

test("what ten thousand ended runs keep in memory stays small, whatever they have printed", () => {
  const text = "x".repeat(LIMITS.runTextBytesMax);
  const result = makeResult({ stdout: text, stderr: text, jsonEvents: [{ text }], jsonParseErrors: [text] });
  const { record } = endedRecord(queued(), endWith({ result }), "p", NOW);
  assert.ok(JSON.stringify(record).length < 2048, `${JSON.stringify(record).length} characters`);
});

test("a long prompt has its result beside the line, even where that is none", () => {
  const prompt = "x".repeat(LIMITS.inlineInputBytesMax + 1);
  const { whole } = endedRecord(queued(prompt), { ...ownEnd("failed", "interrupted", "gone") }, prompt, NOW);
  assert.deepEqual(whole, { prompt, finalMessage: null, result: null, work: NO_WORK });
  const unbegun = endedRecord(queued(prompt), endWith({ result: null, status: "failed" }), prompt, NOW);
  assert.deepEqual(unbegun.record.result, { invocation, result: null });
});

test("the event of an end is one line, with a level of its own", () => {
  const end: RunEnd = { ...ownEnd("failed", "x", "two\nlines"), lostBytes: 3 };
  const event = endedEvent({ ...queued(), error: end.error }, end);
  assert.deepEqual([event.level, event.type, event.message],
    ["error", "run.failed", "run failed: two lines (3 bytes of its output could not be written)"]);
  const cancelled = ownEnd("cancelled", "cancelled", "the run was cancelled");
  assert.deepEqual([endedEvent(queued(), cancelled).level, endedEvent(queued(), cancelled).message],
    ["warn", "run cancelled"]);
});

test("an outcome's missing parts are filled in from what was asked for", () => {
  const bare = readOutcome({ ok: false, result: {}, error: { message: 5 } }, { prompt: "p" });
  assert.deepEqual(bare.invocation, {
    command: "codex", args: [], cwd: "", prompt: "p", purpose: "fallback-worker", timeoutMs: null,
  });
  assert.deepEqual([bare.ok, bare.result?.exitCode, bare.stop], [false, null, undefined]);
  const asked = { prompt: "p", command: "c", commandArgs: ["a"], cwd: "/", purpose: "smoke", timeoutMs: 5 } as const;
  const told = readOutcome({ ok: true, invocation: { args: ["b"] }, result: {}, stop: { stopped: [] } }, asked);
  const { args, command } = told.invocation ?? {};
  assert.deepEqual([args, command, told.stop], [["b"], "c", { stopped: [], survived: [] }]);
});

test("a summary of a run without a result is the run without what it has done", () => {
  const { commands: _commands, fileChanges: _fileChanges, ...summary } = queued();
  assert.deepEqual(runSummary(queued()), summary);
  const run = { ...queued(), result: { invocation, result: null } };
  assert.deepEqual(runSummary(run), { ...summary, result: run.result });
});

test("a queue keeps the place of what is held", () => {
  const queue = createRunQueue<string>();
  for (const id of ["a", "b", "c"]) queue.add(id, id.toUpperCase());
  assert.deepEqual([queue.hold("a"), queue.hold("a"), queue.hold("x")], [true, false, false]);
  assert.equal(queue.takeFirst(), "B");
  queue.release("a");
  assert.deepEqual([queue.takeFirst(), queue.size], ["A", 3]);
  queue.remove("a");
  queue.release("b");
  assert.deepEqual([queue.takeFirst(), queue.takeFirst(), queue.takeFirst(), queue.size], ["B", "C", undefined, 2]);
});
