// When a child that has died gets no other life: how often, how fast, and of what.
//
// Both sides of the count and of the time; the whole way through a supervisor is in supervisor-restart.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createGiveUp } from "../../src/child/give-up.ts";
import type { LifeEnd } from "../../src/child/life.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const DIED: LifeEnd = { exitCode: 1, signal: null, reason: null, spawnFailed: false, canRetry: true };
const FIVE = "it has died 5 times in 60 s, so it is not started again";

test("the fifth death within the time is the last", () => {
  const giveUp = createGiveUp(createFakeClock());
  const told = Array.from({ length: LIMITS.childDeathsMax }, () => giveUp.after(DIED, true, []));
  assert.deepEqual(told, [null, null, null, null, FIVE]);
});

for (const [lastAfterMs, outcome] of [[59_999, FIVE], [60_000, null]] as const) {
  test(`a death ${lastAfterMs} ms after the first of five`, async () => {
    const clock = createFakeClock();
    const giveUp = createGiveUp(clock);
    for (let i = 1; i < LIMITS.childDeathsMax; i += 1) giveUp.after(DIED, true, []);
    await clock.advance(lastAfterMs);
    assert.equal(giveUp.after(DIED, true, []), outcome);
  });
}

test("who asks for another life begins the count anew", () => {
  const giveUp = createGiveUp(createFakeClock());
  for (let i = 1; i < LIMITS.childDeathsMax; i += 1) giveUp.after(DIED, true, []);
  giveUp.reset();
  assert.equal(giveUp.after(DIED, true, []), null);
});

test("what never began is no death", () => {
  const giveUp = createGiveUp(createFakeClock());
  const unborn = { ...DIED, exitCode: null, spawnFailed: true };
  const told = Array.from({ length: 2 * LIMITS.childDeathsMax }, () => giveUp.after(unborn, false, []));
  assert.deepEqual(new Set(told), new Set([null]));
});

test("a command line or configuration that is refused is not tried again; what only looks like one is", () => {
  const refused = "it does not take its arguments, so it is not started again";
  const config = "it refuses its configuration, so it is not started again";
  const untrusted = 'Error: approval_policy = "untrusted" is no longer supported; remove this setting';
  const words = ["error: unexpected argument '--nope' found", "  tip: to pass it as a value"];
  const cases: ReadonlyArray<readonly [Partial<LifeEnd>, boolean, readonly string[], string | null]> = [
    [{ exitCode: 2 }, false, words, refused],
    [{ exitCode: 2 }, true, words, null],
    [{ exitCode: 1 }, false, words, null],
    [{ exitCode: 2 }, false, ["Error: no home"], null],
    [{ exitCode: 1 }, false, ["WARNING: proceeding", untrusted, "", "Stack backtrace:"], config],
    [{ exitCode: 1 }, true, [untrusted], null],
    [{ exitCode: null, signal: "SIGTERM" }, false, [untrusted], null],
    [{ exitCode: 1 }, false, ["Error: Model provider `nope` not found"], config],
    [{ exitCode: 1 }, false, ["Error: error parsing -c overrides: Invalid override (missing '='): foo"], refused],
    [{ exitCode: 1 }, false, ['Error: CODEX_HOME points to "/x", but that path does not exist'], null],
    [{ exitCode: 1 }, false, ["Error: No space left on device (os error 28)"], null],
  ];
  for (const [end, worked, stderr, outcome] of cases) {
    assert.equal(createGiveUp(createFakeClock()).after({ ...DIED, ...end }, worked, stderr), outcome);
  }
});
