// The whole store on the real disk: modes, files, the lock, identity, kill -9, and what it refuses to open.
// What needs no real disk is tried on the simulated one, in the other files of this directory.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { EXIT, ExitError } from "../../src/core/errors.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { openStore } from "../../src/store/store.ts";
import { errnoError } from "../support/disk-simulator.ts";
import { draft, recordsOf, replayed, storeOptions } from "../support/disk-store.ts";
import { LOADER } from "../support/loader.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const WRITER = fileURLToPath(new URL("../support/store-writer.ts", import.meta.url));
const KILLS = 3;

function isExit(exitCode: number, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof ExitError && error.exitCode === exitCode, String(error));
    assert.match(error.message, message);
    return true;
  };
}

test("files are 0600 and directories 0700, with what belongs in them", async (t) => {
  const stateDir = path.join(makeTempDir(t), "state");
  const options = storeOptions({ stateDir, clock: systemClock });
  const { store, identity } = await openStore(options);
  await store.commit(draft(), { put: { run: { id: "a", n: 1 } } });
  store.touchDaemonState();
  await store.close();
  const names = fs.readdirSync(stateDir, { recursive: true, encoding: "utf8" }).sort();
  assert.deepEqual(names, [
    "daemon-state.json", "identity.json", "lock-1.sock", "logs", "logs/events.jsonl", "recent-events.json",
    "run-registry.json", "turn-registry.json",
  ]);
  for (const name of names) {
    const stat = fs.statSync(path.join(stateDir, name));
    assert.equal(stat.mode & 0o777, stat.isDirectory() ? 0o700 : 0o600, name);
  }
  assert.deepEqual(JSON.parse(fs.readFileSync(path.join(stateDir, "identity.json"), "utf8")), identity);
  assert.deepEqual([identity.daemonId, identity.nodeId, identity.version], ["dmn_1", "node", "1.0.0"]);
  const other = { nodeId: "other", version: "2.0.0", newDaemonId: () => "dmn_2" };
  const again = await openStore({ ...options, identity: other });
  assert.deepEqual(again.identity, identity, "written once");
  await again.store.close();
});

test("a copy of a state directory is another daemon; one that was renamed is the same", async (t) => {
  const root = makeTempDir(t);
  let ids = 0;
  const identity = { nodeId: "node", version: "1.0.0", newDaemonId: () => `dmn_${(ids += 1)}` };
  const open = async (name: string): Promise<[string, boolean]> => {
    const options = storeOptions({ stateDir: path.join(root, name), clock: systemClock, identity });
    const opened = await openStore(options);
    await opened.store.close();
    return [opened.identity.daemonId, opened.recovery.copied];
  };
  assert.deepEqual(await open("a"), ["dmn_1", false]);
  fs.cpSync(path.join(root, "a"), path.join(root, "b"), { recursive: true, filter: (name) => !name.endsWith(".sock") });
  assert.deepEqual(await open("b"), ["dmn_2", true]);
  assert.deepEqual(await open("b"), ["dmn_2", false], "from now on its own");
  fs.renameSync(path.join(root, "a"), path.join(root, "c"));
  assert.deepEqual(await open("c"), ["dmn_1", false]);
});

test("a copy made of hard links shares no file that either of them writes to", async (t) => {
  const dir = makeTempDir(t);
  const optionsOf = (name: string) => storeOptions({ stateDir: path.join(dir, name), clock: systemClock });
  const [first, second] = [optionsOf("first"), optionsOf("second")];
  const original = await openStore(first);
  await original.store.commit(draft("shared"), { put: { run: { id: "a", n: 1 } } });
  await original.store.close();
  fs.mkdirSync(second.logsDir, { recursive: true, mode: 0o700 });
  const [from, to] = [first, second].map(({ logsDir }) => path.join(logsDir, "events.jsonl")) as [string, string];
  fs.linkSync(from, to);
  const opened = await Promise.all([openStore(first), openStore(second)]);
  for (const { store } of opened) await store.commit(draft("own"), { put: { run: { id: "b", n: 1 } } });
  for (const { store } of opened) await store.close();
  assert.notEqual(fs.statSync(from).ino, fs.statSync(to).ino);
  for (const options of [first, second]) await (await openStore(options)).store.close();
});

