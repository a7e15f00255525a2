// The house's rules, kept by a test: layers, lengths, names, and what no file may hold.
//
// Each rule is also shown a tree in test/fixtures/tidy that breaks it once: a rule that finds nothing there is blind.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findFolderCycles, findLayerViolations, type Violation } from "./support/tidy-layers.ts";
import { readSources } from "./support/tidy-source.ts";
import * as style from "./support/tidy-style.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FIXTURES = path.join(ROOT, "test", "fixtures", "tidy");
const FOLDERS = ["src", "scripts", "test", "examples"];

/** A rule, the folder in test/fixtures/tidy that breaks it, and the violations there as `path:line`. */
const RULES: ReadonlyArray<{ name: string; rule: style.Rule; planted: string; expected: readonly string[] }> = [
  {
    name: "imports go down the layers",
    rule: findLayerViolations,
    planted: "layers",
    expected: [
      "src/base/up.ts:4", "src/base/up.ts:5", "src/base/up.ts:6", "src/base/up.ts:8", "src/http/peek.ts:4",
      "src/odd/stray.ts:0",
    ],
  },
  { name: "folders import in no circle", rule: findFolderCycles, planted: "cycles", expected: ["src:0"] },
  { name: "files end at 300 lines", rule: style.fileLengths, planted: "file-lengths", expected: ["src/long.ts:0"] },
  {
    name: "lines end at 120 characters",
    rule: style.lineLengths,
    planted: "line-lengths",
    expected: ["src/wide.ts:5"],
  },
  {
    name: "functions stay under 70 lines",
    rule: style.functionLengths,
    planted: "function-lengths",
    expected: ["src/endless.ts:4"],
  },
  {
    name: "files open with two to ten lines of comment",
    rule: style.headers,
    planted: "headers",
    expected: ["src/bare.ts:1", "src/chatty.ts:1"],
  },
  {
    name: "names say what a thing is",
    rule: style.names,
    planted: "names",
    expected: ["src/base/string-utils.ts:0", "src/base/string-utils.ts:4", "src/base/CamelCase.ts:0"],
  },
  {
    name: "no file holds what is forbidden",
    rule: style.forbiddenWords,
    planted: "forbidden",
    expected: [5, 7, 9, 11, 12, 14, 16, 17, 18].map((line) => `src/everything.ts:${line}`),
  },
  { name: "no catch is empty", rule: style.emptyCatches, planted: "catches", expected: ["src/swallow.ts:6"] },
  {
    name: "nothing is imported but Node and files by their full name",
    rule: style.imports,
    planted: "imports",
    expected: ["src/greedy.mjs:4", "src/greedy.mjs:5"],
  },
];

describe("tidy", () => {
  const sources = readSources(ROOT, FOLDERS);
  for (const { name, rule, planted, expected } of RULES) {
    test(name, () => {
      assert.deepEqual(rule(sources).map(format), []);
    });
    test(`${name}: a planted violation is found`, () => {
      const found = rule(readSources(path.join(FIXTURES, planted), FOLDERS));
      assert.deepEqual(found.map(place).sort(), [...expected].sort());
    });
  }

  test("all sources are read", () => {
    const paths = sources.map((file) => file.path);
    for (const wanted of ["src/base/assert.ts", "scripts/bootstrap.mjs", "test/tidy.test.ts"]) {
      assert.ok(paths.includes(wanted), wanted);
    }
    assert.ok(!paths.some((name) => name.startsWith("test/fixtures/tidy/")));
  });

  test("blanking keeps braces in pairs, in every source", () => {
    for (const file of sources) {
      assert.equal(file.code.length, file.text.length, file.path);
      assert.equal(file.code.split("{").length, file.code.split("}").length, file.path);
    }
  });

  test("the program depends on nothing, and development on four packages", () => {
    assert.deepEqual(dependencyViolations(ROOT), []);
  });

  test("a planted dependency and a planted registry are found", () => {
    const found = dependencyViolations(path.join(FIXTURES, "dependencies"));
    assert.deepEqual(found.map(place), ["package.json:0", "package.json:0", "package-lock.json:6"]);
  });
});

function dependencyViolations(root: string): Violation[] {
  const read = (name: string): string => readFileSync(path.join(root, name), "utf8");
  return style.findDependencyViolations(read("package.json"), read("package-lock.json"));
}

function place({ path: file, line }: Violation): string {
  return `${file}:${line}`;
}

function format(violation: Violation): string {
  return `${place(violation)} ${violation.problem}`;
}
