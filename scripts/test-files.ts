// Which test files there are, and the arguments with which Node runs them.
//
// Node 20 finds no `.ts` tests by itself and takes no globs, so the files are listed here and passed by name.

import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { ROOT } from "./dist.ts";

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

/** @throws when there is no file, so that a mistyped filter is not a success. */
export function testArguments(files: readonly string[], { serial = false } = {}): string[] {
  if (files.length === 0) throw new Error("no test file matches");
  const atOnce = serial ? 1 : Math.max(2, availableParallelism());
  const limits = [`--test-concurrency=${atOnce}`, `--test-timeout=${FILE_MS_MAX}`];
  return ["--import", "tsx", "--test", "--test-reporter=spec", ...limits, ...files];
}
