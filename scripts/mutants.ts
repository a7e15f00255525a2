// `npm run mutants [-- --n N] [part of a name …]`: shows that the simulation finds what the store lacks.
//
// Works on a copy of the sources, which has one protection taken away at a time. Ends with 1 when the simulation finds
// nothing amiss in one that lacks something, or something in the one that lacks nothing.

import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { withTempDir } from "./bench/programs.ts";
import { ROOT } from "./dist.ts";
import { MUTANTS, type Mutant } from "./mutant-list.ts";
import { main } from "./run.ts";

/** A store that hangs is a finding as well. */
const TRIALS_MS_MAX = 300_000;
/** Absolute: what a test of the copy starts finds it too. */
const LOADER = import.meta.resolve("tsx");
const TEST_MS_MAX = 20_000;
const OUTCOME_CHARS = 160;

await main(async () => {
  const { values, positionals } = parseArgs({
    options: { n: { type: "string", default: "4000" } },
    allowPositionals: true,
  });
  const trials = Number(values.n);
  if (!Number.isInteger(trials) || trials < 1) throw new Error(`--n takes a whole number, got ${values.n}`);
  const isChosen = (name: string): boolean => {
    return positionals.length === 0 || positionals.some((part) => name.includes(part));
  };
  const chosen = MUTANTS.filter(({ name }) => isChosen(name));
  if (chosen.length === 0) throw new Error("no mutant has such a name");
  const survivors: string[] = [];
  await withTempDir(async (copy) => {
    for (const folder of ["src", "test/support", "test/store"]) {
      cpSync(path.join(ROOT, folder), path.join(copy, folder), { recursive: true });
    }
    cpSync(path.join(ROOT, "package.json"), path.join(copy, "package.json"));
    for (const test of new Set(chosen.map((mutant) => mutant.test))) {
      const whole = findingOf(copy, test, Math.min(trials, 500));
      if (whole !== null) throw new Error(`the store that lacks nothing: ${whole}`);
    }
    for (const mutant of chosen) {
      const finding = withMutant(copy, mutant, () => findingOf(copy, mutant.test, trials));
      if (finding === null) survivors.push(mutant.name);
      process.stdout.write(`${finding === null ? "SURVIVES" : "found   "} without ${mutant.name}${shown(finding)}\n`);
    }
  });
  process.stdout.write(`${chosen.length - survivors.length} of ${chosen.length} found\n`);
  process.exitCode = survivors.length === 0 ? 0 : 1;
});

/** @throws when its text is not there exactly once. */
function withMutant<R>(copy: string, { name, file, find, replace }: Mutant, work: () => R): R {
  const target = path.join(copy, file);
  const source = readFileSync(target, "utf8");
  if (source.split(find).length !== 2) throw new Error(`${file} has not exactly one place for "${name}"`);
  writeFileSync(target, source.replace(find, () => replace));
  try {
    return work();
  } finally {
    writeFileSync(target, source);
  }
}

/** What the simulation finds, or a file of tests; null for nothing. */
function findingOf(copy: string, test: string | undefined, trials: number): string | null {
  const simulation = [path.join(ROOT, "scripts", "mutant-trials.ts"), copy, String(trials)];
  const words = test === undefined ? simulation
    : ["--test", "--test-reporter=spec", `--test-timeout=${TEST_MS_MAX}`, path.join(copy, test)];
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", LOADER, ...words], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: TRIALS_MS_MAX,
  });
  if (status === 0) return null;
  const failed = /^✖ (.*?)(?: \(.*)?$/m.exec(stdout)?.[1];
  if (test !== undefined && failed !== undefined) return `${test}: ${failed}`;
  return stdout.trim() || stderr.trim() || "it hangs";
}

function shown(finding: string | null): string {
  if (finding === null) return "";
  const [seed = "", ...problems] = finding.split("\n");
  return ` (${seed.split(":")[0]}: ${(problems[0] ?? seed).trim().slice(0, OUTCOME_CHARS)})`;
}
