// The token: made once, private, rotated as a whole, and never replaced because it is damaged.
// On the real disk, in a directory of the test's own.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { EXIT, ExitError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { nodeDisk, type Disk } from "../../src/store/disk.ts";
import {
  createTokenReader, headerPath, loadOrCreateToken, readToken, rotateToken, tokenPath,
} from "../../src/store/token.ts";
import { errnoError } from "../support/disk-simulator.ts";
import { makeTempDir } from "../support/temp-dir.ts";

test("is made at the first call and kept, with its header file", async (t) => {
  const directory = makeTempDir(t);
  const token = await loadOrCreateToken(nodeDisk, directory);
  assert.match(token, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(await loadOrCreateToken(nodeDisk, directory), token);
  assert.equal(await readToken(nodeDisk, directory), token);
  assert.equal(fs.readFileSync(headerPath(directory), "utf8"), `Authorization: Bearer ${token}\n`);
  for (const file of [tokenPath(directory), headerPath(directory)]) {
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  }
  assert.deepEqual(fs.readdirSync(directory).sort(), ["curl-header", "token"]);
});

test("ten at the same moment get the same token", async (t) => {
  const directory = makeTempDir(t);
  const tokens = await Promise.all(Array.from({ length: 10 }, () => loadOrCreateToken(nodeDisk, directory)));
  assert.equal(new Set(tokens).size, 1);
});

test("rotation changes both files; a stale header file is put right", async (t) => {
  const directory = makeTempDir(t);
  const old = await loadOrCreateToken(nodeDisk, directory);
  const token = await rotateToken(nodeDisk, directory);
  assert.notEqual(token, old);
  assert.equal(await readToken(nodeDisk, directory), token);
  assert.equal(fs.readFileSync(headerPath(directory), "utf8"), `Authorization: Bearer ${token}\n`);
  fs.writeFileSync(headerPath(directory), "stale");
  await loadOrCreateToken(nodeDisk, directory);
  assert.equal(fs.readFileSync(headerPath(directory), "utf8"), `Authorization: Bearer ${token}\n`);
});

test("a missing, empty, malformed or linked file is named", async (t) => {
  const directory = makeTempDir(t);
  const file = tokenPath(directory);
  const refused = (message: RegExp): Promise<void> =>
    assert.rejects(readToken(nodeDisk, directory), (error) => {
      assert.ok(error instanceof ExitError && error.exitCode === EXIT.config && error.message.includes(file));
      assert.match(error.message, message);
      return true;
    });
  await refused(/no token/);
  for (const [text, message] of [["", /is empty/], [" \n", /is empty/], ["short", /does not hold/]] as const) {
    fs.writeFileSync(file, text, { mode: 0o600 });
    await refused(message);
    await assert.rejects(loadOrCreateToken(nodeDisk, directory), message);
    assert.equal(fs.readFileSync(file, "utf8"), text);
  }
  fs.truncateSync(file, LIMITS.smallFileBytesMax);
  await refused(/does not hold/);
  fs.truncateSync(file, LIMITS.smallFileBytesMax + 1);
  await refused(/far too large \(1048577 bytes\); remove it/);
  fs.rmSync(file);
  fs.symlinkSync(path.join(directory, "elsewhere"), file);
  await refused(/symbolic link/);
});

test("what is no regular file of the user's own, closed to others, is refused and not opened", async (t) => {
  const directory = makeTempDir(t);
  await loadOrCreateToken(nodeDisk, directory);
  for (const file of [tokenPath(directory), headerPath(directory)]) {
    const refused = (message: RegExp): Promise<void> => assert.rejects(loadOrCreateToken(nodeDisk, directory),
      (error) => error instanceof ExitError && error.exitCode === EXIT.config && error.message.includes(file) &&
        message.test(error.message));
    for (const mode of [0o640, 0o604, 0o601]) {
      fs.chmodSync(file, mode);
      await refused(new RegExp(`open to others \\(mode ${mode.toString(8)}\\)`));
      assert.equal(fs.statSync(file).mode & 0o777, mode, "it is as it was");
    }
    const aside = `${file}.aside`;
    fs.chmodSync(file, 0o600);
    fs.renameSync(file, aside);
    fs.symlinkSync(aside, file);
    await refused(/symbolic link/);
    fs.rmSync(file);
    fs.mkdirSync(file);
    await refused(/not a regular file/);
    fs.rmdirSync(file);
    execFileSync("mkfifo", ["-m", "600", file]);
    await refused(/not a regular file/);
    fs.rmSync(file);
    fs.renameSync(aside, file);
  }
  await assert.rejects(readToken(nodeDisk, directory, (process.getuid?.() ?? 0) + 1), /belongs to the user with id/);
  await readToken(nodeDisk, directory, undefined);
});

test("a file that goes in the moment between looking and opening is missing", async (t) => {
  const directory = makeTempDir(t);
  await loadOrCreateToken(nodeDisk, directory);
  const gone = { ...nodeDisk, readFile: async () => Promise.reject(errnoError("ENOENT")) };
  await assert.rejects(readToken(gone, directory), /there is no token/);
});

test("what the disk refuses is passed on", async (t) => {
  const directory = makeTempDir(t);
  const fails = async (): Promise<never> => Promise.reject(errnoError("EIO"));
  await assert.rejects(loadOrCreateToken({ ...nodeDisk, link: fails }, directory), { code: "EIO" });
  await loadOrCreateToken(nodeDisk, directory);
  await assert.rejects(readToken({ ...nodeDisk, readFile: fails }, directory), { code: "EIO" });
  const headerFails = (file: string): Promise<Buffer> => (file.endsWith("token") ? nodeDisk.readFile(file) : fails());
  await assert.rejects(loadOrCreateToken({ ...nodeDisk, readFile: headerFails }, directory), { code: "EIO" });
});

test("a reader opens the file only where it may have changed", async (t) => {
  const directory = makeTempDir(t);
  let reads = 0;
  const disk: Disk = {
    ...nodeDisk,
    readFile(file) {
      reads += 1;
      return nodeDisk.readFile(file);
    },
  };
  const old = await loadOrCreateToken(nodeDisk, directory);
  const read = createTokenReader(disk, directory);
  for (let look = 0; look < 5; look += 1) assert.equal(await read(), old);
  assert.equal(reads, 2, "what is new is read twice, for a second change in the same moment");
  const token = await rotateToken(nodeDisk, directory);
  for (let look = 0; look < 5; look += 1) assert.equal(await read(), token);
  assert.equal(reads, 4);

  fs.chmodSync(tokenPath(directory), 0o644);
  for (let look = 0; look < 2; look += 1) await assert.rejects(read(), /open to others/);
  fs.chmodSync(tokenPath(directory), 0o600);
  assert.equal(await read(), token);
  fs.unlinkSync(tokenPath(directory));
  for (let look = 0; look < 2; look += 1) await assert.rejects(read(), /no token/);
});

test("a reader reads each time where the disk does not tell when a file has changed", async (t) => {
  const directory = makeTempDir(t);
  const old = await loadOrCreateToken(nodeDisk, directory);
  const disk: Disk = {
    ...nodeDisk,
    async stat(file) {
      const found = await nodeDisk.stat(file);
      if (found === undefined) return undefined;
      const { changedMs, ...rest } = found;
      return rest;
    },
  };
  const read = createTokenReader(disk, directory);
  for (let look = 0; look < 3; look += 1) assert.equal(await read(), old);
  const token = await rotateToken(nodeDisk, directory);
  assert.equal(await read(), token);
});
