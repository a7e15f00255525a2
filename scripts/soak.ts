// `npm run soak NAME -- [--n N] [--seed S]`: one soak, its result appended to SOAK.jsonl.
//
// A soak is `scripts/soaks/NAME.ts` with `run(options)`. The same seed gives the same trials; what the machine does to
// their timing is not in its power.

import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { CODEX_PREFIX, installedVersion } from "../test/support/codex-install.ts";
import { ensureBuilt, ROOT } from "./dist.ts";
import { main } from "./run.ts";
import { keepRecord } from "./soak-record.ts";

export interface SoakOptions {
  readonly n: number;
  readonly seed: number;
  log(line: string): void;
}

export interface SoakResult {
  readonly failures: number;
  /** What is worth keeping beside the count, such as a histogram. */
  readonly detail: Record<string, unknown>;
}

await main(async () => {
  const { values, positionals } = parseArgs({
    options: { n: { type: "string", default: "50" }, seed: { type: "string", default: "1" } },
    allowPositionals: true,
  });
  const folder = path.join(ROOT, "scripts", "soaks");
  const file = path.join(folder, `${positionals[0] ?? ""}.ts`);
  if (positionals.length !== 1 || !existsSync(file)) {
    const names = readdirSync(folder).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -3));
    throw new Error(`usage: npm run soak NAME -- [--n N] [--seed S]; NAME is one of ${names.join(", ")}`);
  }
  const n = wholeNumber("--n", values.n);
  const seed = wholeNumber("--seed", values.seed);
  ensureBuilt();
  const soak = (await import(pathToFileURL(file).href)) as { run(options: SoakOptions): Promise<SoakResult> };
  const began = Date.now();
  const result = await soak.run({ n, seed, log: (line) => process.stdout.write(`${line}\n`) });
  keepRecord({
    name: path.basename(file, ".ts"),
    beganAt: began,
    node: process.version,
    codex: installedVersion(CODEX_PREFIX, "@openai/codex"),
    seed,
    n,
    ...result,
  });
  process.exitCode = result.failures === 0 ? 0 : 1;
});

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`${flag} takes a whole number, got ${text}`);
  return value;
}
