// Distances between words, and when a word is near enough to be named.
//
// The distances are counted by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, nearestWord } from "../../src/cli/nearest-word.ts";

test("letters added, left out, changed and swapped count one each", () => {
  const cases: ReadonlyArray<readonly [string, string, number]> = [
    ["", "", 0], ["a", "", 1], ["", "abc", 3], ["start", "start", 0], ["strat", "start", 1], ["stat", "start", 1],
    ["sttart", "start", 1], ["stort", "start", 1], ["kitten", "sitting", 3], ["ab", "ba", 1], ["ca", "abc", 3],
  ];
  for (const [a, b, distance] of cases) {
    assert.equal(editDistance(a, b), distance, `${a} ${b}`);
    assert.equal(editDistance(b, a), distance, `${b} ${a}`);
  }
});

test("the nearest word is named when at most a third of it differs", () => {
  const words = ["start", "status", "shutdown", "api"];
  assert.equal(nearestWord("strat", words), "start");
  assert.equal(nearestWord("statu", words), "status");
  assert.equal(nearestWord("shutodnw", words), "shutdown");
  assert.equal(nearestWord("ap", words), "api");
  assert.equal(nearestWord("apx1", words), null);
  assert.equal(nearestWord("frobnicate", words), null);
  assert.equal(nearestWord("start", []), null);
});
