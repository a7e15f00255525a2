// Whose socket it is that a state directory leads to.
//
// Another user is played by another number; where tests run as root a file is given away for real.

import assert from "node:assert/strict";
import { lchownSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createLocate } from "../../src/client/target.ts";
import { strangerAt } from "../../src/client/own-socket.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const own = process.getuid?.() ?? 0;
const NOBODY = 65_534;
const skip = own !== 0;

test("one's own, and one that is not there, is no stranger's", async (t) => {
  const socket = path.join(makeTempDir(t), "codexd.sock");
  assert.equal(await strangerAt(socket), null);
  writeFileSync(socket, "");
  assert.equal(await strangerAt(socket), null);
  assert.equal(await strangerAt(socket, undefined), null);
});

test("to another user it is one's own that is foreign, unless that is root's", async (t) => {
  const socket = path.join(makeTempDir(t), "codexd.sock");
  writeFileSync(socket, "");
  assert.equal(await strangerAt(socket, own + 1), own === 0 ? null : own);
});

test("a planted one is refused, and so is a link that somebody else has laid", { skip }, async (t) => {
  const stateDir = makeTempDir(t);
  const socket = path.join(stateDir, "codexd.sock");
  writeFileSync(socket, "");
  lchownSync(socket, NOBODY, NOBODY);
  assert.equal(await strangerAt(socket), NOBODY);
  const link = path.join(stateDir, "link.sock");
  writeFileSync(path.join(stateDir, "mine"), "");
  symlinkSync(path.join(stateDir, "mine"), link);
  lchownSync(link, NOBODY, NOBODY);
  assert.equal(await strangerAt(link), NOBODY);
  const refusal = { code: "no_daemon", message: /belongs to the user with id 65534/ };
  await assert.rejects(createLocate({ stateDir })(), refusal);
  assert.deepEqual(await createLocate({ socketPath: socket })(), { kind: "unix", socketPath: socket }, "named");
});
