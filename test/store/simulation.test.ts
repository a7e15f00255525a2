// Thousands of crashes on a simulated disk: what was acknowledged is there, what comes back is one picture.
//
// `CODEXD_SIM_TRIALS` sets how many seeds are tried, `CODEXD_SIM_SEED` the first of them, or the only one where no
// number is given: a failure names it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { runTrial, type Tally } from "../support/simulation.ts";

const TRIALS = 1000;
/** So that the files of this folder, which share a process with this one, get their turn too. */
const TRIALS_PER_TEST = 250;

const { CODEXD_SIM_SEED: seed, CODEXD_SIM_TRIALS: trials } = process.env;
const first = wholeNumber(seed ?? "1");
const count = wholeNumber(trials ?? (seed === undefined ? `${TRIALS}` : "1"));

for (let from = first; from < first + count; from += TRIALS_PER_TEST) {
  const end = Math.min(from + TRIALS_PER_TEST, first + count);
  test(`a store that dies loses nothing that it has promised: seeds ${from} to ${end - 1}`, async () => {
    const total: Tally = { kills: 0, powerLosses: 0, failedSyncs: 0, refusals: 0, commits: 0 };
    for (let n = from; n < end; n++) {
      const tally = await runTrial(n);
      for (const name of Object.keys(total) as Array<keyof Tally>) total[name] += tally[name];
    }
    if (end - from < TRIALS_PER_TEST) return;
    for (const [name, happened] of Object.entries(total)) assert.ok(happened > 10, `${name}: ${happened}`);
  });
}

test("the same seed gives the same trial", async () => {
  assert.deepEqual(await runTrial(first), await runTrial(first));
});

function wholeNumber(text: string): number {
  const value = Number(text);
  assert.ok(Number.isSafeInteger(value) && value > 0, `a whole number above 0 is wanted, not ${text}`);
  return value;
}
