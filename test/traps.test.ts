// Every trap of Codex's wire has a test that names it, and no test names one that nobody knows.
//
// What a trap is stands in support/codex-traps.ts. Read are the names of tests, not what they do.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CODEX_TRAPS } from "./support/codex-traps.ts";
import { namedInTests, tagsIn } from "./support/test-tags.ts";

describe("the traps of Codex's wire", () => {
  const named = namedInTests("trap");

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
    assert.deepEqual(tagsIn(source, "trap"), ["1.2", "1.3", "4.5.6"]);
  });
});
