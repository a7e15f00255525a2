// Which directories are taken, closed, or refused.
// On the real disk as far as root can be refused there; the rest is refused by a disk that says so.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { EXIT, ExitError } from "../../src/core/errors.ts";
import { nodeDisk, type Disk } from "../../src/store/disk.ts";
import { openPrivateDirectory, openStateDirectory } from "../../src/store/private-directory.ts";
import { errnoError } from "../support/disk-simulator.ts";
import { makeTempDir } from "../support/temp-dir.ts";

function refuses(work: Promise<void>, message: RegExp): Promise<void> {
  return assert.rejects(work, (error) => {
    assert.ok(error instanceof ExitError && error.exitCode === EXIT.config);
    assert.match(error.message, message);
    return true;
  });
}

test("a missing one is made, an open one closed, a closed one left", async (t) => {
  const directory = path.join(makeTempDir(t), "a", "state");
  await openPrivateDirectory(nodeDisk, directory);
  assert.equal(fs.statSync(directory).mode & 0o777, 0o700);
  fs.chmodSync(directory, 0o755);
  await openPrivateDirectory(nodeDisk, directory);
  assert.equal(fs.statSync(directory).mode & 0o777, 0o700);
  await openPrivateDirectory(nodeDisk, directory);
});

test("a link, a file, a foreign and a shared one are refused", async (t) => {
  const root = makeTempDir(t);
  const directory = path.join(root, "state");
  fs.mkdirSync(directory, { mode: 0o700 });
  const link = path.join(root, "link");
  fs.symlinkSync(directory, link);
  const file = path.join(root, "file");
  fs.writeFileSync(file, "");
  await refuses(openPrivateDirectory(nodeDisk, link), /symbolic link/);
  await refuses(openPrivateDirectory(nodeDisk, file), /not a directory/);
  await refuses(openPrivateDirectory(nodeDisk, path.join(file, "below")), /cannot be made \(ENOTDIR/);
  await refuses(openPrivateDirectory(nodeDisk, directory, (process.getuid?.() ?? 0) + 1), /belongs to the user/);
  await openPrivateDirectory(nodeDisk, directory, undefined);
  fs.chmodSync(directory, 0o1777);
  await refuses(openPrivateDirectory(nodeDisk, directory), /shared directory/);
  assert.equal(fs.statSync(directory).mode & 0o7777, 0o1777, "it is as it was");
});

test("a state directory that others can enter is closed where it is empty or codexd's, else left", async (t) => {
  const mode = (): number => fs.statSync(directory).mode & 0o777;
  const directory = path.join(makeTempDir(t), "state");
  await openStateDirectory(nodeDisk, directory);
  fs.chmodSync(directory, 0o755);
  await openStateDirectory(nodeDisk, directory);
  assert.equal(mode(), 0o700, "an empty one");
  fs.writeFileSync(path.join(directory, "index.html"), "");
  await openStateDirectory(nodeDisk, directory);
  fs.chmodSync(directory, 0o755);
  await refuses(openStateDirectory(nodeDisk, directory), /holds files that are not codexd's; name a new .*chmod 700/);
  assert.equal(mode(), 0o755, "it is as it was");
  await refuses(openStateDirectory(nodeDisk, directory, (process.getuid?.() ?? 0) + 1), /belongs to the user/);
  fs.writeFileSync(path.join(directory, "identity.json"), "");
  await openStateDirectory(nodeDisk, directory);
  assert.equal(mode(), 0o700, "one of codexd's");
});

test("one that cannot be made or closed is refused", async () => {
  const uid = process.getuid?.() ?? 0;
  const found = { kind: "directory", bytes: 0, mode: 0o755, uid, device: 1, inode: 1 } as const;
  const base = { ...nodeDisk, stat: async () => found };
  const denied = async (): Promise<never> => Promise.reject(errnoError("EPERM"));
  await refuses(openPrivateDirectory({ ...base, chmod: denied }, "/x"), /cannot be closed \(EPERM/);
  await refuses(openPrivateDirectory({ ...base, chmod: async () => {} }, "/x"), /mode does not change/);
  const none: Disk = { ...nodeDisk, stat: async () => undefined, makeDirectory: denied };
  await refuses(openPrivateDirectory(none, "/x"), /cannot be made \(EPERM/);
});
