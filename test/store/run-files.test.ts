// The files beside a run's record, on a real disk: their modes, their names, and links in their place.
//
// Deliberately not a full or broken disk: those are simulated, in output-file.test.ts and the tests of the services.

import assert from "node:assert/strict";
import { readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { ExitError } from "../../src/core/errors.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { openRunFiles } from "../../src/store/run-files.ts";
import { makeTempDir } from "../support/temp-dir.ts";

async function setUp(t: TestContext) {
  const dir = path.join(makeTempDir(t), "logs", "runs");
  const files = await openRunFiles(nodeDisk, dir, systemClock);
  return { dir, files, modeOf: (name: string) => (statSync(path.join(dir, name)).mode & 0o777).toString(8) };
}

test("directory and files are the user's own, whatever the umask", async (t) => {
  const umask = process.umask(0);
  t.after(() => void process.umask(umask));
  const { dir, files, modeOf } = await setUp(t);
  await files.writeDocument("run_1", "request.json", { prompt: "p", env: { A: "b" } });
  const output = files.createOutput("run_1", "stdout", () => undefined);
  output.write(Buffer.from("text"));
  await output.close(1000);
  assert.deepEqual([modeOf("."), modeOf("run_1.request.json"), modeOf("run_1.stdout")], ["700", "600", "600"]);
  const text = readFileSync(path.join(dir, "run_1.request.json"), "utf8");
  assert.deepEqual(JSON.parse(text), { prompt: "p", env: { A: "b" } });
});

test("documents are replaced, read and removed; what is not there or is no object is null", async (t) => {
  const { dir, files } = await setUp(t);
  assert.equal(await files.readDocument("run_1", "result.json"), null);
  await files.writeDocument("run_1", "result.json", { a: 1 });
  await files.writeDocument("run_1", "result.json", { a: 2 });
  assert.deepEqual(await files.readDocument("run_1", "result.json"), { a: 2 });
  for (const text of ["[1]", "{cut", ""]) {
    writeFileSync(path.join(dir, "run_2.result.json"), text);
    assert.equal(await files.readDocument("run_2", "result.json"), null, text);
  }
  await files.remove("run_2", "result.json");
  await files.remove("run_1");
  await files.remove("run_1");
  assert.deepEqual(await nodeDisk.list(dir), []);
});

test("output is read from a byte on, as much as is asked for", async (t) => {
  const { files } = await setUp(t);
  const read = async (after: number, bytesMax: number) => {
    const { bytes, size } = await files.readOutput("run_1", "stderr", after, bytesMax);
    return [bytes.toString(), size];
  };
  assert.deepEqual(await read(0, 10), ["", 0]);
  const output = files.createOutput("run_1", "stderr", () => undefined);
  output.write(Buffer.from("0123456789"));
  await output.close(1000);
  assert.deepEqual(await read(0, 4), ["0123", 10]);
  assert.deepEqual(await read(8, 4), ["89", 10]);
  assert.deepEqual(await read(10, 4), ["", 10]);
  assert.deepEqual(await read(11, 4), ["", 10]);
});

test("a link in the place of a file is followed neither to write nor to read", async (t) => {
  const { dir, files } = await setUp(t);
  const target = path.join(dir, "..", "target");
  writeFileSync(target, "untouched");
  for (const name of ["stdout", "result.json"]) symlinkSync(target, path.join(dir, `run_1.${name}`));
  const output = files.createOutput("run_1", "stdout", () => undefined);
  output.write(Buffer.from("mine"));
  await output.close(1000);
  assert.equal(output.lost.bytes, 4);
  await assert.rejects(files.readOutput("run_1", "stdout", 0, 10), { code: "ELOOP" });
  assert.equal(await files.readDocument("run_1", "result.json"), null);
  assert.equal(readFileSync(target, "utf8"), "untouched");
});

test("an id that is no name of a file is a bug, and reaches none", async (t) => {
  const { files } = await setUp(t);
  for (const runId of ["../x", "a/b", "", "a.b", "a\0"]) {
    await assert.rejects(files.readDocument(runId, "result.json"), /invariant broken/);
  }
});

test("a link in the place of the directory is refused", async (t) => {
  const dir = makeTempDir(t);
  symlinkSync(dir, path.join(dir, "runs"));
  await assert.rejects(openRunFiles(nodeDisk, path.join(dir, "runs"), systemClock), ExitError);
});
