// token: the file, the secret on request, and rotation by the part that may write.
//
// What rotation itself does is the store's to test.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { runCodexdCli } from "../../src/cli/run.ts";
import { makeStateDir } from "../support/cli-daemon.ts";
import { createFakeIo, createParts } from "../support/cli-io.ts";

async function token(argv: readonly string[], rotateToken?: (stateDir: string) => Promise<unknown>) {
  const io = createFakeIo();
  const parts = createParts(rotateToken === undefined ? {} : { rotateToken });
  return { code: await runCodexdCli(["token", ...argv], io, parts), out: io.out(), err: io.err() };
}

test("prints the file by default, the token with --show", async (t) => {
  const stateDir = makeStateDir(t, { token: "secret\n" });
  assert.deepEqual(await token(["--state-dir", stateDir]), { code: 0, out: `${stateDir}/token\n`, err: "" });
  assert.deepEqual(await token(["--state-dir", stateDir, "--show"]), { code: 0, out: "secret\n", err: "" });
});

test("--rotate makes a new one first", async (t) => {
  const stateDir = makeStateDir(t, { token: "old\n" });
  const rotated: string[] = [];
  const rotate = async (dir: string): Promise<void> => {
    rotated.push(dir);
    writeFileSync(path.join(dir, "token"), "new\n");
  };
  assert.equal((await token(["--state-dir", stateDir, "--rotate"], rotate)).out, `${stateDir}/token\n`);
  assert.equal((await token(["--state-dir", stateDir, "--rotate", "--show"], rotate)).out, "new\n");
  assert.deepEqual(rotated, [stateDir, stateDir]);
});

test("without one there is nothing to print or rotate: 1, and how one comes to be", async (t) => {
  const stateDir = makeStateDir(t);
  for (const flags of [[], ["--show"], ["--rotate"]]) {
    const { code, out, err } = await token(["--state-dir", stateDir, ...flags]);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /there is no token at .*: the first codexd start makes one/);
  }
});

test("a file that holds something else is 78 and is not printed", async (t) => {
  const stateDir = makeStateDir(t, { token: "two words" });
  const { code, out, err } = await token(["--state-dir", stateDir, "--show"]);
  assert.deepEqual([code, out], [78, ""]);
  assert.ok(!err.includes("two words"));
});
