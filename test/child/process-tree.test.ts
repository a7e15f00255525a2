// Processes by mark, group and descent, on a process file system of the test's own making and on the real one.
// The first kind never signals anybody: what would be sent is written down.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createProcessTree, systemProcesses, type ProcessTree } from "../../src/child/process-tree.ts";
import { makeTempDir, type Cleanup } from "../support/temp-dir.ts";

interface Fact {
  readonly pid: number;
  readonly ppid?: number;
  readonly group?: number;
  readonly session?: number;
  readonly start?: number;
  readonly state?: string;
  readonly env?: readonly string[];
  readonly command?: readonly string[];
}

interface FakeProc {
  readonly root: string;
  readonly tree: ProcessTree;
  readonly killed: Array<[number, string]>;
  put(fact: Fact): void;
  remove(pid: number): void;
}

function createFakeProc(t: Cleanup, facts: readonly Fact[], kill?: () => void): FakeProc {
  const root = makeTempDir(t);
  const killed: Array<[number, string]> = [];
  const put = (fact: Fact): void => {
    const { pid, ppid = 1, group = pid, session = group, start = pid, state = "S", env = [], command = [] } = fact;
    const directory = path.join(root, String(pid));
    mkdirSync(directory, { recursive: true });
    const zeros = Array.from({ length: 15 }, () => 0).join(" ");
    const rest = `${state} ${ppid} ${group} ${session} ${zeros} ${start} 0 0`;
    writeFileSync(path.join(directory, "stat"), `${pid} (a (b) c) ${rest}\n`);
    writeFileSync(path.join(directory, "environ"), env.map((entry) => `${entry}\0`).join(""));
    writeFileSync(path.join(directory, "cmdline"), command.map((word) => `${word}\0`).join(""));
    writeFileSync(path.join(directory, "comm"), "a (b) c\n");
  };
  facts.forEach(put);
  writeFileSync(path.join(root, "uptime"), "1 1");
  const tree = createProcessTree({
    root, ownPid: 10,
    kill: kill ?? ((pid, signal) => void killed.push([pid, signal])),
  });
  return { root, tree, killed, put, remove: (pid) => rmSync(path.join(root, String(pid)), { recursive: true }) };
}

const pids = async (found: Promise<ReadonlyArray<{ readonly pid: number }>>): Promise<number[]> =>
  (await found).map(({ pid }) => pid);

const MARK = "RUN=r1";

test("a mark is a whole variable, and neither the dead nor codexd's own line carry it", async (t) => {
  const { tree } = createFakeProc(t, [
    { pid: 5, env: [MARK] },
    { pid: 10, ppid: 5, env: [MARK] },
    { pid: 20, env: ["A=b", MARK] },
    { pid: 21, env: [MARK], state: "Z" },
    { pid: 22, env: ["RUN=r12"] },
    { pid: 23, env: ["XRUN=r1"] },
    { pid: 24, env: [MARK, "B=c"] },
    { pid: 25, env: ["THREAD=t1"] },
  ]);
  assert.deepEqual(await pids(tree.find({ marks: [MARK] })), [20, 24]);
  assert.deepEqual(await pids(tree.find({ marks: [MARK, "THREAD=t1"] })), [20, 24, 25]);
});

test("group, session and descendants belong to a process, also where they lack the mark", async (t) => {
  const { tree, put, remove } = createFakeProc(t, [
    { pid: 2 }, { pid: 30 }, { pid: 31, ppid: 30 }, { pid: 32, ppid: 31, group: 32 }, { pid: 33, group: 30 },
    { pid: 34, group: 34, session: 30 }, { pid: 35 }, { pid: 3, ppid: 32, start: 36 },
  ]);
  const root = { pid: 30, startTime: 30 };
  assert.deepEqual(await pids(tree.find({ marks: [MARK], root })), [3, 30, 31, 32, 33, 34]);
  remove(30);
  assert.deepEqual(await pids(tree.find({ marks: [MARK], root })), [33, 34]);
  put({ pid: 30, start: 99 });
  assert.deepEqual(await pids(tree.find({ marks: [MARK], root })), []);
});

test("what is older than the root is not looked into; a search can be kept below a process", async (t) => {
  const { tree } = createFakeProc(t, [
    { pid: 40, start: 3, env: [MARK] }, { pid: 41 }, { pid: 42, ppid: 41, env: [MARK] }, { pid: 43, env: [MARK] },
  ]);
  const top = { pid: 41, startTime: 41 };
  assert.deepEqual(await pids(tree.find({ marks: [MARK], root: top })), [41, 42, 43]);
  assert.deepEqual(await pids(tree.find({ marks: [MARK], descendantsOf: top })), [42]);
  assert.deepEqual(await pids(tree.find({ marks: [MARK], descendantsOf: { pid: 41, startTime: 7 } })), []);
});

test("one that shows no environment yet is looked at again", async (t) => {
  const { tree, put } = createFakeProc(t, [{ pid: 26 }, { pid: 27, ppid: 26 }, { pid: 28 }]);
  const finding = tree.find({ marks: [MARK] });
  // The first look at so few is over before any timer can fire.
  for (let i = 0; i < 100; i += 1) await Promise.resolve();
  put({ pid: 26, env: [MARK] });
  put({ pid: 28, env: [MARK], start: 99 });
  assert.deepEqual(await pids(finding), [26, 27]);
});

test("what a marked process has started is found without the mark, but codexd never", async (t) => {
  const { tree } = createFakeProc(t, [
    { pid: 4, env: [MARK] }, { pid: 10, ppid: 4 }, { pid: 11, ppid: 10 },
    { pid: 60, env: [MARK] }, { pid: 61, ppid: 60, group: 61 }, { pid: 6, ppid: 61, start: 62 },
  ]);
  assert.deepEqual(await pids(tree.find({ marks: [MARK] })), [6, 60, 61]);
});

