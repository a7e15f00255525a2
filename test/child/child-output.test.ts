// What a child says beside the protocol: all of it in the log, a bounded part of it told.
//
// Logs are in memory and time is the test's, so that "20 a second" is counted and not hoped for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createChildOutput } from "../../src/child/child-output.ts";
import type { EventDraft } from "../../src/core/event.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createMemoryLog } from "../support/memory-log.ts";

const INTERVAL_MS = 1000 / LIMITS.childStderrEventsPerSecond;

function rig(secrets: readonly string[] = []) {
  const clock = createFakeClock();
  const stdoutLog = createMemoryLog();
  const stderrLog = createMemoryLog();
  const events: EventDraft[] = [];
  const output = createChildOutput({
    clock, stdoutLog, stderrLog, report: (draft) => events.push(draft), secrets: () => secrets,
  });
  output.begin(7);
  const stderr = (text: string): void => output.stderr(Buffer.from(text));
  return { clock, stdoutLog, stderrLog, events, output, stderr };
}

test("lines that come close together are one event", async () => {
  const { clock, events, stderr, stderrLog } = rig();
  stderr("one\ntw");
  stderr("o\n");
  await clock.advance(INTERVAL_MS - 1);
  assert.deepEqual(events, []);
  await clock.advance(1);
  assert.deepEqual(events, [{
    level: "warn", type: "child.stderr", message: "one",
    detail: { pid: 7, text: "one\ntwo", lines: 2, droppedLines: 0 },
  }]);
  assert.equal(stderrLog.text, "one\ntwo\n");
});

test("a child that never stops is told at most 20 times a second, and what is left out is counted", async () => {
  const { clock, events, stderr, stderrLog } = rig();
  const line = "x".repeat(100);
  for (let ms = 0; ms < 1000; ms += 1) {
    stderr(`${line}\n`.repeat(5));
    await clock.advance(1);
  }
  assert.equal(events.length, LIMITS.childStderrEventsPerSecond);
  let told = 0;
  for (const { detail } of events) {
    const { text, lines, droppedLines } = detail as unknown as { text: string; lines: number; droppedLines: number };
    assert.ok(text.length <= 2 * LIMITS.childStderrLineBytesMax);
    assert.equal(text.split("\n").length, lines);
    assert.equal(lines + droppedLines, 250);
    told += lines + droppedLines;
  }
  assert.equal(told, 5000);
  assert.equal(stderrLog.text.length, 5000 * 101);
});

test("silence is no event, and one line after it is told after its interval", async () => {
  const { clock, events, stderr } = rig();
  await clock.advance(10_000);
  assert.deepEqual([events, clock.dueInMs], [[], []]);
  stderr("\n\r\n");
  await clock.advance(INTERVAL_MS);
  assert.deepEqual(events, []);
  stderr("late\n");
  await clock.advance(INTERVAL_MS);
  assert.deepEqual(events.map(({ message }) => message), ["late"]);
});

test("the newest 20 lines are kept, each cut at its limit, and forgotten with the next life", () => {
  const { output, stderr } = rig();
  for (let i = 1; i <= LIMITS.childStderrLinesKept; i += 1) stderr(`line ${i}\n`);
  assert.equal(output.lastStderrLines()[0], "line 1");
  stderr(`${"y".repeat(LIMITS.childStderrLineBytesMax + 1)}\n`);
  assert.equal(output.lastStderrLines().length, LIMITS.childStderrLinesKept);
  assert.equal(output.lastStderrLines()[0], "line 2");
  assert.equal(output.lastStderrLines().at(-1), "y".repeat(LIMITS.childStderrLineBytesMax));
  output.begin(8);
  assert.deepEqual(output.lastStderrLines(), []);
});

