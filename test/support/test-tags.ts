// Tags in the names of tests, such as `[trap 3.6.2]` and `[attack host-empty, host-twice]`: which tests have which.
//
// Reads the names alone, as they stand in the sources: of tests and suites, not of what is no such name.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const TESTS = path.join(import.meta.dirname, "..");
/** The name of a test or of a suite. Template strings too: a row for each version has one. */
const NAME = /^\s*(?:await )?(?:test|it|describe)\(\s*(["`])(.*?)\1/gmu;

/** What stands behind `kind` in the names of a source, in order. */
export function tagsIn(source: string, kind: "trap" | "attack"): string[] {
  const tag = new RegExp(`\\[${kind} ([^\\]]+)\\]`, "gu");
  return [...source.matchAll(NAME)].flatMap(([, , name = ""]) =>
    [...name.matchAll(tag)].flatMap(([, list = ""]) => list.split(",").map((one) => one.trim())));
}

/** Each tag of all test files, with the files that have it. */
export function namedInTests(kind: "trap" | "attack"): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const file of readdirSync(TESTS, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".test.ts")) continue;
    for (const tag of tagsIn(readFileSync(path.join(TESTS, file), "utf8"), kind)) {
      named.set(tag, [...(named.get(tag) ?? []), file]);
    }
  }
  return named;
}
