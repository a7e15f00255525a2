// The soak `simulation`: many trials of the store on a simulated disk, each with a seed of its own.
//
// The test run does a small part of it. A trial that finds a loss says its seed, with which it can be run again.

import { runTrial } from "../../test/support/simulation.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";

const TRIALS_PER_LINE = 1000;

export async function run({ n, seed, log }: SoakOptions): Promise<SoakResult> {
  const total: Record<string, number> = {};
  const failed: number[] = [];
  for (let trial = 0; trial < n; trial++) {
    try {
      const tally = await runTrial(seed + trial);
      for (const [name, happened] of Object.entries(tally)) total[name] = (total[name] ?? 0) + happened;
    } catch (error) {
      failed.push(seed + trial);
      log(error instanceof Error ? error.message : String(error));
    }
    if ((trial + 1) % TRIALS_PER_LINE === 0) log(`${trial + 1}/${n} trials, ${failed.length} have found a loss`);
  }
  return { failures: failed.length, detail: { ...total, failed } };
}
