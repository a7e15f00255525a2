// Secrets leave text, the rest stays.
//
// The last ones are words that look like secrets and are none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { redact } from "../../src/core/redact.ts";

const CASES: ReadonlyArray<readonly [string, string]> = [
  ["Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [redacted]"],
  ["bearer abc.def-ghi_jkl~mno+pqr/stu=", "bearer [redacted]"],
  ["bearer  two  and BEARER ABCDEFGHIJ", "bearer  two  and BEARER [redacted]"],
  ["key sk-proj-ABC_def-12345, more", "key sk-[redacted], more"],
  ["a bearer of news", "a bearer of news"],
  ["Bearer short12", "Bearer short12"],
  ["sk-short", "sk-short"],
  ["task-management-12345678", "task-management-12345678"],
  ["", ""],
];

for (const [text, expected] of CASES) {
  test(`${JSON.stringify(text)} becomes ${JSON.stringify(expected)}`, () => {
    assert.equal(redact(text), expected);
  });
}

test("every named secret goes, everywhere, whatever signs it has; an empty one is ignored", () => {
  assert.equal(redact("a $&.* b $&.* c", ["$&.*", ""]), "a [redacted] b [redacted] c");
  assert.equal(redact("one two", ["one", "two"]), "[redacted] [redacted]");
});
