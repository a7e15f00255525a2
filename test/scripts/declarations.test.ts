// The declarations take what they name of Node's from `dist` itself, and only what they name.
// That a project without `@types/node` compiles against them is test/types.test.ts's matter.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { freeDeclarations } from "../../scripts/declarations.ts";
import { makeTempDir } from "../support/temp-dir.ts";

test("names get their import, below a shebang too; comments and members are no names", (t) => {
  const dir = makeTempDir(t);
  mkdirSync(path.join(dir, "sub"));
  const files: Readonly<Record<string, readonly [string, string]>> = {
    "index.d.ts": ["#!/usr/bin/env node\nexport declare const b: Buffer;\n",
      '#!/usr/bin/env node\nimport type { Buffer } from "./node-types.js";\nexport declare const b: Buffer;\n'],
    "sub/two.d.ts": ["export declare function f(s: AbortSignal, e: NodeJS.ProcessEnv): void;\n",
      'import type { AbortSignal, NodeJS } from "../node-types.js";\n' +
        "export declare function f(s: AbortSignal, e: NodeJS.ProcessEnv): void;\n"],
    "sub/none.d.ts": ['/** A Buffer. */\nexport type T = typeof x.Buffer | "Buffer"; // Buffer\n',
      '/** A Buffer. */\nexport type T = typeof x.Buffer | "Buffer"; // Buffer\n'],
    "sub/code.js": ["Buffer;\n", "Buffer;\n"],
  };
  for (const [name, [text]] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
  freeDeclarations(dir);
  for (const [name, [, text]] of Object.entries(files)) assert.equal(readFileSync(path.join(dir, name), "utf8"), text);
  assert.match(readFileSync(path.join(dir, "node-types.d.ts"), "utf8"), /export type Buffer/);
});
