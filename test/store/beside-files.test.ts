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
import { errnoError, SimulatedDisk } from "../support/disk-simulator.ts";
import { draft, JOURNAL, LOGS, openTestStore, recordsOf } from "../support/disk-store.ts";
import { settle } from "../support/fake-clock.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const waiting = (name: string, text: string | null): BesideFile =>
  ({ name, bytes: text === null ? null : Buffer.from(text), state: "waits" });
const claimed = (...files: BesideFile[]) => [{ seq: 1, claim: { files } }];

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
  await files.refused([{ files: [refused, waiting("turns/kept.json", "never written")] }, {}]);
  files.published(claimed(kept));
  await files.settled();
  assert.deepEqual((await files.list("turns")).map(({ name }) => name), ["kept.json"]);
  files.published(claimed(waiting("turns/kept.json", null), waiting("turns/never-there.json", null)));
  files.durable(0);
  await files.settled();
  assert.deepEqual((await files.list("turns")).map(({ name }) => name), ["kept.json"], "its line is not safe yet");
  files.durable(1);
  await files.settled();
  assert.deepEqual(await files.list("turns"), []);
});

test("what is given up and then written anew stays, whenever the line that gave it up is safe", async (t) => {
  const files = createBesideFiles(nodeDisk, makeTempDir(t), silentLogger);
  await files.write(claimed(waiting("turns/a.json", "old")));
  files.published(claimed(waiting("turns/a.json", null)));
  const writing = files.write(claimed(waiting("turns/a.json", "new")));
  files.durable(1);
  await writing;
  await files.settled();
  assert.equal((await files.read("turns/a.json"))?.toString(), "new");
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

test("a change that is refused leaves the part that it was to replace, as it was", async () => {
  const disk = new SimulatedDisk();
  const { store } = await openTestStore(disk.mount());
  await store.commit(draft(), { put: { turn: { id: "t_1", n: 1, textSeq: 1, text: "first" } } });
  disk.fault = (operation, file) => {
    return operation === "write" && file === JOURNAL ? { error: errnoError("ENOSPC") } : undefined;
  };
  await Promise.all([
    assert.rejects(store.commit(draft(), { del: { turn: ["t_1"] } }), /the disk is full/),
    assert.rejects(store.commit(draft(), { put: { turn: { id: "t_1", n: 3, text: "second" } } }), /the disk is full/),
  ]);
  await settle();
  assert.deepEqual(disk.names(`${LOGS}/turns`), ["t_1.text.json"]);
  const [turn] = recordsOf(store, "turn");
  assert.ok(turn);
  assert.equal((await store.readWhole("turn", turn)).text, "first");
});
