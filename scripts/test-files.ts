// Which test files there are, and the arguments with which Node runs them.
//
// Node 20 finds no `.ts` tests by itself and takes no globs, so the files are listed here and passed by name.

import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { COMPILED_LOADER } from "./compiled.ts";
import { ROOT } from "./dist.ts";

const RUNS_PROGRAMS = /^test\/(?:whole-|attacks-|dist\.|embed\.|examples\.|injection\.|lost-files\.|pack\.)/;
const ALONE = "";

/** A file that takes longer hangs. */
const FILE_MS_MAX = 120_000;

/** Paths from the root, sorted. `filters`: those that contain any of them; none gives all. */
export function findTests(folder: string, filters: readonly string[], except?: string): string[] {
  const names = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return names
    .map((name) => path.posix.join(folder, name.replaceAll(path.sep, "/")))
    .filter((name) => name.endsWith(".test.ts") && (except === undefined || !name.startsWith(`${except}/`)))
    .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
    .sort();
}

/** What `node --test` is given for all tests but the end-to-end ones, or for those that the filters name. */
export function unitTests(filters: readonly string[]): string[] {
  const files = findTests("test", filters, "test/e2e");
  return filters.length === 0 ? groupByFolder(files) : files;
}

/**
 * The same tests with the files of a folder in one process: to start Node and its TypeScript loader anew for each file
 * would take longer than the tests. Of what stands in `test` itself the files that run whole programs, or make `dist`
 * anew, stay a process each.
 */
function groupByFolder(files: readonly string[]): string[] {
  const folders = new Map<string, string[]>();
  for (const file of files) {
    const folder = RUNS_PROGRAMS.test(file) ? ALONE : path.posix.dirname(file);
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  const entries = path.join(ROOT, ".cache", "test-groups");
  mkdirSync(entries, { recursive: true });
  // The longest first, so that none of them is begun when all others are through.
  const alone = folders.get(ALONE) ?? [];
  folders.delete(ALONE);
  const grouped = [...folders].map(([folder, inside]) => {
    const entry = path.join(entries, `${folder.replaceAll("/", "-")}.mjs`);
    const lines = inside.map((file) => `await import(${JSON.stringify(pathToFileURL(path.join(ROOT, file)).href)});\n`);
    writeFileSync(entry, lines.join(""));
    return { entry, count: inside.length };
  });
  return [...grouped.sort((a, b) => b.count - a.count).map(({ entry }) => entry), ...alone];
}

export interface TestRun {
  /** One file after the other. */
  readonly serial?: boolean;
  /** What makes Node read the sources; without it, what `ensureCompiled` has made of them. */
  readonly loader?: readonly string[];
  /** Files for what happened, for people and for programs; without them people read it on standard output. */
  readonly report?: { readonly text: string; readonly tap: string };
}

/** @throws when there is no file, so that a mistyped filter is not a success. */
export function testArguments(files: readonly string[], options: TestRun = {}): string[] {
  const { serial = false, loader = COMPILED_LOADER, report } = options;
  if (files.length === 0) throw new Error("no test file matches");
  // One more than there are processors: tests of whole programs wait for most of their time.
  const atOnce = serial ? 1 : availableParallelism() + 1;
  const limits = [`--test-concurrency=${atOnce}`, `--test-timeout=${FILE_MS_MAX}`];
  return [...loader, "--test", ...reporters(report), ...limits, ...files];
}

function reporters(report: TestRun["report"]): string[] {
  if (report === undefined) return ["--test-reporter=spec"];
  const { text, tap } = report;
  return [["spec", text], ["tap", tap]].flatMap(([name, file]) => [
    `--test-reporter=${name}`, `--test-reporter-destination=${file}`,
  ]);
}
