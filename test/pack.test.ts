// What is published: the same bytes from the same tree, whoever packs it, when and where; and nothing but the program.
//
// Needs a build, which scripts/test.ts makes before the tests run. Nothing is asked of a network.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "./support/codex-install.ts";
import { makeTempDir } from "./support/temp-dir.ts";

const PARTS = ["dist", "README.md", "LICENSE", "CHANGELOG.md", "package.json"];

interface Packed {
  readonly sha256: string;
  readonly files: readonly string[];
}

/** @param extra stands beside the parts and must not be packed. */
function pack(folder: string, { at, umask, extra }: { at: Date; umask: string; extra: string }): Packed {
  mkdirSync(folder, { recursive: true });
  for (const part of PARTS) cpSync(path.join(REPOSITORY, part), path.join(folder, part), { recursive: true });
  cpSync(path.join(REPOSITORY, "package.json"), path.join(folder, extra));
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    utimesSync(path.join(folder, name), at, at);
  }
  const flags = "--json --ignore-scripts --offline --no-update-notifier --loglevel=error";
  const script = `umask ${umask} && npm pack ${flags} --cache '${folder}/.npm'`;
  const told = execFileSync("sh", ["-c", script], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const answer = JSON.parse(told) as Record<string, Packing>;
  // npm 12 names each by its package, those before give a list.
  const [packing] = Object.values(answer);
  assert.ok(packing !== undefined, told);
  const bytes = readFileSync(path.join(folder, packing.filename));
  return {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    files: packing.files.map((file) => file.path).sort(),
  };
}

interface Packing {
  readonly filename: string;
  readonly files: ReadonlyArray<{ readonly path: string }>;
}

test("packing it again, elsewhere, at another time and by another user, gives the same bytes", (t) => {
  const parent = makeTempDir(t);
  const first = pack(path.join(parent, "a"), { at: new Date("2020-01-01"), umask: "022", extra: "notes.json" });
  const second = pack(path.join(parent, "b", "c"), { at: new Date(), umask: "077", extra: "dist-old.json" });
  assert.deepEqual(second, first);
  const top = new Set(first.files.map((file) => file.split("/")[0]));
  assert.deepEqual([...top].sort(), [...PARTS].sort());
  const dist = readdirSync(path.join(REPOSITORY, "dist"), { recursive: true, encoding: "utf8" });
  const isFile = (name: string): boolean => statSync(path.join(REPOSITORY, name)).isFile();
  const built = dist.map((name) => path.join("dist", name)).filter(isFile);
  assert.deepEqual(first.files.filter((file) => file.startsWith("dist/")), built.sort());
  assert.ok(built.every((file) => /\.(js|d\.ts|json)$/.test(file)), built.join());
});

test("installing it runs nothing and brings nothing along", () => {
  const text = readFileSync(path.join(REPOSITORY, "package.json"), "utf8");
  const { scripts, ...manifest } = JSON.parse(text) as Record<string, Record<string, string>>;
  const hooks = /^(pre|post)?(install|prepare|pack|publish|uninstall)|^(pre|post)?prepublish|^dependencies$/;
  assert.deepEqual(Object.keys(scripts ?? {}).filter((name) => hooks.test(name)), []);
  for (const name of ["dependencies", "optionalDependencies", "peerDependencies", "bundleDependencies", "gypfile"]) {
    assert.equal(manifest[name], undefined, name);
  }
});
