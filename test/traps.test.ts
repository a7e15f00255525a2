// Every trap of Codex's wire has a test that names it, and no test names one that nobody knows.
//
// What a trap is stands in support/codex-traps.ts. Read are the names of tests, not what they do.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { CODEX_TRAPS } from "./support/codex-traps.ts";

const TESTS = import.meta.dirname;
/** The name of a test or of a suite. Template strings too: a row for each version has one. */
const NAME = /^\s*(?:await )?(?:test|it|describe)\(\s*(["`])(.*?)\1/gmu;
const NUMBER = /\[trap ([\d., ]+)\]/gu;

/** Numbers of traps in the names of tests. */
function trapsIn(source: string): string[] {
  return [...source.matchAll(NAME)].flatMap(([, , name = ""]) =>
    [...name.matchAll(NUMBER)].flatMap(([, numbers = ""]) => numbers.split(",").map((one) => one.trim())));
}

function namedTraps(): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const file of readdirSync(TESTS, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".test.ts")) continue;
    for (const trap of trapsIn(readFileSync(path.join(TESTS, file), "utf8"))) {
      named.set(trap, [...(named.get(trap) ?? []), file]);
    }
  }
  return named;
}

describe("the traps of Codex's wire", () => {
  const named = namedTraps();

  test("each is in the name of a test", () => {
    assert.deepEqual(Object.keys(CODEX_TRAPS).filter((trap) => !named.has(trap)), []);
  });

  test("each that a test names is known", () => {
    assert.deepEqual([...named].filter(([trap]) => !Object.hasOwn(CODEX_TRAPS, trap)), []);
  });

  test("a name with one, a name with several, and what is no name", () => {
    const source = [
      '  test("one [trap 1.2]", () => {',
      '  test(`several [trap 1.3, 4.5.6]: ${version}`, async () => {',
      '// test("none [trap 7.7]")',
      'const text = "[trap 8.8]";',
    ].join("\n");
    assert.deepEqual(trapsIn(source), ["1.2", "1.3", "4.5.6"]);
  });
});
