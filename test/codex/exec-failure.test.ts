// The sentence about a failed run, on what the real Codex said on stderr.
// Pure: what is said of a stop by codexd itself is tested in test/child.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_PROGRESS } from "../../src/codex/exec-events.ts";
import { describeExecFailure } from "../../src/codex/exec-failure.ts";
import { readExecCapture } from "../support/captures.ts";

const EXIT_1 = { exitCode: 1, signal: null };
const say = (stderr: string, exit: { exitCode: number | null; signal: string | null } = EXIT_1): string =>
  describeExecFailure(NO_PROGRESS, exit, stderr);

test("Codex's own words about the turn come first, without secrets", () => {
  const progress = { ...NO_PROGRESS, failure: "refused: sk-abcdefghijkl" };
  assert.equal(describeExecFailure(progress, EXIT_1, "noise"), "refused: sk-[redacted]");
});

test("outside of a repository the message names the field that allows it", () => {
  const message = say(readExecCapture("exec-nogit").stderr);
  assert.match(message, /Not inside a trusted directory/);
  assert.match(message, /skipGitRepoCheck/);
});

test("an error line is found among others, with what follows it [trap 7.5]", () => {
  assert.match(say(readExecCapture("exec-badflag").stderr, { exitCode: 2, signal: null }),
    /^codex exec exited with code 2: error: unexpected argument '--bogus' found \| tip: .*Usage: /);
  const withTrace = "Reading prompt from stdin...\nstarting\n\u001b[31mError\u001b[0m: profile `x` not found\n\n"
    + "Stack backtrace:\n   0: <unknown>\n   1: <unknown>\n";
  assert.equal(say(withTrace), "codex exec exited with code 1: Error: profile `x` not found");
});

test("without an error line the last lines are told; lines of a log only where there is nothing else", () => {
  const log = "2026-11-22T14:05:16.989510Z ERROR codex_core::session: failed";
  assert.equal(say(`a\nb\nc\nd\n${log}\n`), "codex exec exited with code 1: b | c | d");
  assert.equal(say(`${log}\n`), `codex exec exited with code 1: ${log}`);
  assert.equal(say("x".repeat(5000)).length, "codex exec exited with code 1: ".length + 1000);
});

test("where nothing was said, the end itself is told", () => {
  const suffix = " and had not said turn.completed";
  assert.equal(say(""), `codex exec exited with code 1${suffix}`);
  assert.equal(say("", { exitCode: null, signal: "SIGKILL" }), `codex exec was ended by SIGKILL${suffix}`);
  assert.equal(describeExecFailure({ ...NO_PROGRESS, completed: true }, EXIT_1, ""), "codex exec exited with code 1");
});
