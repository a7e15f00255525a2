// `npm run matrix [-- options] [part of a path …]`: every end-to-end test on each version of Codex under each line of
// Node, or with `--unit` what `npm test` runs, under each line of Node.
//
// The test runner and all that it starts run under that Node. A cell is one line of SOAK.jsonl; what its tests said
// lies in .cache/matrix.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { CODEX_VERSIONS } from "../test/support/codex-install.ts";
import { ensureCompiled } from "./compiled.ts";
import { build, ROOT } from "./dist.ts";
import { installClients, installCodex, installNode, type InstalledNode } from "./installs.ts";
import { main, tryRun } from "./run.ts";
import { keepRecord } from "./soak-record.ts";
import { readTap, type TapSummary } from "./tap.ts";
import { findTests, testArguments, unitTests } from "./test-files.ts";

const NODE_LINES = ["20", "22", "24"];
const LOGS = path.join(ROOT, ".cache", "matrix");
const USAGE = "npm run matrix -- [--times N] [--codex VERSION,…] [--node LINE,…] [--unit] [part of a path …]";

interface Cell {
  readonly node: InstalledNode;
  /** Null for the tests that need none. */
  readonly codex: string | null;
}

interface CellOutcome extends Cell {
  readonly runs: readonly TapSummary[];
  readonly seconds: number;
}

await main(() => {
  const { times, codex, node, unit, filters } = readArguments();
  const files = unit ? unitTests(filters) : findTests("test/e2e", filters);
  const nodes = node.map(installNode);
  if (!unit) {
    installClients();
    for (const version of codex) installCodex(version);
  }
  build();
  ensureCompiled();
  mkdirSync(LOGS, { recursive: true });
  const versions = unit ? [null] : codex;
  const cells = nodes.flatMap((each) => versions.map((version) => ({ node: each, codex: version })));
  const outcomes = cells.map((cell) => runCell(cell, files, times));
  process.stdout.write(tableOf(outcomes));
  if (outcomes.some(({ runs }) => runs.some(hasFailed))) process.exitCode = 1;
});

function readArguments() {
  const { values, positionals } = parseArgs({
    options: {
      times: { type: "string", default: "1" },
      codex: { type: "string", default: CODEX_VERSIONS.join() },
      node: { type: "string", default: NODE_LINES.join() },
      unit: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const times = Number(values.times);
  if (!Number.isInteger(times) || times < 1) throw new Error(`--times takes a count from 1: ${USAGE}`);
  return {
    times,
    codex: listOf("--codex", values.codex, /^\d+\.\d+\.\d+$/),
    node: listOf("--node", values.node, /^\d+(\.\d+)*$/),
    unit: values.unit,
    filters: positionals,
  };
}

function listOf(flag: string, text: string, form: RegExp): string[] {
  const list = text.split(",");
  const wrong = list.find((entry) => !form.test(entry));
  if (wrong !== undefined) throw new Error(`${flag}: ${JSON.stringify(wrong)} is no version: ${USAGE}`);
  return list;
}

function runCell(cell: Cell, files: readonly string[], times: number): CellOutcome {
  const { node, codex } = cell;
  const beganAt = Date.now();
  const runs = Array.from({ length: times }, (_, i) => runOnce(cell, files, i + 1));
  const seconds = Math.round((Date.now() - beganAt) / 1000);
  const [first] = runs;
  const failed = [...new Set(runs.flatMap((run) => run.failed))];
  keepRecord({
    name: "matrix",
    beganAt,
    node: `v${node.version}`,
    codex,
    seed: null,
    n: times,
    failures: runs.filter(hasFailed).length,
    detail: { suite: codex === null ? "unit" : "e2e", tests: first?.tests ?? 0, skipped: first?.skipped ?? 0, failed },
  });
  return { ...cell, runs, seconds };
}

function runOnce({ node, codex }: Cell, files: readonly string[], time: number): TapSummary {
  const name = path.join(LOGS, `node-${node.version}-${codex === null ? "unit" : `codex-${codex}`}-${time}`);
  const report = { text: `${name}.txt`, tap: `${name}.tap` };
  // What an earlier run has left must not be taken for this one's.
  for (const file of Object.values(report)) writeFileSync(file, "");
  const { CODEX_BIN, ...around } = process.env;
  if (CODEX_BIN !== undefined) process.stderr.write("CODEX_BIN is left out: the matrix says which Codex is meant\n");
  const env = {
    ...around,
    // What looks for `node` by itself, such as the installed program's first line, finds the same one.
    PATH: `${path.dirname(node.program)}${path.delimiter}${around["PATH"] ?? ""}`,
    ...(codex === null ? {} : { E2E_CODEX_VERSION: codex }),
  };
  const args = testArguments(files, { serial: codex !== null, report });
  const exitCode = tryRun(node.program, args, { cwd: ROOT, env, quiet: true });
  const summary = readTap(readFileSync(report.tap, "utf8"), exitCode);
  if (hasFailed(summary)) process.stdout.write(readFileSync(report.text, "utf8"));
  return summary;
}

function hasFailed(run: TapSummary): boolean {
  return run.exitCode !== 0 || run.failed.length > 0 || run.tests === 0;
}

function tableOf(outcomes: readonly CellOutcome[]): string {
  const rows = outcomes.map(({ node, codex, runs, seconds }) => {
    const counts = [runs.length, runs.filter(hasFailed).length, runs[0]?.tests ?? 0, runs[0]?.skipped ?? 0, seconds];
    return [node.version, codex ?? "-", ...counts.map(String)];
  });
  const table = [["node", "codex", "runs", "failed", "tests", "skipped", "seconds"], ...rows];
  return table.map((row) => `${row.map((field) => field.padEnd(9)).join(" ").trimEnd()}\n`).join("");
}
