// Uploaded files on a real disk (modes, names, links), and on one that fills up or fails.
// Who may upload what is tested with the service.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { ExitError } from "../../src/core/errors.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { createUploadFiles } from "../../src/store/upload-files.ts";
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { makeTempDir } from "../support/temp-dir.ts";

function setUp(t: TestContext) {
  const dir = path.join(makeTempDir(t), "state", "uploads");
  return { dir, files: createUploadFiles(nodeDisk, dir) };
}

test("nothing is made before the first file; then all of it is the user's own, whatever the umask", async (t) => {
  const umask = process.umask(0);
  t.after(() => void process.umask(umask));
  const { dir, files } = setUp(t);
  assert.deepEqual([await files.list("ses_1"), await files.sessionIds()], [[], []]);
  await files.removeAll("ses_1");
  await files.removeUnfinished("ses_1");
  assert.equal(existsSync(dir), false);
  const file = await files.write("ses_1", "upl_1.png", Buffer.from("bytes"));
  assert.equal(file, path.join(dir, "ses_1", "upl_1.png"));
  const modes = [dir, path.dirname(file), file].map((name) => (statSync(name).mode & 0o777).toString(8));
  assert.deepEqual(modes, ["700", "700", "600"]);
  assert.equal(readFileSync(file, "utf8"), "bytes");
});

test("files are listed by session, without what was not finished, and go with their folder", async (t) => {
  const { dir, files } = setUp(t);
  const file = await files.write("ses_1", "upl_1.png", Buffer.from("a"));
  await files.write("ses_2", "upl_2.gif", Buffer.from("b"));
  const unfinished = path.join(dir, "ses_1", "upl_3.png.0123456789abcdef.tmp");
  writeFileSync(unfinished, "half");
  writeFileSync(path.join(dir, "notes"), "somebody's");
  assert.deepEqual(await files.list("ses_1"), [{ name: "upl_1.png", path: file }]);
  assert.deepEqual((await files.sessionIds()).sort(), ["ses_1", "ses_2"]);
  await files.removeUnfinished("ses_1");
  assert.deepEqual(readdirSync(path.join(dir, "ses_1")), ["upl_1.png"]);
  writeFileSync(unfinished, "half");
  await files.removeAll("ses_1");
  assert.deepEqual(readdirSync(dir).sort(), ["notes", "ses_2"]);
});

test("one file is removed by its name; one that is not there is no error", async (t) => {
  const { dir, files } = setUp(t);
  await files.remove("ses_1", "upl_1.png");
  await files.write("ses_1", "upl_1.png", Buffer.from("a"));
  await files.write("ses_1", "upl_2.png", Buffer.from("b"));
  await files.remove("ses_1", "upl_1.png");
  await files.remove("ses_1", "upl_1.png");
  assert.deepEqual(readdirSync(path.join(dir, "ses_1")), ["upl_2.png"]);
});

test("a name that is none of codexd's is a bug, and reaches nothing", async (t) => {
  const { files } = setUp(t);
  for (const sessionId of ["../x", "ses_", "ses_a/b", "", "ses_1\0"]) {
    await assert.rejects(files.list(sessionId), /invariant broken/);
    await assert.rejects(files.removeAll(sessionId), /invariant broken/);
  }
  for (const name of ["upl_1", "../upl_1.png", "upl_1.png.tmp", "x.png"]) {
    await assert.rejects(files.write("ses_1", name, Buffer.from("a")), /invariant broken/);
  }
});

