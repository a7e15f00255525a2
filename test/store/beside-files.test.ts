// Files beside the lines, on a real file system: their mode, a folder that is taken away, what is read and listed.
// What happens to them together with their lines is in large-details.test.ts.

import assert from "node:assert/strict";
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { silentLogger } from "../../src/base/log.ts";
import { ExitError } from "../../src/core/errors.ts";
import { createBesideFiles, type BesideFile } from "../../src/store/beside-files.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const waiting = (name: string, text: string | null): BesideFile =>
  ({ name, bytes: text === null ? null : Buffer.from(text), state: "waits" });
const claimed = (...files: BesideFile[]) => [{ claim: { files } }];

test("a file is its owner's alone, in a folder that is made when it is needed, and made again", async (t) => {
  const dir = makeTempDir(t);
  const files = createBesideFiles(nodeDisk, dir, silentLogger);
  assert.deepEqual(await files.list("details"), []);
  await files.write(claimed(waiting("details/a.json", "1")));
  const modes = [statSync(path.join(dir, "details")).mode, statSync(path.join(dir, "details/a.json")).mode];
  assert.deepEqual(modes.map((mode) => mode & 0o777), [0o700, 0o600]);
  rmSync(path.join(dir, "details"), { recursive: true });
  await files.write(claimed(waiting("details/b.json", "22")));
  assert.deepEqual(await files.list("details"), [{ name: "b.json", bytes: 2 }]);
  assert.equal((await files.read("details/b.json"))?.toString(), "22");
  assert.equal(await files.read("details/a.json"), null);
});

test("what is written once is not written again; what is given up goes, and what was refused", async (t) => {
  const dir = makeTempDir(t);
  const files = createBesideFiles(nodeDisk, dir, silentLogger);
  const kept = waiting("turns/kept.json", "1");
  const refused = waiting("turns/refused.json", "1");
  await files.write(claimed(kept, refused));
  writeFileSync(path.join(dir, "turns/kept.json"), "changed");
  await files.write(claimed(kept));
  assert.equal((await files.read("turns/kept.json"))?.toString(), "changed");
  files.refused([{ files: [refused, waiting("turns/kept.json", "never written")] }, {}]);
  files.published(claimed(kept));
  await files.settled();
  assert.deepEqual((await files.list("turns")).map(({ name }) => name), ["kept.json"]);
  files.published(claimed(waiting("turns/kept.json", null), waiting("turns/never-there.json", null)));
  await files.settled();
  assert.deepEqual(await files.list("turns"), []);
});

test("a folder that is a link is neither written to nor looked into", async (t) => {
  const dir = makeTempDir(t);
  mkdirSync(path.join(dir, "elsewhere"));
  writeFileSync(path.join(dir, "elsewhere/x.json.0123456789abcdef.tmp"), "");
  symlinkSync(path.join(dir, "elsewhere"), path.join(dir, "details"));
  const files = createBesideFiles(nodeDisk, dir, silentLogger);
  await assert.rejects(files.write(claimed(waiting("details/a.json", "1"))), ExitError);
  assert.deepEqual(await files.list("details"), []);
  await files.removeUnfinished("details");
  statSync(path.join(dir, "elsewhere/x.json.0123456789abcdef.tmp"));
});
