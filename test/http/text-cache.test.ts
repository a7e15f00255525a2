// What is kept, and what is not.
// Both limits are tried on both sides.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../src/core/limits.ts";
import { createTextCache } from "../../src/http/text-cache.ts";

test("a text is made once for a record, and again for a changed one", () => {
  const cache = createTextCache<object>();
  let made = 0;
  const make = (): string => `text ${++made}`;
  const record = {};
  const texts = [cache.get(record, make), cache.get(record, make), cache.get({}, make)];
  assert.deepEqual(texts, ["text 1", "text 1", "text 2"]);
});

test("long texts are not kept, and of many the oldest go", () => {
  const cache = createTextCache<object>();
  let made = 0;
  const long = {};
  const ofLength = (length: number) => (): string => (made += 1, "x".repeat(length));
  cache.get(long, ofLength(LIMITS.cachedTextCharsMax + 1));
  cache.get(long, ofLength(LIMITS.cachedTextCharsMax));
  cache.get(long, ofLength(1));
  assert.equal(made, 2, "at the limit it is kept");
  const keys = Array.from({ length: LIMITS.cachedTextsMax }, () => ({}));
  for (const key of keys.slice(1)) cache.get(key, ofLength(1));
  made = 0;
  cache.get(long, ofLength(1));
  assert.equal(made, 0, "as many as may be kept are kept");
  cache.get(keys[0] ?? {}, ofLength(1));
  cache.get(long, ofLength(1));
  assert.equal(made, 2, "one more, and the oldest has gone");
});
