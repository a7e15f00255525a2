// What the limits must be to each other; their values are a matter of reasons, not of tests.
//
// Both sides of a limit are tried where it is kept.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";

test("every limit is a positive whole number, besides the share of chance", () => {
  const { childRestart, ...plain } = LIMITS;
  for (const [name, value] of Object.entries({ ...plain, first: childRestart.firstMs, most: childRestart.mostMs })) {
    assert.ok(Number.isSafeInteger(value) && value > 0, name);
  }
  assert.ok(childRestart.jitter > 0 && childRestart.jitter < 1);
});

test("what must fit into something else does", () => {
  // Codex's ingress queue holds 128; a burst of all calls under way must leave half of it free.
  assert.ok(LIMITS.childCallsMax <= 64);
  assert.ok(LIMITS.childRestart.firstMs < LIMITS.childRestart.mostMs);
  // The stop of a child goes through two graces and a drain.
  assert.ok(2 * LIMITS.childStopGraceMs + LIMITS.childPipeDrainMs < LIMITS.shutdownMs);
  assert.ok(LIMITS.shutdownMs < LIMITS.clientShutdownMs);
  assert.ok(LIMITS.bodyBytesMax < LIMITS.inputBodyBytesMax);
  assert.ok(LIMITS.streamDrainedBytes < LIMITS.streamSoftBytes && LIMITS.streamSoftBytes < LIMITS.streamHardBytes);
  assert.ok(LIMITS.journalBatchBytesMax < LIMITS.journalPendingBytesMax);
  assert.ok(LIMITS.headersMs < LIMITS.requestMs);
  assert.ok(LIMITS.pageDefault <= LIMITS.pageMax);
  assert.ok(LIMITS.waitMsMax < 300_000 && LIMITS.waitMsMax < LIMITS.timerMsMax);
});
