// The bundle runs what the modules say, in the order of their imports, and refuses what it does not know.
// That it runs the whole program is test/dist.test.ts's matter.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { test, type TestContext } from "node:test";

import { bundle } from "../../scripts/bundle.ts";
import { makeTempDir } from "../support/temp-dir.ts";

function project(t: TestContext, files: Record<string, string>): string {
  const dir = makeTempDir(t);
  mkdirSync(path.join(dir, "sub"));
  writeFileSync(path.join(dir, "package.json"), '{"type": "module"}');
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
  return dir;
}

test("imports of every form, names that meet, and what is exported", async (t) => {
  const dir = project(t, {
    "index.js": [
      '#!/usr/bin/env node', 'import { used } from "./sub/a.js";', 'import path from "node:path";',
      'export { used, hidden as shown } from "./sub/a.js";', 'export { B } from "./sub/b.js";',
      'export const own = path.basename("x/y") + used;', "",
    ].join("\n"),
    "sub/a.js": [
      'import { B, name as other } from "./b.js";', 'import * as os from "node:os";',
      'import { sep } from "node:path";',
      'const name = "a";', "export function used() { return [name, other, typeof os.EOL, sep, new B().x].join(); }",
      "export const hidden = 7;", "",
    ].join("\n"),
    "sub/b.js": ['export const name = "b";', "export class B { x = 1; }", "export {};", ""].join("\n"),
  });
  bundle(dir);
  assert.equal(existsSync(path.join(dir, "sub", "a.js")), false);
  const program = await import(pathToFileURL(path.join(dir, "index.js")).href) as Record<string, unknown>;
  assert.deepEqual(Object.keys(program).sort(), ["B", "own", "shown", "used"]);
  assert.equal((program["used"] as () => string)(), `a,b,string,${path.sep},1`);
  assert.equal(program["shown"], 7);
});

test("characters beyond Latin-1 become escapes, which mean the same", async (t) => {
  const dir = project(t, {
    "index.js": 'export const all = ["é…", `⏎${1}😀`, /^[…⏎]$/.test("…"), /^😀$/u.test("😀")]; // …\n',
  });
  bundle(dir);
  const file = path.join(dir, "index.js");
  assert.match(readFileSync(file, "utf8"), /^[\0-\u00ff]*$/);
  const program = await import(pathToFileURL(file).href) as Record<string, unknown>;
  assert.deepEqual(program["all"], ["é…", "⏎1😀", true, true]);
});

test("an unknown form, a cycle and a missing file are refused", (t) => {
  const refused = (files: Record<string, string>, message: RegExp): void => {
    assert.throws(() => bundle(project(t, files)), message);
  };
  refused({ "index.js": "export const a = String.raw`…`;\n" }, /can escape no character of: .*String\.raw`…`/);
  refused({ "index.js": 'export const a = "\\…";\n' }, /can escape no character of/);
  refused({ "index.js": "export default 1;\n" }, /index\.js: the bundle knows no such form: export default 1/);
  refused({ "index.js": 'import "./a.js";\n', "a.js": "" }, /no such form/);
  refused({ "index.js": 'import { a } from "./a.js";\n' }, /a\.js is imported and not there/);
  const cycle = { "a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n' };
  refused({ "index.js": 'import { a } from "./a.js";\n', ...cycle }, /lead back to it/);
});

test("two programs may share modules, and have names of their own", async (t) => {
  const dir = project(t, {
    "index.js": 'import { name } from "./sub/a.js";\nexport const first = name;\n',
    "sub/main.js": 'import { name } from "./a.js";\nexport const second = `${name}!`;\n',
    "sub/a.js": 'export const name = "a";\n',
  });
  bundle(dir, { "index.js": "index.js", "other.js": "sub/main.js" });
  assert.deepEqual(readdirSync(dir).sort(), ["index.js", "other.js", "package.json", "sub"]);
  assert.deepEqual(readdirSync(path.join(dir, "sub")), []);
  const [one, other] = await Promise.all(["index.js", "other.js"].map(async (name) => {
    return await import(pathToFileURL(path.join(dir, name)).href) as Record<string, unknown>;
  }));
  assert.deepEqual([one?.["first"], other?.["second"]], ["a", "a!"]);
});
