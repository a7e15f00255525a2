// What lies below a path, with links in every place that a link can stand in.
//
// Who gets this wrong lets a change inside a project write anywhere.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createPathScope } from "../../../src/service/approvals/path-scope.ts";
import { makeTempDir } from "../../support/temp-dir.ts";

function makeTree(t: Parameters<typeof makeTempDir>[0]) {
  // The system's temporary directory may be a link itself.
  const root = fs.realpathSync(makeTempDir(t));
  const at = (...parts: string[]): string => path.join(root, ...parts);
  fs.mkdirSync(at("project", "src"), { recursive: true });
  fs.mkdirSync(at("outside"));
  fs.writeFileSync(at("project", "file"), "");
  fs.writeFileSync(at("outside", "file"), "");
  return at;
}

test("by name: the path itself, and what is below it", (t) => {
  const at = makeTree(t);
  const { holds } = createPathScope(at("project"));
  for (const name of ["", "src", "file", "new", "src/new/deep/er", "src/", "./src//x"]) {
    assert.equal(holds(`${at("project")}/${name}`), true, name);
  }
  for (const name of ["project2", "outside/file", "", "project/../outside/x", "project/src/../x", "project/.."]) {
    assert.equal(holds(`${at()}/${name}`), false, name);
  }
  for (const name of ["", "project", "./project", `${at("project")}/a\0b`]) assert.equal(holds(name), false, name);
  assert.equal(createPathScope(`${at("project")}/`).holds(at("project", "new")), true);
  assert.equal(createPathScope("/").holds(at("outside")), true);
  assert.equal(createPathScope(at("project", "file")).holds(at("project", "file")), true);
  assert.equal(createPathScope(at("project", "file")).holds(at("project", "file2")), false);
});

test("no link leads out of it, whether or not what it leads to exists", (t) => {
  const at = makeTree(t);
  const { holds } = createPathScope(at("project"));
  fs.symlinkSync(at("outside"), at("project", "dir"));
  fs.symlinkSync(at("outside", "file"), at("project", "link"));
  fs.symlinkSync(at("outside", "new"), at("project", "dangling"));
  fs.symlinkSync("../outside", at("project", "relative"));
  fs.symlinkSync("loop", at("project", "loop"));
  fs.symlinkSync("src", at("project", "inner"));
  fs.symlinkSync("src/nothing", at("project", "inner-dangling"));
  for (const name of [
    "dir", "dir/file", "dir/new/x", "link", "dangling", "dangling/x", "relative/x", "loop", "loop/x", "file/x",
    "inner-dangling",
  ]) assert.equal(holds(at("project", name)), false, name);
  for (const name of ["inner", "inner/x", "inner/new/x"]) assert.equal(holds(at("project", name)), true, name);
  // In from elsewhere: what is named does not lie in it.
  fs.symlinkSync(at("project", "file"), at("outside", "in"));
  assert.equal(holds(at("outside", "in")), false);
});

test("a path that is a link means what it leads to at the start, under both names", (t) => {
  const at = makeTree(t);
  fs.symlinkSync(at("project"), at("alias"));
  const { holds } = createPathScope(at("alias"));
  assert.equal(holds(at("alias", "src", "x")), true);
  assert.equal(holds(at("project", "src", "x")), true);
  fs.unlinkSync(at("alias"));
  fs.symlinkSync(at("outside"), at("alias"));
  assert.equal(holds(at("alias", "file")), false);
  assert.equal(holds(at("outside", "file")), false);
});

test("a path that is not there yet, and becomes a link", (t) => {
  const at = makeTree(t);
  const { holds } = createPathScope(at("project", "later"));
  assert.equal(holds(at("project", "later", "x")), true);
  fs.symlinkSync(at("outside"), at("project", "later"));
  assert.equal(holds(at("project", "later", "x")), false);
  fs.unlinkSync(at("project", "later"));
  fs.mkdirSync(at("project", "later"));
  assert.equal(holds(at("project", "later", "x")), true);
  // One that leads nowhere, or around in a circle, has no place.
  fs.symlinkSync("nowhere", at("nowhere"));
  assert.equal(createPathScope(at("nowhere")).holds(at("nowhere")), false);
});

test("what cannot be found out is not in it", (t) => {
  const at = makeTree(t);
  const { holds } = createPathScope(at("project"));
  assert.equal(holds(at("project", "x".repeat(300))), false);
  assert.equal(holds(at("project", "src", ...Array.from({ length: 3000 }, () => "xx"))), false);
});
