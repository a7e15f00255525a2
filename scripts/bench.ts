// `npm run bench [-- NAME … --pairs N --seconds N]`: measures codexd beside a named floor in the same run, and prints
// one table. `--pairs` are those of codex-turn, `--seconds` how long idle and latency watch.
//
// Each figure is the median of several rounds in which codexd and its floor take turns, so that a machine that drifts
// drifts for both. Bare times are printed, but only ratios are worth keeping (BENCHMARKS.md).

import { cpus } from "node:os";
import { parseArgs } from "node:util";

import { benchCodexTurn } from "./bench/codex-turn.ts";
import { benchCommits } from "./bench/commits.ts";
import { benchEvents } from "./bench/events.ts";
import { benchFanout } from "./bench/fanout.ts";
import { benchFramer } from "./bench/framer.ts";
import { benchGets } from "./bench/gets.ts";
import { benchGuard } from "./bench/guard.ts";
import { benchIdle } from "./bench/idle.ts";
import { benchLatency } from "./bench/latency.ts";
import { benchReceipts } from "./bench/receipts.ts";
import { benchRuns } from "./bench/runs.ts";
import { benchScale } from "./bench/scale.ts";
import { benchStart } from "./bench/start.ts";
import type { BenchOptions, Figure } from "./bench/figure.ts";
import { ensureBuilt } from "./dist.ts";
import { main } from "./run.ts";

const BENCHES: Readonly<Record<string, (options: BenchOptions) => Promise<Figure[]>>> = {
  events: benchEvents,
  latency: benchLatency,
  "codex-turn": benchCodexTurn,
  idle: benchIdle,
  fanout: benchFanout,
  commits: benchCommits,
  framer: benchFramer,
  gets: benchGets,
  guard: benchGuard,
  receipts: benchReceipts,
  runs: benchRuns,
  start: benchStart,
  scale: benchScale,
};

await main(async () => {
  const { values, positionals: names } = parseArgs({
    options: { pairs: { type: "string" }, seconds: { type: "string" } }, allowPositionals: true,
  });
  const options = { pairs: countOf("pairs", values.pairs), seconds: countOf("seconds", values.seconds) };
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown !== undefined) throw new Error(`no bench ${unknown}; there are ${Object.keys(BENCHES).join(", ")}`);
  ensureBuilt();
  const cpu = cpus()[0]?.model ?? "unknown processor";
  console.log(`${new Date().toISOString()}  Node ${process.version}  ${cpus().length} x ${cpu}\n`);
  console.log("| figure | codexd | floor | ratio | wanted | |\n|---|---|---|---|---|---|");
  let missed = 0;
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const figure of await bench(options)) {
      if (!figure.met) missed += 1;
      console.log(row(figure));
    }
  }
  if (missed > 0) throw new Error(`${missed} figure(s) missed`);
});

/** A figure of which nothing is wanted stands beside another. */
function row({ name, value, floor, ratio, wanted, met }: Figure): string {
  const verdict = wanted === "" ? "" : met ? "met" : "MISSED";
  return `| ${name} | ${value} | ${floor} | ${ratio} | ${wanted} | ${verdict} |`;
}

function countOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,5}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`--${name} takes a whole number from 1, got ${text}`);
}
