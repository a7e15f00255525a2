// The last words of a child that never got to work: what stands in them, and what is left out.
//
// The whole sentence as an operator reads it, and that it has no secrets, is in supervisor.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ownedWords } from "../../src/child/life-words.ts";
import type { LifeEnd } from "../../src/child/life.ts";

const DIED: LifeEnd = { exitCode: 1, signal: null, reason: null, spawnFailed: false, canRetry: true };
const { ended } = ownedWords({ command: "codex", args: [] });
const REASON = 'Error: approval_policy = "untrusted" is no longer supported; remove this setting';
const TRACE = ["", "Stack backtrace:", "   0: <unknown>", "   1: <unknown>", "   2: <unknown>"];

const SAID: ReadonlyArray<readonly [string, readonly string[], string]> = [
  ["the last three lines", ["one", "two", "three", "four"], "; it said: two | three | four"],
  ["a backtrace hides no reason", ["starting", REASON, ...TRACE], `; it said: starting | ${REASON}`],
  ["empty lines are no words", ["Error: bad config", "", " "], "; it said: Error: bad config"],
  ["a backtrace alone", TRACE, ""],
  ["nothing", [], ""],
];

for (const [name, stderr, words] of SAID) {
  test(name, () => {
    assert.equal(ended(DIED, false, stderr), `the app-server exited with code 1${words}`);
  });
}
