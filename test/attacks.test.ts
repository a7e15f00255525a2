// Every attack and fault that codexd promises to stand has a test that names it, and no test names an unknown one.
//
// What each is stands in support/attacks.ts. Read are the names of tests, not what they do.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ATTACKS } from "./support/attacks.ts";
import { namedInTests, tagsIn } from "./support/test-tags.ts";

describe("the attacks and faults that codexd stands", () => {
  const named = namedInTests("attack");

  test("each is in the name of a test", () => {
    assert.deepEqual(Object.keys(ATTACKS).filter((attack) => !named.has(attack)), []);
  });

  test("each that a test names is known", () => {
    assert.deepEqual([...named].filter(([attack]) => !Object.hasOwn(ATTACKS, attack)), []);
  });

  test("a name with one, a name with several, and what is no name", () => {
    const source = [
      '  test("one [attack a-b]", () => {',
      '  test(`several [attack http-1.0, c]: ${version}`, async () => {',
      '// test("none [attack d]")',
      'const text = "[attack e]";',
    ].join("\n");
    assert.deepEqual(tagsIn(source, "attack"), ["a-b", "http-1.0", "c"]);
  });
});
