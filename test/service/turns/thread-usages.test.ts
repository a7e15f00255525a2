// The totals of threads: the last ones that were noted, and no more than were asked for.
// What a turn makes of them stands in receipts.test.ts and turns-tokens.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../../src/core/limits.ts";
import { NO_TOKENS } from "../../../src/service/receipts/receipts.ts";
import { createThreadUsages } from "../../../src/service/turns/thread-usages.ts";

test("the threads that were noted last are kept", () => {
  const kept = LIMITS.threadUsagesKept;
  const usages = createThreadUsages(kept);
  for (let i = 0; i < kept; i += 1) usages.note(`t${i}`, { ...NO_TOKENS, totalTokens: i });
  assert.equal(usages.of("t0")?.totalTokens, 0);
  usages.note("t0", { ...NO_TOKENS, totalTokens: 7 });
  usages.note("one more", NO_TOKENS);
  assert.equal(usages.of("t1"), undefined, "the one that was noted longest ago");
  assert.equal(usages.of("t0")?.totalTokens, 7);
  assert.equal(usages.of(`t${kept - 1}`)?.totalTokens, kept - 1);
});

test("what is missing is not kept", () => {
  const usages = createThreadUsages(2);
  usages.note(null, NO_TOKENS);
  usages.note("t", undefined);
  assert.equal(usages.of(null), undefined);
  assert.equal(usages.of("t"), undefined);
});
