// The real disk: modes whatever the umask, links refused, whole writes, and which errors may pass.
// Developers and CI run as root, whom no mode keeps out: modes are read back, refusals come from links and codes.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { errorCode } from "../../src/base/error-code.ts";
import { mayPass, nodeDisk } from "../../src/store/disk.ts";
import { makeTempDir } from "../support/temp-dir.ts";

test("files are 0600 and directories 0700, also those that were open before", async (t) => {
  const directory = path.join(makeTempDir(t), "a", "b");
  await nodeDisk.makeDirectory(directory);
  await nodeDisk.makeDirectory(directory);
  assert.equal((await nodeDisk.stat(directory))?.mode, 0o700);
  const file = path.join(directory, "file");
  fs.writeFileSync(file, "", { mode: 0o666 });
  fs.chmodSync(file, 0o666);
  await (await nodeDisk.open(file, "write")).close();
  const made = path.join(directory, "made");
  await (await nodeDisk.open(made, "create")).close();
  for (const name of [file, made]) {
    const stat = await nodeDisk.stat(name);
    assert.deepEqual([stat?.kind, stat?.mode, stat?.uid], ["file", 0o600, process.getuid?.()]);
  }
});

test("directories and those above them are 0700 under any umask, and those that were there are left", async (t) => {
  const top = makeTempDir(t);
  fs.chmodSync(top, 0o755);
  const before = process.umask();
  t.after(() => process.umask(before));
  for (const umask of [0, 0o777]) {
    process.umask(umask);
    const first = path.join(top, `under-${umask}`);
    await nodeDisk.makeDirectory(path.join(first, "a", "b"));
    for (const made of [first, path.join(first, "a"), path.join(first, "a", "b")]) {
      assert.equal((await nodeDisk.stat(made))?.mode, 0o700, made);
    }
  }
  process.umask(before);
  assert.equal((await nodeDisk.stat(top))?.mode, 0o755);
  fs.writeFileSync(path.join(top, "file"), "");
  await assert.rejects(nodeDisk.makeDirectory(path.join(top, "file")), { code: "EEXIST" });
  await assert.rejects(nodeDisk.makeDirectory(path.join(top, "file", "a", "b")), { code: "ENOTDIR" });
});

test("the name of a directory that is made is synced, unless it stands in one that may not be read", async (t) => {
  const top = makeTempDir(t);
  const synced: string[] = [];
  const sync = nodeDisk.syncDirectory;
  t.mock.method(nodeDisk, "syncDirectory", (directory: string) => {
    synced.push(path.relative(top, directory));
    return directory === top ? Promise.reject(Object.assign(new Error("EACCES"), { code: "EACCES" })) : sync(directory);
  });
  await nodeDisk.makeDirectory(path.join(top, "a", "b", "c"));
  assert.deepEqual(synced, ["", "a", path.join("a", "b")]);
});

test("writes and reads at offsets, truncates and syncs", async (t) => {
  const directory = makeTempDir(t);
  const file = path.join(directory, "file");
  const handle = await nodeDisk.open(file, "create");
  await handle.writeAll(Buffer.from("hello world"), 0);
  await handle.writeAll(Buffer.from("W"), 6);
  await handle.truncate(7);
  await handle.datasync();
  const into = Buffer.alloc(10, ".");
  assert.equal(await handle.read(into, 4), 3);
  assert.equal(into.toString(), "o W.......");
  await handle.close();
  await nodeDisk.syncDirectory(directory);
  assert.equal((await nodeDisk.readFile(file)).toString(), "hello W");
  await assert.rejects(nodeDisk.open(file, "create"), { code: "EEXIST" });
});

test("a failed write or read is an error with its code", async (t) => {
  const file = path.join(makeTempDir(t), "file");
  fs.writeFileSync(file, "x");
  const handle = await nodeDisk.open(file, "read");
  await assert.rejects(handle.writeAll(Buffer.from("x"), 0), { code: "EBADF" });
  await handle.close();
  await assert.rejects(handle.read(Buffer.alloc(1), 0), { code: "EBADF" });
  await assert.rejects(handle.datasync(), { code: "EBADF" });
});

test("no file is opened through a link, and a link is told as one", async (t) => {
  const directory = makeTempDir(t);
  const target = path.join(directory, "target");
  const link = path.join(directory, "link");
  fs.writeFileSync(target, "x");
  fs.symlinkSync(target, link);
  for (const mode of ["read", "write"] as const) await assert.rejects(nodeDisk.open(link, mode), { code: "ELOOP" });
  await assert.rejects(nodeDisk.readFile(link), { code: "ELOOP" });
  assert.equal((await nodeDisk.stat(link))?.kind, "link");
  assert.equal(await nodeDisk.readLink(link), target);
});

test("names are listed, linked, renamed and removed", async (t) => {
  const directory = makeTempDir(t);
  const at = (name: string): string => path.join(directory, name);
  fs.writeFileSync(at("a"), "x");
  await nodeDisk.link(at("a"), at("b"));
  await assert.rejects(nodeDisk.link(at("a"), at("b")), { code: "EEXIST" });
  await nodeDisk.rename(at("a"), at("c"));
  assert.deepEqual((await nodeDisk.list(directory)).sort(), ["b", "c"]);
  await nodeDisk.unlink(at("b"));
  assert.equal(await nodeDisk.stat(at("b")), undefined);
  await assert.rejects(nodeDisk.stat(path.join(at("c"), "d")), { code: "ENOTDIR" });
  assert.equal((await nodeDisk.stat("/dev/null"))?.kind, "other");
  await nodeDisk.chmod(at("c"), 0o640);
  assert.equal((await nodeDisk.stat(at("c")))?.mode, 0o640);
  const handle = await nodeDisk.openDirectory(directory);
  assert.ok(handle.fd > 0);
  await handle.close();
});

test("only a lack of room may pass", () => {
  const withCode = (code: unknown): Error => Object.assign(new Error("x"), { code });
  for (const code of ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE"]) assert.equal(mayPass(withCode(code)), true, code);
  for (const code of ["EIO", "EROFS", "EBADF", 5, undefined]) assert.equal(mayPass(withCode(code)), false);
  assert.equal(errorCode("ENOSPC"), undefined);
  assert.equal(errorCode(new Error("x")), undefined);
});
