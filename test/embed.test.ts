// What a program that depends on codexd has of it: names, types and examples, out of `dist` alone.
//
// Each project is made anew, with TypeScript and nothing else: no `@types/node`, and declarations are checked too.
// Needs a build, which scripts/test.ts makes before the tests run.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { test, type TestContext } from "node:test";
import { REPOSITORY } from "./support/codex-install.ts";
import { makeTempDir } from "./support/temp-dir.ts";

const OPTIONS = {
  strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false, types: [],
  module: "NodeNext", moduleResolution: "NodeNext", target: "ES2022",
};

/** A project that depends on codexd, as a package manager would install it. */
function project(t: TestContext, files: Readonly<Record<string, string>>): string {
  const dir = makeTempDir(t);
  const installed = path.join(dir, "node_modules", "codexd");
  mkdirSync(installed, { recursive: true });
  cpSync(path.join(REPOSITORY, "dist"), path.join(installed, "dist"), { recursive: true });
  cpSync(path.join(REPOSITORY, "package.json"), path.join(installed, "package.json"));
  writeFileSync(path.join(dir, "package.json"), '{"type": "module"}');
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
  return dir;
}

function run(dir: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: dir, encoding: "utf8", timeout: 60_000 });
  return { status, output: stdout + stderr };
}

function compile(dir: string, more: Record<string, unknown>) {
  writeFileSync(path.join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...OPTIONS, ...more } }));
  return run(dir, [path.join(REPOSITORY, "node_modules", "typescript", "bin", "tsc"), "-p", dir]);
}

function example(name: string): string {
  return readFileSync(path.join(REPOSITORY, "examples", name), "utf8").replaceAll('"../src/index.ts"', '"codexd"');
}

test("the example compiles with TypeScript alone, and does what it says", (t) => {
  const dir = project(t, { "embed.ts": example("embed.ts") });
  assert.deepEqual(compile(dir, {}), { status: 0, output: "" });
  const state = JSON.stringify(path.join(dir, "state"));
  writeFileSync(path.join(dir, "run.js"), `import { main } from "./embed.js"; await main(${state}, console.log);`);
  const { status, output } = run(dir, ["run.js"]);
  assert.equal(status, 0, output);
  assert.match(output, /^1 daemon\.started: /m);
  assert.match(output, /^turn completed: you said .*hello/m);
  assert.match(output, /^run completed: HELLO$/m);
  assert.match(output, /daemon\.stopped: codexd stopped\n$/);
});

test("the declarations need no DOM either", (t) => {
  const dir = project(t, {
    "uses.ts": 'import * as codexd from "codexd";\nexport const names: string[] = Object.keys(codexd);\n' +
      "export const abort = (signal: NonNullable<codexd.CodexExecRequest[\"signal\"]>): boolean => signal.aborted;\n",
  });
  assert.deepEqual(compile(dir, { lib: ["ES2023"], noEmit: true }), { status: 0, output: "" });
});

test("types let right programs through and stop wrong ones, however modules are found", (t) => {
  const program = readFileSync(path.join(REPOSITORY, "test", "fixtures", "library", "types.ts.txt"), "utf8");
  const readme = readFileSync(path.join(REPOSITORY, "README.md"), "utf8");
  const client = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? assert.fail("the README has a client");
  const names = "declare const console: { log(...values: unknown[]): void };\n";
  const dir = project(t, { "types.ts": program, "client.ts": names + client });
  const ways = [["NodeNext", "NodeNext"], ["ESNext", "Bundler"]] as const;
  for (const [module, moduleResolution] of ways) {
    const options = { lib: ["ES2023"], noEmit: true, module, moduleResolution };
    assert.deepEqual(compile(dir, options), { status: 0, output: "" }, moduleResolution);
  }
});

test("the framer alone has the names that codexd has of it, with types that need nothing else", (t) => {
  const dir = project(t, {
    "uses.ts": 'import * as codexd from "codexd";\nimport * as framer from "codexd/framer";\n' +
      "const same: typeof framer = codexd;\n" +
      "if (Object.keys(framer).some((name) => !(name in same))) throw new Error();\n",
  });
  assert.deepEqual(compile(dir, { lib: ["ES2023"] }), { status: 0, output: "" });
  assert.deepEqual(run(dir, ["uses.js"]), { status: 0, output: "" });
});

test("a plain program uses every export, with doubles of its own", (t) => {
  const dir = makeTempDir(t);
  const entry = pathToFileURL(path.join(REPOSITORY, "dist", "index.js")).href;
  const program = path.join(REPOSITORY, "test", "fixtures", "library", "every-export.mjs");
  assert.deepEqual(run(dir, [program, entry, dir]), { status: 0, output: "done\n" });
});
