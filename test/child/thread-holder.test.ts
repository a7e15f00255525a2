// Who holds a thread: by what processes have open, else by the only Codex on the same home; never codexd's own child.
//
// On a process file system of the test's own making; the real Codex is asked in test/e2e/supervision.test.ts.

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createProcessTree } from "../../src/child/process-tree.ts";
import { findThreadHolder } from "../../src/child/thread-holder.ts";
import { makeTempDir, type Cleanup } from "../support/temp-dir.ts";

interface Fact {
  readonly pid: number;
  /** Files below Codex's home that it has open. */
  readonly files?: readonly string[];
  readonly command?: readonly string[];
  readonly env?: readonly string[];
}

const THREAD = "01a205b3-9d84-71e0-bf09-5a7daa4c2a89";
const LOCK = `thread-writer-locks/${THREAD}.lock`;
const HISTORY = `sessions/2026/01/01/rollout-2026-01-01T00-00-00-${THREAD}.jsonl`;
const SERVER = ["/usr/bin/codex", "app-server"];

function setUp(t: Cleanup, facts: (home: string) => readonly Fact[]) {
  const dir = makeTempDir(t);
  const root = path.join(dir, "proc");
  const home = path.join(dir, "home");
  mkdirSync(home);
  for (const { pid, files = [], command = SERVER, env = [] } of facts(home)) {
    const directory = path.join(root, String(pid));
    mkdirSync(path.join(directory, "fd"), { recursive: true });
    files.forEach((file, fd) => symlinkSync(path.resolve(home, file), path.join(directory, "fd", String(fd))));
    const zeros = Array.from({ length: 18 }, () => 0).join(" ");
    writeFileSync(path.join(directory, "stat"), `${pid} (codex) S ${zeros} 250 0 0\n`);
    writeFileSync(path.join(directory, "cmdline"), command.map((word) => `${word}\0`).join(""));
    writeFileSync(path.join(directory, "environ"), env.map((entry) => `${entry}\0`).join(""));
  }
  const processes = createProcessTree({ root });
  const find = (more: Partial<Parameters<typeof findThreadHolder>[1]> = {}) =>
    findThreadHolder(THREAD, { codexHome: home, ownPid: 10, root, processes, ...more });
  return { root, home, dir, find };
}

test("who has the lock or the history of that thread open holds it; codexd's own child does not count", async (t) => {
  for (const file of [LOCK, HISTORY]) {
    const { find, root } = setUp(t, () => [
      { pid: 10, files: [LOCK, HISTORY] },
      { pid: 20, files: ["state.sqlite", LOCK.replace("01a2", "01a3")] },
      { pid: 30, files: ["/dev/null", file], command: ["codex", "exec", "--json"] },
      { pid: 40, files: [`/elsewhere/${HISTORY}`] },
    ]);
    writeFileSync(path.join(root, "stat"), "cpu 1 2\nbtime 1000\nprocesses 9\n");
    const startedAt = "1970-01-01T00:16:42.500Z";
    assert.deepEqual(await find(), { pid: 30, command: "codex exec --json", startedAt });
  }
});

test("without the time at which the machine has started it is not told since when", async (t) => {
  const { find } = setUp(t, () => [{ pid: 30, files: [LOCK] }]);
  assert.deepEqual(await find(), { pid: 30, command: "/usr/bin/codex app-server", startedAt: null });
});

test("a home that is a link is the one to which it leads", async (t) => {
  const { find, dir, home } = setUp(t, () => [{ pid: 30, files: [LOCK] }]);
  symlinkSync(home, path.join(dir, "link"));
  assert.equal((await find({ codexHome: path.join(dir, "link") }))?.pid, 30);
  const only = setUp(t, (own) => [{ pid: 31, env: [`CODEX_HOME=${path.join(own, "..", "link")}`] }]);
  symlinkSync(only.home, path.join(only.dir, "link"));
  assert.equal((await only.find())?.pid, 31, "the holder's own may be one too");
});

test("else it is the only Codex on the same home, and of several nobody", async (t) => {
  const others = (home: string): Fact[] => [
    { pid: 20, env: ["CODEX_HOME=/other"] },
    { pid: 21, env: [`CODEX_HOME=${home}`], command: ["/usr/bin/codex", "login"] },
    { pid: 22, env: [`CODEX_HOME=${home}`], command: ["/usr/bin/vi", "app-server"] },
    { pid: 23, env: [] },
    { pid: 10, env: [`CODEX_HOME=${home}`] },
  ];
  const one = setUp(t, (home) => [...others(home), { pid: 30, env: ["HOME=/home/dev", `CODEX_HOME=${home}`] }]);
  assert.equal((await one.find())?.pid, 30);
  const two = setUp(t, (home) => [30, 31].map((pid) => ({ pid, env: [`CODEX_HOME=${home}`] })));
  assert.equal(await two.find(), null);
  const none = setUp(t, others);
  assert.equal(await none.find(), null);
});

test("the default home is the user's", async (t) => {
  const { find, dir, root } = setUp(t, () => []);
  mkdirSync(path.join(dir, ".codex"));
  mkdirSync(path.join(root, "30"), { recursive: true });
  writeFileSync(path.join(root, "30", "cmdline"), "codex\0exec\0");
  writeFileSync(path.join(root, "30", "environ"), `HOME=${dir}\0`);
  writeFileSync(path.join(root, "30", "stat"), `30 (codex) S ${Array.from({ length: 18 }, () => 0).join(" ")} 1 0 0\n`);
  assert.equal((await find({ codexHome: path.join(dir, ".codex") }))?.pid, 30);
});

test("so many open files are looked at, and no more", async (t) => {
  const { find } = setUp(t, () => [{ pid: 30, files: ["a", "b", LOCK], command: ["vi"] }]);
  assert.equal((await find({ filesMax: 3 }))?.pid, 30);
  assert.equal(await find({ filesMax: 2 }), null);
});

test("where the home is not known, or there is no such file system, nobody is found", async (t) => {
  const { find, root } = setUp(t, () => [{ pid: 30, files: [LOCK] }]);
  assert.equal(await find({ codexHome: null }), null);
  assert.equal(await find({ root: path.join(root, "none") }), null);
  assert.equal(await find({ codexHome: path.join(root, "gone") }), null);
});
