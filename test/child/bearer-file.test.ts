// The token of a remote app-server: which files hold one, and that none of it is told.
// Real files, with the modes that they are given.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readBearerFile } from "../../src/child/bearer-file.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { makeTempDir } from "../support/temp-dir.ts";

test("a file of its owner's alone, with or without blanks around the token, or a link to one", async (t) => {
  const dir = makeTempDir(t);
  const file = path.join(dir, "token");
  writeFileSync(file, "  s3cret\n", { mode: 0o600 });
  assert.equal(await readBearerFile(file), "s3cret");
  symlinkSync(file, path.join(dir, "link"));
  assert.equal(await readBearerFile(path.join(dir, "link")), "s3cret");
  writeFileSync(file, "x".repeat(LIMITS.bearerFileBytesMax));
  assert.equal((await readBearerFile(file)).length, LIMITS.bearerFileBytesMax);
});

test("anything else is refused by name, without a word of what it holds", async (t) => {
  const dir = makeTempDir(t);
  const put = (name: string, text: string, mode = 0o600): string => {
    const file = path.join(dir, name);
    writeFileSync(file, text, { mode });
    chmodSync(file, mode);
    return file;
  };
  mkdirSync(path.join(dir, "folder"));
  execFileSync("mkfifo", [path.join(dir, "fifo")]);
  const refused = async (file: string, why: RegExp): Promise<void> => {
    await assert.rejects(readBearerFile(file), (error: Error) => {
      assert.match(error.message, why);
      assert.ok(error.message.includes(file));
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
  };
  await refused(path.join(dir, "none"), /ENOENT/);
  await refused(path.join(dir, "folder"), /not a regular file/);
  await refused(path.join(dir, "fifo"), /not a regular file/);
  await refused(put("group", "s3cret", 0o640), /open to others \(mode 640\)/);
  await refused(put("world", "s3cret", 0o604), /open to others \(mode 604\)/);
  await refused(put("long", "x".repeat(LIMITS.bearerFileBytesMax + 1)), /has 4097 bytes and takes 4096/);
  for (const [i, text] of ["", " \n", "s3cret two", "s3cret\nX: y", "s3cr\u00e9t"].entries()) {
    await refused(put(`bad-${i}`, text), /one line of visible ASCII/);
  }
});
