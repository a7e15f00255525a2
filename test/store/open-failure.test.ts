// What a person is told when the system refuses one of codexd's files at the start.
// The errors are of a real disk where one can be had by any user, else made up.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";

import { EXIT, ExitError } from "../../src/core/errors.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { asExitError } from "../../src/store/open-failure.ts";
import { errnoError } from "../support/disk-simulator.ts";
import { makeTempDir } from "../support/temp-dir.ts";

async function refusal(work: Promise<unknown>): Promise<ExitError> {
  const error = asExitError(await work.then(() => assert.fail("it was not refused"), (reason: unknown) => reason));
  assert.ok(error instanceof ExitError);
  return error;
}

/** A name at which `make` has put something. */
function made(t: TestContext, make: (name: string) => void): string {
  const name = path.join(makeTempDir(t), "registry.json");
  make(name);
  return name;
}

for (const [what, make, words] of [
  ["a directory", (name) => mkdirSync(name), /no regular file/],
  ["a FIFO", (name) => execFileSync("mkfifo", [name]), /no regular file/],
  ["a link", (name) => symlinkSync("/dev/null", name), /symbolic link/],
] as ReadonlyArray<readonly [string, (name: string) => void, RegExp]>) {
  test(`${what} in the place of a file is refused by name, and holds nobody up`, async (t) => {
    const name = made(t, make);
    const ways = [() => nodeDisk.readFile(name), () => nodeDisk.open(name, "read"), () => nodeDisk.open(name, "write")];
    for (const open of ways) {
      const error = await refusal(open());
      assert.equal(error.exitCode, EXIT.config);
      assert.match(error.message, words);
      assert.ok(error.message.includes(name), error.message);
    }
  });
}

test("what is not the user's is to be given back; anything else is the disk's own failure", async () => {
  for (const code of ["EACCES", "EPERM"]) {
    const error = await refusal(Promise.reject(errnoError(code, "open '/s/events.jsonl'")));
    assert.deepEqual([error.exitCode, /chown \(E.*events\.jsonl/.test(error.message)], [EXIT.config, true]);
  }
  const failed = await refusal(Promise.reject(errnoError("EIO", "read '/s/events.jsonl'")));
  assert.deepEqual([failed.exitCode, failed.message], [EXIT.diskFailed, "the disk: EIO: read '/s/events.jsonl'"]);
});

test("what is no error of the system is given back as it is", () => {
  const own = new ExitError(EXIT.held, "held");
  for (const error of [own, new Error("a bug"), "text"]) assert.equal(asExitError(error), error);
});
