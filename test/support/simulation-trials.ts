// A program: `simulation-trials.ts FIRST COUNT` runs the trials of so many seeds and prints what has happened in them.
//
// Not a test by itself: node:test looks at every promise that is made below it, which doubles what a trial costs.
// Ends with 1 and what was found at the first loss.

import { runTrial, type Tally } from "./simulation.ts";

const [first = Number.NaN, count = Number.NaN] = process.argv.slice(2).map(Number);
const total: Tally = { kills: 0, powerLosses: 0, failedSyncs: 0, refusals: 0, commits: 0 };
try {
  for (let seed = first; seed < first + count; seed++) {
    const tally = await runTrial(seed);
    for (const name of Object.keys(total) as Array<keyof Tally>) total[name] += tally[name];
  }
  process.stdout.write(JSON.stringify(total));
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
