// A map of a bounded number of entries: what goes, and what stays.
// On both sides of the bound, and with the keys that are easy to forget.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentMap } from "../../src/base/recent-map.ts";

test("the entry that was set longest ago goes when there is one too many", () => {
  const map = new RecentMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  assert.deepEqual([...map.entries()], [["a", 1], ["b", 2]]);
  map.set("c", 3);
  assert.deepEqual([...map.entries()], [["b", 2], ["c", 3]]);
  assert.equal(map.get("a"), undefined);
  assert.equal(map.size, 2);
});

test("what is set again is new, and what is only read is not", () => {
  const map = new RecentMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  assert.equal(map.get("b"), 2);
  map.set("c", 4);
  assert.deepEqual([...map.entries()], [["a", 3], ["c", 4]]);
});

test("what is deleted makes room, also for a key that is undefined", () => {
  const map = new RecentMap<string | undefined, number>(1);
  map.set(undefined, 1);
  map.set("a", 2);
  assert.deepEqual([...map.entries()], [["a", 2]]);
  map.delete("a");
  map.set(undefined, 3);
  assert.equal(map.get(undefined), 3);
  map.clear();
  assert.equal(map.size, 0);
});
