// Addresses of sockets, whatever the length of the directory's path.
// The platform is a parameter, so that the refusal elsewhere is tried on Linux too.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";

import { EXIT } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { openSocketDirectory } from "../../src/store/socket-directory.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const longest = `/${"d".repeat(LIMITS.socketPathBytesMax - 1 - 32 - 1)}`;

test("a path that fits is used as it is", async () => {
  const directory = await openSocketDirectory(nodeDisk, longest, "darwin");
  assert.equal(directory.pathOf("a.sock"), `${longest}/a.sock`);
  await directory.close();
});

test("a longer one is refused where descriptors have no names", async () => {
  await assert.rejects(openSocketDirectory(nodeDisk, `${longest}d`, "darwin"), (error) => {
    assert.equal((error as { exitCode?: number }).exitCode, EXIT.config);
    return /--state-dir/.test(String(error));
  });
});

test("on Linux a longer one is reached by its descriptor", { skip: process.platform !== "linux" }, async (t) => {
  const directory = path.join(makeTempDir(t), "d".repeat(120));
  await nodeDisk.makeDirectory(directory);
  const sockets = await openSocketDirectory(nodeDisk, directory);
  assert.match(sockets.pathOf("a.sock"), /^\/proc\/self\/fd\/\d+\/a\.sock$/);
  await sockets.close();
});
