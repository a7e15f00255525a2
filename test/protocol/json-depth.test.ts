// What counts as nested and what does not, and that neither depth nor length is any trouble.
// Each text here is JSON: whether one is, the parser says before.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeeper } from "../../src/protocol/json-depth.ts";

const CASES: ReadonlyArray<readonly [string, number]> = [
  ["1", 0], ['"[[[{{{"', 0], ["[]", 1], ["{}", 1], ['{"a":[1,[2]]}', 3], ["[[],[],[]]", 2],
  [String.raw`["\"[[[", "\\", [[]]]`, 3], ['{"[[[":{"]":[]}}', 3], [`[${"[],".repeat(1000)}[[]]]`, 3],
];

test("only brackets outside of strings count, and only those within each other", () => {
  for (const [json, depth] of CASES) {
    JSON.parse(json);
    const padded = " ".repeat(json.length) + json;
    assert.equal(isDeeper(padded, depth), false, json);
    if (depth > 0) assert.equal(isDeeper(padded, depth - 1), true, json);
  }
});

test("a million levels are no trouble", () => {
  assert.equal(isDeeper(`${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`, 256), true);
});
