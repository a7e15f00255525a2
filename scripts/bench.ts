// `npm run bench [-- NAME …]`: measures codexd beside a named floor in the same run, and prints one table.
//
// Each figure is the median of several rounds in which codexd and its floor take turns, so that a machine that drifts
// drifts for both. Bare times are printed, but only ratios are worth keeping (BENCHMARKS.md).

import { cpus } from "node:os";

import { benchCommits } from "./bench/commits.ts";
import { benchEvents } from "./bench/events.ts";
import { benchFanout } from "./bench/fanout.ts";
import { benchGets } from "./bench/gets.ts";
import { benchReceipts } from "./bench/receipts.ts";
import { benchRuns } from "./bench/runs.ts";
import { benchScale } from "./bench/scale.ts";
import { benchStart } from "./bench/start.ts";
import type { Figure } from "./bench/figure.ts";
import { ensureBuilt } from "./dist.ts";
import { main } from "./run.ts";

const BENCHES: Readonly<Record<string, () => Promise<Figure[]>>> = {
  events: benchEvents,
  fanout: benchFanout,
  commits: benchCommits,
  gets: benchGets,
  receipts: benchReceipts,
  runs: benchRuns,
  start: benchStart,
  scale: benchScale,
};

await main(async () => {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown !== undefined) throw new Error(`no bench ${unknown}; there are ${Object.keys(BENCHES).join(", ")}`);
  ensureBuilt();
  const cpu = cpus()[0]?.model ?? "unknown processor";
  console.log(`${new Date().toISOString()}  Node ${process.version}  ${cpus().length} x ${cpu}\n`);
  console.log("| figure | codexd | floor | ratio | wanted | |\n|---|---|---|---|---|---|");
  let missed = 0;
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const figure of await bench()) {
      if (!figure.met) missed += 1;
      console.log(row(figure));
    }
  }
  if (missed > 0) throw new Error(`${missed} figure(s) missed`);
});

function row({ name, value, floor, ratio, wanted, met }: Figure): string {
  return `| ${name} | ${value} | ${floor} | ${ratio} | ${wanted} | ${met ? "met" : "MISSED"} |`;
}
