// What the limits must be to each other; their values are a matter of reasons, not of tests.
//
// Both sides of a limit are tried where it is kept.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";

test("every limit is a positive whole number, besides the share of chance", () => {
  const { childRestart, clientReconnect, ...plain } = LIMITS;
  const delays = [childRestart, clientReconnect];
  for (const [name, value] of [...Object.entries(plain), ...delays.flatMap((delay) => Object.entries(delay))]) {
    assert.ok(name === "jitter" || (Number.isSafeInteger(value) && value > 0), name);
  }
  for (const { firstMs, mostMs, jitter } of delays) assert.ok(jitter > 0 && jitter < 1 && firstMs < mostMs);
});

test("what must fit into something else does", () => {
  // Codex's ingress queue holds 128; a burst of all calls under way must leave half of it free.
  assert.ok(LIMITS.childCallsMax <= 64);
  // The stop of a child goes through two graces and a drain.
  assert.ok(2 * LIMITS.childStopGraceMs + LIMITS.childPipeDrainMs < LIMITS.shutdownMs);
  assert.ok(LIMITS.shutdownMs < LIMITS.clientShutdownMs);
  // The stop of a run goes through a grace, a kill, a sweep and a drain, and then its output is closed.
  const { runStopGraceMs, runSweepMs, childPipeDrainMs, runGiveUpMs, runOutputCloseMs, shutdownMs } = LIMITS;
  assert.ok(runStopGraceMs + 2 * runSweepMs + childPipeDrainMs < runGiveUpMs);
  assert.ok(runGiveUpMs + runOutputCloseMs < shutdownMs);
  assert.ok(LIMITS.runOutputPendingBytesMax < LIMITS.runOutputPendingBytesHard);
  assert.ok(LIMITS.bodyBytesMax < LIMITS.inputBodyBytesMax);
  assert.ok(LIMITS.streamDrainedBytes < LIMITS.streamSoftBytes && LIMITS.streamSoftBytes < LIMITS.streamHardBytes);
  assert.ok(LIMITS.journalBatchBytesMax < LIMITS.journalPendingBytesMax);
  assert.ok(LIMITS.headersMs < LIMITS.requestMs);
  assert.ok(LIMITS.clientIdleMs < LIMITS.keepAliveMs);
  assert.ok(LIMITS.streamHeartbeatMs * 2 < LIMITS.clientSilenceMs);
  assert.ok(LIMITS.childReadyWaitMs + 2 * LIMITS.childCallMs < LIMITS.clientWorkMs);
  assert.ok(LIMITS.pageDefault <= LIMITS.pageMax);
  assert.ok(LIMITS.waitMsMax < 300_000 && LIMITS.waitMsMax < LIMITS.timerMsMax);
});
