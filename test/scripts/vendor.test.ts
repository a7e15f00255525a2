// The folder that is copied to a machine without network: whole, checked by `sha256sum`, and a program by itself.
//
// Needs a build, which scripts/test.ts makes before the tests run.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { vendor } from "../../scripts/vendor.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const check = (cwd: string) => spawnSync("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd });

test("it holds dist, the licence and checksums that hold", (t) => {
  const parent = makeTempDir(t);
  const folder = vendor(parent);
  assert.match(path.basename(folder), /^codexd-\d+\.\d+\.\d+/);
  assert.deepEqual(readdirSync(folder).sort(), ["LICENSE", "SHA256SUMS", "dist"]);
  assert.equal(check(folder).status, 0);
  const program = path.join(folder, "dist", "index.js");
  const version = execFileSync(process.execPath, [program, "version"], { encoding: "utf8" });
  assert.equal(`codexd-${version.trim()}`, path.basename(folder));
  appendFileSync(path.join(folder, "dist", "index.js"), "\n");
  assert.notEqual(check(folder).status, 0, "a changed file is found");
});

test("a second one takes the place of the first, with nothing left of it", (t) => {
  const parent = makeTempDir(t);
  const folder = vendor(parent);
  writeFileSync(path.join(folder, "stranger"), "");
  assert.equal(vendor(parent), folder);
  assert.deepEqual(readdirSync(parent), [path.basename(folder)]);
  assert.ok(!readdirSync(folder).includes("stranger"));
  assert.equal(check(folder).status, 0);
});
