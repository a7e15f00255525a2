// Thousands of crashes on a simulated disk: what was acknowledged is there, what comes back is one picture.
//
// `CODEXD_SIM_TRIALS` sets how many seeds are tried, `CODEXD_SIM_SEED` the first of them, or the only one where no
// number is given: a failure names it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { promisify } from "node:util";

import { LOADER } from "../support/loader.ts";
import { runTrial } from "../support/simulation.ts";

const PROGRAM = fileURLToPath(new URL("../support/simulation-trials.ts", import.meta.url));
const TRIALS = 1000;
/** One process takes so many at most: what it prints comes when it is through. */
const TRIALS_PER_PROCESS = 500;

const { CODEXD_SIM_SEED: seed, CODEXD_SIM_TRIALS: trials } = process.env;
const first = wholeNumber(seed ?? "1");
const count = wholeNumber(trials ?? (seed === undefined ? `${TRIALS}` : "1"));

for (let from = first; from < first + count; from += TRIALS_PER_PROCESS) {
  const some = Math.min(TRIALS_PER_PROCESS, first + count - from);
  test(`a store that dies loses nothing that it has promised: seeds ${from} to ${from + some - 1}`, async () => {
    const total = JSON.parse(await runTrials(from, some)) as Record<string, number>;
    if (some < TRIALS_PER_PROCESS) return;
    for (const [name, happened] of Object.entries(total)) assert.ok(happened > 10, `${name}: ${happened}`);
  });
}

async function runTrials(from: number, some: number): Promise<string> {
  const words = [...LOADER, PROGRAM, `${from}`, `${some}`];
  try {
    return (await promisify(execFile)(process.execPath, words)).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return assert.fail(stdout || stderr || String(error));
  }
}

test("the same seed gives the same trial", async () => {
  assert.deepEqual(await runTrial(first), await runTrial(first));
});

function wholeNumber(text: string): number {
  const value = Number(text);
  assert.ok(Number.isSafeInteger(value) && value > 0, `a whole number above 0 is wanted, not ${text}`);
  return value;
}
