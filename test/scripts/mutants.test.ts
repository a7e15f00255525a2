// The list of mutants does not rot: each names a text that stands in its file once, and takes something away.
//
// That the simulation finds each takes minutes, and is `npm run mutants`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "../../scripts/mutant-list.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

for (const { name, file, find, replace } of MUTANTS) {
  test(`${file} has one place for: ${name}`, () => {
    const found = readFileSync(path.join(ROOT, file), "utf8").split(find).length - 1;
    assert.equal(found, 1, find);
    assert.notEqual(find, replace);
  });
}

test("no two mutants have one name", () => {
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});
