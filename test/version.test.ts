// The version is that of codexd's package.json, wherever the program lies.
//
// The places are real files in a directory of the test's own.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { readVersion } from "../src/version.ts";
import { makeTempDir } from "./support/temp-dir.ts";

function program(dir: string): string {
  return pathToFileURL(path.join(dir, "dist", "version.js")).href;
}

function lay(dir: string, files: Record<string, string>): void {
  mkdirSync(path.join(dir, "dist"));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
}

test("from the source it is the repository's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  assert.equal(readVersion(), manifest.version);
});

test("a dist copied alone has its own, whatever project it lies in", (t) => {
  const dir = makeTempDir(t);
  lay(dir, {
    "package.json": '{"name":"other","version":"7.0.0"}',
    "dist/package.json": '{"name":"codexd","version":"1.2.3"}',
  });
  assert.equal(readVersion(program(dir)), "1.2.3");
});

test("a dist in its repository may take the one above", (t) => {
  const dir = makeTempDir(t);
  lay(dir, { "package.json": '{"name":"codexd","version":"1.2.4"}' });
  assert.equal(readVersion(program(dir)), "1.2.4");
});

test("another project's version, none, or no file at all is an error", (t) => {
  for (const manifest of ['{"name":"other","version":"7.0.0"}', '{"name":"codexd"}', "[]", null]) {
    const dir = makeTempDir(t);
    lay(dir, manifest === null ? {} : { "package.json": manifest });
    assert.throws(() => readVersion(program(dir)), /neither beside its program nor one folder above/);
  }
});

test("one that cannot be read says so", (t) => {
  const dir = makeTempDir(t);
  lay(dir, {});
  mkdirSync(path.join(dir, "package.json"));
  assert.throws(() => readVersion(program(dir)), { code: "EISDIR" });
});
