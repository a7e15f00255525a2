// The native binary behind npm's wrapper, in each layout that npm and Codex have had.
//
// The layouts are copied from real installations; the files in them are empty scripts that nobody runs.

import assert from "node:assert/strict";
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { resolveNativeCodex } from "../../src/child/native-codex.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const PLATFORM = `codex-${process.platform}-${process.arch}`;
const TARGET = "x86_64-unknown-linux-musl";

/** `node_modules` with the wrapper in it, and `.bin/codex` that leads to it. */
function installWrapper(t: TestContext): { modules: string; command: string } {
  const modules = path.join(realpathSync(makeTempDir(t)), "node_modules");
  put(path.join(modules, "@openai/codex/bin/codex.js"));
  mkdirSync(path.join(modules, ".bin"));
  const command = path.join(modules, ".bin/codex");
  symlinkSync("../@openai/codex/bin/codex.js", command);
  return { modules, command };
}

function put(file: string, mode = 0o755): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, "#!/bin/sh\n", { mode });
  return file;
}

const LAYOUTS: ReadonlyArray<readonly [string, string]> = [
  ["beside the wrapper's package", `@openai/${PLATFORM}/vendor/${TARGET}/bin/codex`],
  ["below the wrapper's package", `@openai/codex/node_modules/@openai/${PLATFORM}/vendor/${TARGET}/bin/codex`],
  ["in the wrapper's package", `@openai/codex/vendor/${TARGET}/bin/codex`],
  ["where 0.116 had it", `@openai/${PLATFORM}/vendor/${TARGET}/codex/codex`],
];

for (const [name, place] of LAYOUTS) {
  test(`the binary is found ${name}`, async (t) => {
    const { modules, command } = installWrapper(t);
    const native = put(path.join(modules, place));
    assert.equal(await resolveNativeCodex(command), native);
    assert.equal(await resolveNativeCodex(path.join(modules, "@openai/codex/bin/codex.js")), native);
  });
}

test("of two the one below the wrapper's package is taken, as the wrapper does", async (t) => {
  const { modules, command } = installWrapper(t);
  put(path.join(modules, LAYOUTS[0]?.[1] ?? ""));
  const below = put(path.join(modules, LAYOUTS[1]?.[1] ?? ""));
  assert.equal(await resolveNativeCodex(command), below);
});

test("a binary that may not be executed, or is for another platform, is passed over: the wrapper runs", async (t) => {
  const { modules, command } = installWrapper(t);
  put(path.join(modules, LAYOUTS[0]?.[1] ?? ""), 0o644);
  put(path.join(modules, `@openai/codex-plan9-pdp11/vendor/${TARGET}/bin/codex`));
  mkdirSync(path.join(modules, `@openai/${PLATFORM}/vendor/path`));
  assert.equal(await resolveNativeCodex(command), command);
});

test("a command that is no wrapper stays as it was found", async (t) => {
  const root = makeTempDir(t);
  const plain = put(path.join(root, "codex"));
  const like = put(path.join(root, "my-@openai/codex/bin/codex.js"));
  const missing = path.join(root, "missing");
  for (const command of [plain, like, missing]) assert.equal(await resolveNativeCodex(command), command);
});