test("a second one on the same directory is refused, and the first goes on", async (t) => {
  const options = storeOptions({ stateDir: makeTempDir(t), clock: systemClock });
  const { store } = await openStore(options);
  await assert.rejects(openStore(options), isExit(EXIT.held, new RegExp(`process ${process.pid}\\b`)));
  await store.commit(draft());
  await store.close();
  await (await openStore(options)).store.close();
});

test("SIGKILL in mid-commit loses nothing that was acknowledged", async (t) => {
  const stateDir = makeTempDir(t);
  const options = storeOptions({ stateDir, clock: systemClock });
  for (let kill = 1; kill <= KILLS; kill++) {
    const args = [...LOADER, WRITER, stateDir];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let acknowledged = 0;
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (++lines === 40 * kill) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const { store, recovery } = await openStore(options);
    assert.equal(recovery.clean, false);
    assert.ok(store.headSeq >= acknowledged, `${store.headSeq} of ${acknowledged}`);
    const events = await replayed(store);
    assert.deepEqual(events.map(({ seq }) => seq), Array.from({ length: store.headSeq }, (_, i) => i + 1));
    const newest = events.filter(({ message }) => message === "m").at(-1)?.seq;
    assert.equal(Math.max(...recordsOf(store).map(({ n }) => n)), newest);
    assert.equal(recordsOf(store).length, 50);
    await store.close();
  }
});

test("two with states of their own cannot write to one logs directory", async (t) => {
  const logsDir = path.join(makeTempDir(t), "logs");
  const open = () => openStore({ ...storeOptions({ stateDir: makeTempDir(t), clock: systemClock }), logsDir });
  const { store } = await open();
  await assert.rejects(open(), isExit(EXIT.held, /logs is held by process/));
  await store.close();
  await (await open()).store.close();
});

test("what cannot be opened is told with an exit code, and the lock is let go", async (t) => {
  const stateDir = makeTempDir(t);
  const options = storeOptions({ stateDir, clock: systemClock });
  const failing = { ...nodeDisk, readFile: async () => Promise.reject(errnoError("EIO")) };
  await assert.rejects(openStore(options, failing), isExit(EXIT.diskFailed, /EIO/));
  fs.symlinkSync("/dev/null", path.join(stateDir, "daemon-state.json"));
  await assert.rejects(openStore(options), isExit(EXIT.config, /symbolic link/));
  fs.rmSync(path.join(stateDir, "daemon-state.json"));
  fs.writeFileSync(path.join(stateDir, "identity.json"), "{}");
  await assert.rejects(openStore(options), isExit(EXIT.damagedState, /does not hold an identity/));
  fs.rmSync(path.join(stateDir, "identity.json"));
  const bug = { ...nodeDisk, list: async () => Promise.reject(new TypeError("a bug")) };
  await assert.rejects(openStore(options, bug), TypeError);
  await (await openStore(options)).store.close();
});

test("the log tells of a loss as the event does", async (t) => {
  const stateDir = path.join(makeTempDir(t), "state");
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const options = { ...storeOptions({ stateDir, clock: systemClock }), log };
  await (await openStore(options)).store.close();
  assert.deepEqual(warnings, []);
  fs.writeFileSync(path.join(stateDir, "daemon-state.json"), "{oops");
  const { store } = await openStore(options);
  const told = (await replayed(store)).filter(({ type }) => type === "storage.recovered");
  assert.ok(told.length > 0);
  assert.deepEqual(warnings, told.map(({ message }) => message));
  await store.close();
});
