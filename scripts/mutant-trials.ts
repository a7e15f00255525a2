// What `npm run mutants` starts for each mutant: the simulation of a copy of the sources, until it finds something.
//
// `tsx mutant-trials.ts COPY N`: ends with 0 after N trials without a finding, else with 1 and what was found.

import path from "node:path";
import { pathToFileURL } from "node:url";

const [copy = "", trials = "0"] = process.argv.slice(2);
const simulation = pathToFileURL(path.join(copy, "test", "support", "simulation.ts")).href;
const { runTrial } = (await import(simulation)) as { runTrial(seed: number): Promise<unknown> };

for (let seed = 1; seed <= Number(trials); seed++) {
  try {
    await runTrial(seed);
  } catch (error) {
    process.stdout.write(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
