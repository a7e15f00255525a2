// Finding a program on PATH, with real files.
//
// Permissions are tried without a user of their own: a file that nobody may execute is refused to root too.

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { resolveCommand } from "../../src/child/resolve-command.ts";
import { makeTempDir } from "../support/temp-dir.ts";

/** `a/tool` is not executable, `b/tool` and `c/tool` are, `a/dir` is a directory, `b/link` leads to `c/tool`. */
function layOut(t: TestContext): { root: string; pathVariable: string } {
  const root = makeTempDir(t);
  for (const name of ["a", "b", "c", "a/dir"]) mkdirSync(path.join(root, name));
  writeFileSync(path.join(root, "a/tool"), "", { mode: 0o644 });
  writeFileSync(path.join(root, "b/tool"), "", { mode: 0o755 });
  writeFileSync(path.join(root, "c/tool"), "", { mode: 0o755 });
  symlinkSync("../c/tool", path.join(root, "b/link"));
  return { root, pathVariable: ["a", "b", "c"].map((name) => path.join(root, name)).join(":") };
}

test("the first executable file on PATH is found, past one that is not", async (t) => {
  const { root, pathVariable } = layOut(t);
  assert.equal(await resolveCommand("tool", pathVariable, "/"), path.join(root, "b/tool"));
});

test("a link stays a link", async (t) => {
  const { root, pathVariable } = layOut(t);
  assert.equal(await resolveCommand("link", pathVariable, "/"), path.join(root, "b/link"));
});

test("a directory, a missing name, an empty one and one with a NUL are not found", async (t) => {
  const { pathVariable } = layOut(t);
  for (const command of ["dir", "nothing", "", "to\0ol"]) {
    assert.equal(await resolveCommand(command, pathVariable, "/"), null, JSON.stringify(command));
  }
});

test("relative and empty entries of PATH are passed over, also when the current directory has the name", async (t) => {
  const { root } = layOut(t);
  const here = path.join(root, "b");
  for (const pathVariable of ["", ".", ":", "b::.", undefined]) {
    assert.equal(await resolveCommand("tool", pathVariable, here), null, String(pathVariable));
  }
});

test("a command with a slash is a path, absolute or from the working directory, and PATH is not asked", async (t) => {
  const { root, pathVariable } = layOut(t);
  assert.equal(await resolveCommand(path.join(root, "c/tool"), undefined, "/"), path.join(root, "c/tool"));
  assert.equal(await resolveCommand("./tool", pathVariable, path.join(root, "c")), path.join(root, "c/tool"));
  assert.equal(await resolveCommand("./tool", pathVariable, path.join(root, "a")), null);
});
