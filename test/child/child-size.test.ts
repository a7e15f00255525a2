// What a child costs, on a process file system of the test's own making and on the real one.
//
// Links between processes are those of /proc: what a thread has started stands with that thread.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readChildSize } from "../../src/child/child-size.ts";
import { makeTempDir, type Cleanup } from "../support/temp-dir.ts";

interface Fact {
  readonly pid: number;
  /** By thread. */
  readonly children?: Readonly<Record<number, string>>;
  readonly env?: readonly string[];
}

function createProc(t: Cleanup, facts: readonly Fact[]): string {
  const root = makeTempDir(t);
  for (const { pid, children = {}, env = [] } of facts) {
    const directory = path.join(root, String(pid));
    mkdirSync(directory);
    writeFileSync(path.join(directory, "status"), `Name:\tcodex\nVmRSS:\t  ${pid} kB\nThreads:\t2\n`);
    writeFileSync(path.join(directory, "environ"), env.map((entry) => `${entry}\0`).join(""));
    for (const [task, text] of Object.entries(children)) {
      mkdirSync(path.join(directory, "task", task), { recursive: true });
      writeFileSync(path.join(directory, "task", task, "children"), text);
    }
  }
  return root;
}

test("memory is the child's alone; processes are those of all its threads, and all below", async (t) => {
  const root = createProc(t, [
    { pid: 100, children: { 100: "", 101: "200 201 " } },
    { pid: 200, children: { 200: "300 " }, env: ["A=b", "CODEX_THREAD_ID=t1"] },
    { pid: 201, env: ["NOT_CODEX_THREAD_ID=t1"] },
    { pid: 300, env: ["CODEX_THREAD_ID=t1"] },
    { pid: 400 },
  ]);
  assert.deepEqual(await readChildSize(100, { root }), { rssBytes: 102_400, descendants: 3, commands: 2 });
  assert.deepEqual(await readChildSize(400, { root }), { rssBytes: 409_600, descendants: 0, commands: 0 });
});

test("so many processes are looked at, and no more", async (t) => {
  const root = createProc(t, [{ pid: 100, children: { 100: "200 201 202 " } }]);
  const sizeWith = async (descendantsMax: number) => (await readChildSize(100, { root, descendantsMax }))?.descendants;
  assert.deepEqual([await sizeWith(3), await sizeWith(2)], [3, 2]);
});

test("of one that has gone, and where there is no such file system, nothing is known", async (t) => {
  const root = createProc(t, []);
  assert.equal(await readChildSize(100, { root }), null);
  assert.equal(await readChildSize(100, { root: path.join(root, "none") }), null);
});

test("a real process has a size", { skip: process.platform !== "linux" }, async () => {
  const size = await readChildSize(process.pid);
  assert.ok(size !== null && size.rssBytes > 1024 * 1024);
});
