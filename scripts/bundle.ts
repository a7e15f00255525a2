// Joins what the compiler makes into one program: Node reads one file at the start instead of a hundred.
//
// Deliberately no general bundler: it knows the few forms of import and export that the sources have, and throws at
// any other. Each module becomes a function that runs once, in the order of the imports, and gives its exports; its
// text is untouched but for escapes, so that the program can be read. Type declarations stay, a file a module.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

interface Binding {
  readonly name: string;
  readonly as: string;
}

interface Import {
  /** A file of this program, relative to its root, or a module of Node's. */
  readonly from: string;
  readonly own: boolean;
  readonly bindings: readonly Binding[];
}

interface Module {
  readonly file: string;
  readonly body: string;
  readonly imports: readonly Import[];
  /** Names that stand on `export` declarations. */
  readonly exports: readonly string[];
  /** `export { a } from "./b.js"`. */
  readonly reexports: readonly Import[];
}

const SHEBANG = "#!/usr/bin/env node\n";
const FROM = /^(import|export) ((?:\w+|\{[^}]*\}|\* as \w+)) from "([^"]+)";\n?/gm;
const DECLARATION = /^export ((?:async function\*?|function\*?|class|const) (\w+))/gm;

/** The programs, each with the module that it begins with. */
export type Entries = Readonly<Record<string, string>>;

/**
 * Replaces all modules in `dist` by the programs of `entries`. A module that two of them need stands in both.
 *
 * @throws on a form that it does not know, or a cycle.
 */
export function bundle(dist: string, entries: Entries = { "index.js": "index.js" }): void {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
  const modules = new Map(files.map((file) => [file, readModule(dist, file)]));
  const programs = Object.entries(entries).map(([name, file]) => [name, programText(modules, file)] as const);
  for (const file of files) rmSync(path.join(dist, file));
  for (const [name, text] of programs) writeFileSync(path.join(dist, name), inLatin1(text));
}

/**
 * V8 keeps the text of a program as long as it runs, at two bytes a character when a single one is beyond Latin-1: as
 * escapes they cost a megabyte less.
 */
function inLatin1(text: string): string {
  const raw = /^.*(?:String\.raw.*|\\)[\u0100-\uffff].*$/m.exec(text)?.[0];
  if (raw !== undefined) throw new Error(`the bundle can escape no character of: ${raw}`);
  return text.replace(/[\u0100-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function programText(modules: ReadonlyMap<string, Module>, file: string): string {
  const ordered = inOrder(modules, file);
  const entry = modules.get(file);
  if (entry === undefined) throw new Error(`there is no ${file}`);
  return [
    SHEBANG, builtinImports(ordered),
    ...ordered.filter((module) => module !== entry).map(asFunction),
    `\n// ${entry.file}\n${importLines(entry)}${entry.body}${entryExports(entry)}`,
  ].join("");
}

function readModule(dist: string, file: string): Module {
  const imports: Import[] = [];
  const reexports: Import[] = [];
  let body = readFileSync(path.join(dist, file), "utf8").replace(SHEBANG, "");
  body = body.replace(FROM, (_, kind: string, clause: string, specifier: string) => {
    const own = specifier.startsWith(".");
    const from = own ? path.normalize(path.join(path.dirname(file), specifier)) : specifier;
    (kind === "import" ? imports : reexports).push({ from, own, bindings: bindingsOf(clause) });
    return "";
  });
  const exports: string[] = [];
  body = body.replace(DECLARATION, (_, declaration: string, name: string) => {
    exports.push(name);
    return declaration;
  });
  body = body.replace(/^export \{\};\n?/gm, "");
  const unknown = /^(?:import|export)\b.*$/m.exec(body)?.[0];
  if (unknown !== undefined) throw new Error(`${file}: the bundle knows no such form: ${unknown}`);
  return { file, body, imports, exports, reexports };
}

function bindingsOf(clause: string): Binding[] {
  const whole = /^\* as (\w+)$/.exec(clause)?.[1];
  if (whole !== undefined) return [{ name: "*", as: whole }];
  if (!clause.startsWith("{")) return [{ name: "default", as: clause }];
  const names = clause.slice(1, -1).split(",").map((part) => part.trim()).filter((part) => part !== "");
  return names.map((part) => {
    const [name = "", as = name] = part.split(" as ");
    return { name, as };
  });
}

/** Every module behind those that it imports. */
function inOrder(modules: ReadonlyMap<string, Module>, entry: string): Module[] {
  const ordered: Module[] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (file: string): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") throw new Error(`the imports of ${file} lead back to it`);
    state.set(file, "open");
    const module = modules.get(file);
    if (module === undefined) throw new Error(`${file} is imported and not there`);
    for (const { from, own } of [...module.imports, ...module.reexports]) if (own) visit(from);
    state.set(file, "done");
    ordered.push(module);
  };
  visit(entry);
  return ordered;
}

function builtinImports(modules: readonly Module[]): string {
  const used = new Set(modules.flatMap(({ imports }) => imports.filter(({ own }) => !own).map(({ from }) => from)));
  return [...used].sort().map((name) => `import * as ${variableOf(name)} from "${name}";\n`).join("");
}

function asFunction(module: Module): string {
  const { file, body, exports } = module;
  const gives = `return { ${exports.join(", ")} };\n`;
  return `\n// ${file}\nconst ${variableOf(file)} = (() => {\n${importLines(module)}${body}${gives}})();\n`;
}

function importLines({ imports }: Module): string {
  return imports.filter(({ bindings }) => bindings.length > 0).map(({ from, bindings }) => {
    const variable = variableOf(from);
    const whole = bindings.find(({ name }) => name === "*");
    if (whole !== undefined) return `const ${whole.as} = ${variable};\n`;
    const parts = bindings.map(({ name, as }) => (name === as ? name : `${name}: ${as}`));
    return `const { ${parts.join(", ")} } = ${variable};\n`;
  }).join("");
}

/** The entry's own imports may already have the names that it gives on: those are declared once. */
function entryExports({ imports, exports, reexports }: Module): string {
  const known = new Set(imports.flatMap(({ bindings }) => bindings.map(({ as }) => as)));
  const lines = reexports.map(({ from, bindings }) => {
    const fresh = bindings.filter(({ as }) => !known.has(as));
    const parts = fresh.map(({ name, as }) => (name === as ? name : `${name}: ${as}`));
    return fresh.length === 0 ? "" : `const { ${parts.join(", ")} } = ${variableOf(from)};\n`;
  });
  const names = [...exports, ...reexports.flatMap(({ bindings }) => bindings.map(({ as }) => as))];
  return `${lines.join("")}export { ${[...new Set(names)].sort().join(", ")} };\n`;
}

function variableOf(name: string): string {
  return `$${name.replace(/\.js$/, "").replace(/[^A-Za-z0-9]/g, "_")}`;
}
