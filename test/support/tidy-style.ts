// The rules of the house that a text search can see, one function a rule, each giving every place that breaks it.
//
// Not a linter: what needs types or judgement is left to the compiler and to reviewers.

import type { Violation } from "./tidy-layers.ts";
import { lineOf, readFunctions, readSpecifiers, type SourceFile } from "./tidy-source.ts";

export const FILE_LINES_MAX = 300;
export const LINE_CHARS_MAX = 120;
export const FUNCTION_LINES_MAX = 69;
const HEADER_LINES = { min: 2, max: 10 };
const DEV_DEPENDENCIES = ["@types/node", "c8", "tsx", "typescript"];

export type Rule = (files: readonly SourceFile[]) => Violation[];

/** A text does not end in an empty line of its own. */
export const fileLengths: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, "").split("\n").length;
    return lines > FILE_LINES_MAX ? [{ path, line: 0, problem: `has ${lines} lines` }] : [];
  });

export const lineLengths: Rule = (files) =>
  files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((content, i) =>
      [...content].length > LINE_CHARS_MAX ? [{ path, line: i + 1, problem: `has ${content.length} characters` }] : [],
    ),
  );

export const functionLengths: Rule = (files) =>
  files.flatMap((file) =>
    readFunctions(file)
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
      .map(({ line, lines }) => ({ path: file.path, line, problem: `a function of ${lines} lines` })),
  );

export const headers: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.split("\n");
    if (lines[0]?.startsWith("#!") === true) lines.shift();
    const end = lines.findIndex((line) => !line.startsWith("//"));
    const length = end === -1 ? lines.length : end;
    if (length >= HEADER_LINES.min && length <= HEADER_LINES.max) return [];
    return [{ path, line: 1, problem: `opens with ${length} lines of comment, not 2 to 10` }];
  });

export const names: Rule = (files) =>
  files.flatMap(({ path, code }) => {
    const found: Violation[] = [];
    for (const part of path.split("/")) {
      const word = part.replace(/(?:\.test)?\.[a-z]+$/, "").split("-").find((name) => FORBIDDEN_WORDS.includes(name));
      if (word !== undefined) found.push({ path, line: 0, problem: `is named after nothing: ${word}` });
      if (/[A-Z_]/.test(part)) found.push({ path, line: 0, problem: "is not in kebab-case" });
    }
    const declared = /\b(?:class|interface|type|function|const)\s+(\w*(?:Utils?|Helpers?|Manager))\b/g;
    for (const match of code.matchAll(declared)) {
      found.push({ path, line: lineOf(code, match.index), problem: `${match[1]} is named after nothing` });
    }
    return found;
  });

const FORBIDDEN_WORDS = ["util", "utils", "helper", "helpers", "common", "manager", "data", "info"];

/** What no code may hold, wherever it stands. */
const FORBIDDEN_CODE: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bexport\s+default\b/g, "a default export"],
  [/\bas any\b|:\s*any\b|<any\b|\bany\[\]|,\s*any>/g, "any"],
  [/\b(?:test|it|describe|suite)\.(?:only|skip|todo)\b|\b(?:only|skip|todo):\s*true\b/g, "a test that is singled out"],
];

/** What no comment may hold. Each word is put together here, so that this file does not hold it. */
const FORBIDDEN_COMMENTS: ReadonlyArray<readonly [RegExp, string]> = [
  [new RegExp(`@ts-${"ignore"}|@ts-${"expect-error"}|@ts-${"nocheck"}`, "g"), "a silenced compiler"],
  [new RegExp(`eslint-${"disable"}|c8 ${"ignore"}|v8 ${"ignore"}|istanbul ${"ignore"}`, "g"), "a silenced tool"],
  [new RegExp(`\\b${"TO" + "DO"}\\b|\\b${"FIX" + "ME"}\\b`, "g"), "work left for later"],
];

const FORBIDDEN_TEXT: ReadonlyArray<readonly [RegExp, string]> = [
  [new RegExp(`\\.\\./${"shared"}`, "g"), "a path outside the repository"],
  [new RegExp(`["'\\s\`(](?:/${"work"}|/${"root"})/`, "g"), "a path of one machine"],
];

export const forbiddenWords: Rule = (files) =>
  files.flatMap((file) => {
    const search = (where: string, table: typeof FORBIDDEN_CODE): Violation[] =>
      table.flatMap(([pattern, problem]) =>
        [...where.matchAll(pattern)].map((match) => ({ path: file.path, line: lineOf(where, match.index), problem })),
      );
    return [
      ...search(file.code, FORBIDDEN_CODE),
      ...search(commentsOf(file), FORBIDDEN_COMMENTS),
      ...search(file.text, FORBIDDEN_TEXT),
    ];
  });

/** A catch that holds a comment is not empty: it says why. */
export const emptyCatches: Rule = (files) =>
  files.flatMap(({ path, text, code }) =>
    [...text.matchAll(/\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}/g)]
      .filter((match) => code.startsWith("catch", match.index))
      .map((match) => ({ path, line: lineOf(text, match.index), problem: "an empty catch" })),
  );

/** The text with everything blanked that is not a comment. */
function commentsOf({ text, withoutComments }: SourceFile): string {
  return text.split("").map((char, i) => (char === withoutComments[i] && char !== "\n" ? " " : char)).join("");
}

/** The program imports nothing but Node; tests and scripts nothing but what stands in package.json. */
export const imports: Rule = (files) =>
  files.flatMap((file) =>
    readSpecifiers(file).flatMap(({ specifier, line }) => {
      if (specifier.startsWith("node:")) return [];
      if (specifier.startsWith(".")) {
        const complete = /\.(?:ts|mjs|json)$/.test(specifier);
        return complete ? [] : [{ path: file.path, line, problem: `${specifier} has no file ending` }];
      }
      return [{ path: file.path, line, problem: `imports the package ${specifier}` }];
    }),
  );

/** @param manifest package.json, @param lock package-lock.json, both as text. */
export function findDependencyViolations(manifest: string, lock: string): Violation[] {
  const path = "package.json";
  const fields = JSON.parse(manifest) as Record<string, Record<string, string> | undefined>;
  const found: Violation[] = [];
  for (const field of ["dependencies", "optionalDependencies", "peerDependencies", "bundleDependencies"]) {
    if (fields[field] !== undefined) found.push({ path, line: 0, problem: `has ${field}` });
  }
  for (const name of Object.keys(fields["devDependencies"] ?? {})) {
    if (!DEV_DEPENDENCIES.includes(name)) found.push({ path, line: 0, problem: `develops with ${name}` });
  }
  for (const match of lock.matchAll(/"resolved":\s*"(?:https?:|git)[^"]*"/g)) {
    found.push({ path: "package-lock.json", line: lineOf(lock, match.index), problem: "names a registry's host" });
  }
  return found;
}