test("a link in the place of a folder or a file is never followed", async (t) => {
  const { dir, files } = setUp(t);
  const target = path.join(makeTempDir(t), "target");
  mkdirSync(target);
  writeFileSync(path.join(target, "upl_1.png"), "untouched");
  await files.write("ses_2", "upl_2.png", Buffer.from("a"));
  symlinkSync(target, path.join(dir, "ses_1"));
  await assert.rejects(files.write("ses_1", "upl_1.png", Buffer.from("mine")), ExitError);
  assert.deepEqual(await files.list("ses_1"), []);
  await files.removeUnfinished("ses_1");
  await files.removeAll("ses_1");
  symlinkSync(path.join(target, "upl_1.png"), path.join(dir, "ses_2", "upl_3.png"));
  await files.write("ses_2", "upl_3.png", Buffer.from("mine"));
  assert.equal(readFileSync(path.join(dir, "ses_2", "upl_3.png"), "utf8"), "mine");
  symlinkSync(target, path.join(dir, "ses_2", "upl_4.png"));
  await files.removeAll("ses_2");
  assert.equal(readFileSync(path.join(target, "upl_1.png"), "utf8"), "untouched");
  assert.deepEqual(readdirSync(dir), ["ses_1"]);
});

test("where the directory itself is a link nothing is looked into", async (t) => {
  const dir = makeTempDir(t);
  mkdirSync(path.join(dir, "real", "ses_1"), { recursive: true });
  symlinkSync(path.join(dir, "real"), path.join(dir, "uploads"));
  const files = createUploadFiles(nodeDisk, path.join(dir, "uploads"));
  writeFileSync(path.join(dir, "real", "ses_1", "upl_1.png"), "untouched");
  assert.deepEqual([await files.sessionIds(), await files.list("ses_1")], [[], []]);
  await files.removeAll("ses_1");
  for (const sessionId of ["ses_1", "ses_2"]) {
    await assert.rejects(files.write(sessionId, "upl_1.png", Buffer.from("a")), ExitError);
  }
  assert.deepEqual(readdirSync(path.join(dir, "real"), { recursive: true }).sort(), ["ses_1", "ses_1/upl_1.png"]);
});

test("a full disk leaves nothing, and the files that were there stay", async () => {
  const simulated = new SimulatedDisk();
  const disk = simulated.mount();
  const files = createUploadFiles(disk, "/state/uploads");
  simulated.capacity = 10;
  await assert.rejects(files.write("ses_1", "upl_1.png", Buffer.alloc(11)), { code: "ENOSPC" });
  assert.equal(await disk.stat("/state/uploads/ses_1"), undefined);
  await files.write("ses_1", "upl_1.png", Buffer.alloc(6));
  await assert.rejects(files.write("ses_1", "upl_2.png", Buffer.alloc(6)), { code: "ENOSPC" });
  assert.deepEqual(simulated.names("/state/uploads/ses_1"), ["upl_1.png"]);
});

test("a file whose name could not be made safe is not there; a folder that cannot be made says why", async () => {
  const simulated = new SimulatedDisk();
  const files = createUploadFiles(simulated.mount(), "/state/uploads");
  simulated.fault = (operation, file) =>
    operation === "syncDirectory" && file.endsWith("ses_1") ? { error: errnoError("EIO") } : undefined;
  await assert.rejects(files.write("ses_1", "upl_1.png", Buffer.from("a")), { code: "EIO" });
  assert.deepEqual(simulated.names("/state/uploads/ses_1"), []);
  simulated.fault = (operation) => (operation === "makeDirectory" ? { error: errnoError("ENOSPC") } : undefined);
  await assert.rejects(files.write("ses_1", "upl_1.png", Buffer.from("a")), { code: "ENOSPC" });
});

test("what cannot be removed is said", async () => {
  const simulated = new SimulatedDisk();
  const disk = simulated.mount();
  const files = createUploadFiles(disk, "/state/uploads");
  await files.write("ses_1", "upl_1.png", Buffer.from("a"));
  simulated.fault = (operation) => (operation === "unlink" ? { error: errnoError("EPERM") } : undefined);
  await assert.rejects(files.removeAll("ses_1"), { code: "EPERM" });
  simulated.fault = () => undefined;
  await files.removeAll("ses_1");
  assert.equal(await disk.stat("/state/uploads/ses_1"), undefined);
});
