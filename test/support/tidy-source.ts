// Reads TypeScript just well enough for the tidy rules: which parts are code, what is imported, where functions end.
//
// Not a parser: TypeScript 7 has no JavaScript API, and a dependency for this would be one too many. Comments, strings
// and regular expressions are blanked out, which is what a search for words and braces needs.
//
// Invariant: a blanked text has the same length and the same lines as its source.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** `text` with comments blanked. */
  readonly withoutComments: string;
  /** `text` with comments, strings and regular expressions blanked. */
  readonly code: string;
}

/** Every `.ts` and `.mjs` file below the folders that exist, without what is planted for the tests of these rules. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) => listFiles(root, folder)).map((name) => {
    const text = readFileSync(path.join(root, name), "utf8");
    return { path: name, text, ...blank(text) };
  });
}

function listFiles(root: string, folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .map((name) => `${folder}/${name.replaceAll(path.sep, "/")}`)
    .filter((name) => /\.(ts|mjs)$/.test(name) && !name.startsWith("test/fixtures/tidy/"))
    .sort();
}

export interface ImportedFile {
  /** The importing and the imported file, from the root. */
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

/** Imports of files: static, for side effects, dynamic, types (`import("…").T` too) and `export … from`. */
export function readImports(file: SourceFile): ImportedFile[] {
  return readSpecifiers(file)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier, line }) => ({
      from: file.path,
      to: path.posix.join(path.posix.dirname(file.path), specifier),
      line,
    }));
}

/** All that is imported, packages and `node:` modules too. */
export function readSpecifiers(file: SourceFile): Array<{ specifier: string; line: number }> {
  const patterns = [
    /\b(?:import|export)\b[^;"'`()]*?\bfrom\s*["']([^"'\n]+)["']/g,
    /\bimport\s*["']([^"'\n]+)["']/g,
    /\bimport\s*\(\s*["']([^"'\n]+)["']\s*\)/g,
  ];
  return patterns.flatMap((pattern) =>
    [...file.withoutComments.matchAll(pattern)]
      // The word must be code: inside a string it is somebody's example.
      .filter((match) => file.code.startsWith(match[0].slice(0, 6), match.index))
      .map((match) => ({ specifier: match[1] ?? "", line: lineOf(file.text, match.index) })),
  );
}

export interface FunctionSpan {
  readonly line: number;
  /** Its lines without those inside functions of its own: a closure over state is as long as its longest part. */
  readonly lines: number;
}

/**
 * Bodies that follow a parameter list or an arrow. A block that only groups tests (`describe`, `suite`) is not a
 * function in this sense.
 */
export function readFunctions(file: SourceFile): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  const open: Array<{ line: number; counts: boolean; nested: number }> = [];
  let line = 1;
  for (let at = 0; at < file.code.length; at++) {
    const char = file.code[at];
    if (char === "\n") line++;
    else if (char === "{") {
      open.push({ line, counts: opensFunction(file.code.slice(Math.max(0, at - 300), at)), nested: 0 });
    } else if (char === "}") {
      const block = open.pop();
      if (block === undefined) continue;
      const lines = line - block.line + 1;
      const outer = open.at(-1);
      if (block.counts) spans.push({ line: block.line, lines: lines - block.nested });
      // What lies in a function is taken off whatever it stands in, through plain blocks too.
      if (outer !== undefined) outer.nested += block.counts ? lines - 1 : block.nested;
    }
  }
  return spans;
}

function opensFunction(before: string): boolean {
  if (/\b(?:describe|suite)\([^;{}]*=>\s*$/.test(before)) return false;
  if (/=>\s*$/.test(before)) return true;
  if (/\b(?:if|for|while|switch|catch|with)\s*(?:await\s*)?\([^;]*$/.test(before.slice(before.lastIndexOf("\n") + 1))) {
    return false;
  }
  // A parameter list, then perhaps the type of the result.
  return /\)\s*(?::\s*[^;{}=]+)?$/.test(before);
}

export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}

function blank(text: string): { withoutComments: string; code: string } {
  const all = text.split("");
  const withoutComments = text.split("");
  const wipe = (target: string[], from: number, to: number): void => {
    for (let i = from; i < to; i++) if (target[i] !== "\n") target[i] = " ";
  };
  /** Depths of `{` at which a template literal goes on. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at, at + 2);
    const char = text[at] ?? "";
    let end = at + 1;
    if (rest === "//" || (at === 0 && rest === "#!")) {
      end = indexOrEnd(text, "\n", at);
      wipe(withoutComments, at, end);
      wipe(all, at, end);
    } else if (rest === "/*") {
      end = indexOrEnd(text, "*/", at + 2) + 2;
      wipe(withoutComments, at, end);
      wipe(all, at, end);
    } else if (char === '"' || char === "'") {
      end = endOfQuoted(text, at, char);
      wipe(all, at + 1, end - 1);
    } else if (char === "`" || (char === "}" && templates.at(-1) === depth)) {
      if (char === "}") templates.pop();
      end = endOfTemplatePart(text, at + 1);
      wipe(all, at, end);
      if (text.startsWith("${", end - 2)) templates.push(depth);
    } else if (char === "/" && startsRegex(text.slice(Math.max(0, at - 40), at))) {
      end = endOfRegex(text, at);
      wipe(all, at, end);
    } else if (char === "{") {
      depth++;
    } else if (char === "}") {
      depth--;
    }
    at = end;
  }
  return { withoutComments: withoutComments.join(""), code: all.join("") };
}

function indexOrEnd(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at === -1 ? text.length : at;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from + 1;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** Behind the closing backtick, or behind the `${` of a hole. */
function endOfTemplatePart(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    if (text[at] === "`") return at + 1;
    if (text.startsWith("${", at)) return at + 2;
    at += text[at] === "\\" ? 2 : 1;
  }
  return at;
}

/** A slash divides after a value, and opens a regular expression after anything else. */
function startsRegex(before: string): boolean {
  const trimmed = before.trimEnd();
  return trimmed === "" || /[(,=:[!&|?{};+\-*<>~]$|\b(?:return|typeof|case|of|in)$/.test(trimmed);
}

function endOfRegex(text: string, from: number): number {
  let inClass = false;
  for (let at = from + 1; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "[") inClass = true;
    else if (text[at] === "]") inClass = false;
    else if (text[at] === "/" && !inClass) return at + 1;
  }
  return from + 1;
}
