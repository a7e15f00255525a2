// `npm run coverage`: the tests under c8, one table by folder, and the floors.
//
// c8 has no threshold by folder, so its summary is read here. Files that hold types only have nothing to run and are
// left out: no function, class or constant is declared in them.

import { readFileSync } from "node:fs";
import path from "node:path";
import { build, ROOT } from "./dist.ts";
import { main, tryRun } from "./run.ts";
import { testArguments, unitTests } from "./test-files.ts";

interface Counts {
  readonly total: number;
  readonly covered: number;
}

interface FileSummary {
  readonly lines: Counts;
  readonly branches: Counts;
}

const STRICT_FOLDERS = ["base", "core", "protocol", "codex", "store"];
const STRICT = { lines: 95, branches: 90 };
/** Of all folders together. */
const ALL_LINES = 85;

await main(() => {
  build();
  const c8 = path.join(ROOT, "node_modules", "c8", "bin", "c8.js");
  const reports = ["--reporter=json-summary", "--reports-dir=coverage"];
  const filters = process.argv.slice(2);
  const files = filters.length > 0 ? unitTests(filters) : unitTests([]).filter((file) => !isWhole(file));
  // What is covered are the lines of the sources themselves.
  const tests = testArguments(files, { loader: ["--import", "tsx"] });
  const what = ["--all", "--src=src", "--include=src/**/*.ts", "--extension=.ts"];
  const status = tryRun(process.execPath, [c8, ...what, ...reports, process.execPath, ...tests], { cwd: ROOT });
  const ok = judge(readSummary());
  process.exitCode = status === 0 && ok ? 0 : 1;
});

/** Whole programs run from `dist`, of which this sees nothing: `npm test` is where they count. */
function isWhole(file: string): boolean {
  return /^test\/(?:whole-|attacks-|dist\.|examples\.)/.test(file);
}

/** By path from the root, types-only files left out. */
function readSummary(): Map<string, FileSummary> {
  const text = readFileSync(path.join(ROOT, "coverage", "coverage-summary.json"), "utf8");
  const files = Object.entries(JSON.parse(text) as Record<string, FileSummary>).filter(([name]) => name !== "total");
  const named = files.map(([name, summary]) => [path.relative(ROOT, name), summary] as const);
  return new Map(named.filter(([name]) => !isTypesOnly(name)));
}

function isTypesOnly(source: string): boolean {
  const code = readFileSync(path.join(ROOT, source), "utf8");
  return !/^(?:export )?(?:abstract )?(?:async )?(?:const|let|function|class)\b/m.test(code);
}

/** Prints the table; false when a floor is not held. */
function judge(files: ReadonlyMap<string, FileSummary>): boolean {
  const folders = new Map<string, FileSummary[]>();
  for (const [name, summary] of files) {
    const folder = name.split("/").length > 2 ? (name.split("/")[1] ?? "") : "(top)";
    folders.set(folder, [...(folders.get(folder) ?? []), summary]);
  }
  const rows = [...folders].sort(([a], [b]) => a.localeCompare(b)).map(([folder, summaries]) => {
    return rowOf(folder, summaries, STRICT_FOLDERS.includes(folder) ? STRICT : { lines: 0, branches: 0 });
  });
  rows.push(rowOf("all", [...files.values()], { lines: ALL_LINES, branches: 0 }));
  const titles = ["files".padStart(6), "lines %".padStart(10), "branches %".padStart(12)];
  process.stdout.write(`\n${"folder".padEnd(12)}${titles.join("")}\n`);
  for (const { line } of rows) process.stdout.write(`${line}\n`);
  return rows.every(({ ok }) => ok);
}

function rowOf(folder: string, summaries: readonly FileSummary[], floor: typeof STRICT): { line: string; ok: boolean } {
  const lines = percent(summaries.map((summary) => summary.lines));
  const branches = percent(summaries.map((summary) => summary.branches));
  const ok = lines >= floor.lines && branches >= floor.branches;
  const cells = [String(summaries.length).padStart(6), lines.toFixed(2).padStart(10), branches.toFixed(2).padStart(12)];
  const verdict = ok ? "" : `  below the floor of ${floor.lines} % of lines, ${floor.branches} % of branches`;
  return { line: `${folder.padEnd(12)}${cells.join("")}${verdict}`, ok };
}

function percent(counts: readonly Counts[]): number {
  const total = counts.reduce((sum, count) => sum + count.total, 0);
  const covered = counts.reduce((sum, count) => sum + count.covered, 0);
  return total === 0 ? 100 : (100 * covered) / total;
}