test("what has left the descent is found by a second mark, and nobody else's with the first alone", async (t) => {
  const { tree } = createFakeProc(t, [
    { pid: 70 }, { pid: 71, ppid: 70, env: [MARK] }, { pid: 72, ppid: 70, env: ["OWN=d1"] },
    { pid: 80, env: [MARK, "OWN=d1"] }, { pid: 81, ppid: 80 }, { pid: 60, env: ["OWN=d1", MARK] },
    { pid: 82, env: [MARK] }, { pid: 83, env: [MARK, "OWN=d2"] }, { pid: 84, env: ["OWN=d1"] },
  ]);
  const query = { marks: [MARK], strayMark: "OWN=d1" };
  const child = { pid: 70, startTime: 70 };
  assert.deepEqual(await pids(tree.find({ ...query, descendantsOf: child })), [60, 71, 80, 81]);
  assert.deepEqual(await pids(tree.find({ ...query, descendantsOf: { pid: 70, startTime: 7 } })), [60, 80, 81]);
  assert.deepEqual(await pids(tree.find(query)), [60, 80, 81]);
});

test("a signal reaches the process that was meant, never another with its number", (t) => {
  const { tree, killed, put, remove } = createFakeProc(t, [{ pid: 50 }, { pid: 51, state: "Z" }]);
  const target = { pid: 50, startTime: 50 };
  assert.equal(tree.isAlive(target), true);
  assert.equal(tree.signal(target, "SIGKILL"), true);
  put({ pid: 50, start: 77 });
  assert.equal(tree.isAlive(target), false);
  assert.equal(tree.signal(target, "SIGKILL"), false);
  assert.equal(tree.signal({ pid: 51, startTime: 51 }, "SIGKILL"), false);
  remove(50);
  assert.equal(tree.identify(50), undefined);
  assert.equal(tree.signal({ pid: 50, startTime: 77 }, "SIGKILL"), false);
  tree.signalGroup(50, "SIGKILL");
  assert.deepEqual(killed, [[50, "SIGKILL"], [-50, "SIGKILL"]]);
});

test("what may not be signalled is told", (t) => {
  const { tree } = createFakeProc(t, [{ pid: 60 }], () => {
    throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
  });
  assert.equal(tree.signal({ pid: 60, startTime: 60 }, "SIGKILL"), false);
  tree.signalGroup(60, "SIGKILL");
});

test("a process is described by its command line, without secrets, else by its name", (t) => {
  const { tree } = createFakeProc(t, [
    { pid: 70, command: ["tool", "--key", "sk-abcdefghijkl"] }, { pid: 71 }, { pid: 72, command: ["x".repeat(500)] },
  ]);
  assert.equal(tree.describe({ pid: 70, startTime: 70 }), "tool --key sk-[redacted]");
  assert.equal(tree.describe({ pid: 71, startTime: 71 }), "a (b) c");
  assert.equal(tree.describe({ pid: 72, startTime: 72 }).length, 200);
});

test("a mark is found beside bytes that are no text, and a command line beyond ASCII is told as it is", async (t) => {
  const { tree, root } = createFakeProc(t, [{ pid: 73, command: ["größe"] }]);
  const bytes = Buffer.concat([Buffer.from([0x41, 0x3d, 0xff, 0xc0, 0]), Buffer.from(`${MARK}\0`)]);
  writeFileSync(path.join(root, "73", "environ"), bytes);
  assert.deepEqual(await pids(tree.find({ marks: [MARK] })), [73]);
  assert.equal(tree.describe({ pid: 73, startTime: 73 }), "größe");
});

test("without a process file system nothing is found", async () => {
  const tree = createProcessTree({ root: "/nonexistent" });
  assert.deepEqual(await tree.find({ marks: [MARK] }), []);
  assert.equal(tree.identify(process.pid), undefined);
});

test("others run while a long list is read", async (t) => {
  const { tree } = createFakeProc(t, Array.from({ length: 40 }, (_, i) => ({ pid: 100 + i, env: [MARK] })));
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (turns < 1000) setImmediate(count);
  };
  setImmediate(count);
  assert.equal((await tree.find({ marks: [MARK] })).length, 40);
  assert.ok(turns >= 3, `others had ${turns} turns`);
  turns = 1000;
});

test("a real process is found by its mark, and ended", async () => {
  const mark = `BAA_CODEXD_RUN_ID=run_test_${process.pid}`;
  const [name = "", value = ""] = mark.split("=");
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"], {
    detached: true, stdio: "ignore", env: { [name]: value },
  });
  const exited = new Promise<string | null>((resolve) => child.on("exit", (_, signal) => resolve(signal)));
  const entry = systemProcesses.identify(child.pid ?? 0);
  assert.ok(entry !== undefined && entry.groupId === child.pid && entry.parentPid === process.pid);
  let found = await systemProcesses.find({ marks: [mark] });
  // Between fork and exec it still has the environment of its parent.
  while (found.length === 0) found = await systemProcesses.find({ marks: [mark] });
  assert.deepEqual(found.map(({ pid, startTime }) => [pid, startTime]), [[child.pid, entry.startTime]]);
  assert.match(systemProcesses.describe(entry), /setTimeout/);
  assert.equal(systemProcesses.signal(entry, "SIGKILL"), true);
  assert.equal(await exited, "SIGKILL");
  assert.equal(systemProcesses.isAlive(entry), false);
});