test("flush tells at once what is held back, with a last line that has no newline", async () => {
  const { clock, events, output, stderr, stderrLog } = rig();
  stderr("Error: bad conf");
  stderr("ig");
  output.flush();
  assert.equal(events[0]?.detail["text"], "Error: bad config");
  assert.deepEqual(output.lastStderrLines(), ["Error: bad config"]);
  assert.equal(stderrLog.text, "Error: bad config\n");
  assert.deepEqual(clock.dueInMs, []);
  output.flush();
  assert.equal(events.length, 1);
  output.begin(8);
  stderr("next\n");
  await clock.advance(INTERVAL_MS);
  assert.deepEqual(events[1]?.detail, { pid: 8, text: "next", lines: 1, droppedLines: 0 });
});

test("colours are taken out, also when a chunk cuts them", () => {
  const { output, stderr } = rig();
  stderr("\u001b[2m2026\u001b[0m \u001b[3");
  stderr("1mERROR\u001b[0m boom\n");
  assert.deepEqual(output.lastStderrLines(), ["2026 ERROR boom"]);
});

test("secrets reach neither log, nor event, nor kept line, on both streams", () => {
  const { output, stderr, stderrLog, stdoutLog, events } = rig(["hunter2"]);
  stderr("token hun");
  stderr("ter2 and \u001b[1msk-abcdefgh1234\u001b[0m\n");
  output.noise("Authorization: Bearer abcdefgh1234 hunter2");
  output.flush();
  const everything = JSON.stringify([stderrLog.text, stdoutLog.text, events, output.lastStderrLines()]);
  assert.doesNotMatch(everything, /hunter2|abcdefgh/);
  assert.equal(stderrLog.text, "token [redacted] and sk-[redacted]\n");
  assert.equal(stdoutLog.text, "Authorization: Bearer [redacted] [redacted]\n");
});

test("noise is logged whole and told up to its limit, what comes close together in one event", async () => {
  const { clock, output, stdoutLog, events } = rig();
  const exact = "n".repeat(LIMITS.childNoiseCharsMax);
  output.noise(exact);
  output.noise(`${exact}m`);
  await clock.advance(INTERVAL_MS - 1);
  assert.deepEqual(events, []);
  await clock.advance(1);
  assert.deepEqual(events, [{
    level: "warn", type: "child.stdout", message: exact,
    detail: { pid: 7, text: `${exact}\n${exact}`, lines: 2, droppedLines: 0 },
  }]);
  assert.equal(stdoutLog.text, `${exact}\n${exact}m\n`);
});

test("noise without end is told 20 times a second, apart from stderr, and counted beyond its limit", async () => {
  const { clock, output, stderr, events } = rig();
  const line = "n".repeat(LIMITS.childNoiseCharsMax);
  for (let ms = 0; ms < 1000; ms += 10) {
    for (let i = 0; i < 20; i += 1) output.noise(line);
    if (ms % 100 === 0) stderr("quiet\n");
    await clock.advance(10);
  }
  const noise = events.filter(({ type }) => type === "child.stdout");
  assert.equal(noise.length, LIMITS.childStderrEventsPerSecond);
  for (const { detail } of noise) {
    const { text, lines, droppedLines } = detail as unknown as { text: string; lines: number; droppedLines: number };
    assert.ok(text.length <= LIMITS.childStderrLineBytesMax + (LIMITS.childNoiseCharsMax + 1) * 2);
    assert.equal(text.split("\n").length, lines);
    assert.equal(lines + droppedLines, 100);
  }
  assert.equal(events.filter(({ type }) => type === "child.stderr").length, 10);
});

test("flush tells noise that is held back, and leaves no timer", () => {
  const { clock, output, events } = rig();
  output.noise("last words");
  output.flush();
  assert.deepEqual(events.map(({ type, message }) => [type, message]), [["child.stdout", "last words"]]);
  assert.deepEqual(clock.dueInMs, []);
});

test("a line without an end is dropped and counted, and does not silence what follows", () => {
  const { output, stderr, events } = rig();
  const chunk = Buffer.alloc(8 * 1024 * 1024, "z");
  for (let bytes = 0; bytes <= LIMITS.childLineBytesMax; bytes += chunk.length) output.stderr(chunk);
  stderr("\nstill here\n");
  output.flush();
  assert.deepEqual(events.map(({ detail }) => [detail["text"], detail["droppedLines"]]), [["still here", 1]]);
});
