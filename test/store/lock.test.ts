// One writer: racing processes, dead owners, long paths, and who is named as the holder.
// Real sockets in a real directory, and real processes that are killed.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { EXIT, ExitError } from "../../src/core/errors.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { acquireLock, readLockOwner } from "../../src/store/lock.ts";
import { errnoError } from "../support/disk-simulator.ts";
import { LOADER } from "../support/loader.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const RACER = fileURLToPath(new URL("../support/lock-racer.ts", import.meta.url));
const PROCESSES = 4;
const TRIES = 3;

interface Racer {
  readonly child: ChildProcess;
  /** The next line that it prints. */
  line(): Promise<string>;
}

async function startRacers(directory: string, count: number): Promise<Racer[]> {
  const args = [...LOADER, RACER, directory, String(TRIES)];
  const racers = Array.from({ length: count }, (): Racer => {
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, line: async () => ((await lines.next()).value as string | undefined) ?? "" };
  });
  for (const racer of racers) assert.equal(await racer.line(), "ready");
  return racers;
}

async function linesOf(racer: Racer): Promise<string[]> {
  const lines = [];
  for (let i = 0; i < TRIES; i++) lines.push(await racer.line());
  return lines;
}

function isHeld(pid: number | null) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof ExitError && error.exitCode === EXIT.held, String(error));
    assert.match(error.message, pid === null ? /another process/ : new RegExp(`process ${pid}\\b`));
    return true;
  };
}

test("of a dozen tries from several processes to take over a dead lock one wins, and it is named", async (t) => {
  const directory = makeTempDir(t);
  const racers = await startRacers(directory, PROCESSES + 1);
  t.after(() => racers.forEach(({ child }) => child.kill("SIGKILL")));
  const [first, ...others] = racers as [Racer, ...Racer[]];
  first.child.stdin?.write("go");
  assert.equal((await linesOf(first)).filter((line) => line === "won").length, 1);
  await assert.rejects(acquireLock(nodeDisk, directory), isHeld(first.child.pid ?? 0));
  first.child.kill("SIGKILL");
  await once(first.child, "exit");

  for (const { child } of others) child.stdin?.write("go");
  const answers = await Promise.all(others.map(linesOf));
  assert.equal(answers.flat().filter((line) => line === "won").length, 1, answers.flat().join("\n"));
  const winners = others.filter((_, i) => answers[i]?.includes("won"));
  const [winner] = winners as [Racer];
  await assert.rejects(acquireLock(nodeDisk, directory), isHeld(winner.child.pid ?? 0));
  const info = JSON.parse(fs.readFileSync(path.join(directory, "lock.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual(Object.keys(info), ["pid", "startTime", "bootId", "pidNamespace", "host"]);
  assert.equal(info["pid"], winner.child.pid);

  winner.child.stdin?.end();
  await once(winner.child, "exit");
  const lock = await acquireLock(nodeDisk, directory);
  const names = fs.readdirSync(directory).filter((name) => name.endsWith(".sock"));
  assert.ok(names.length <= 2, names.join(" "));
  for (const name of names) assert.equal(fs.statSync(path.join(directory, name)).mode & 0o777, 0o600);
  await lock.release();
  assert.equal(fs.existsSync(path.join(directory, "lock.json")), false);
});

test("many tries in one process give one winner, again and again", async (t) => {
  const directory = makeTempDir(t);
  for (let round = 0; round < 20; round++) {
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(nodeDisk, directory)));
    const won = tries.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    assert.equal(won.length, 1);
    for (const result of tries) if (result.status === "rejected") isHeld(process.pid)(result.reason);
    await won[0]?.release();
  }
});

test("a path that is too long for a socket works as well", { skip: process.platform !== "linux" }, async (t) => {
  const directory = path.join(makeTempDir(t), "x".repeat(120));
  fs.mkdirSync(directory, { mode: 0o700 });
  const lock = await acquireLock(nodeDisk, directory);
  await assert.rejects(acquireLock(nodeDisk, directory), isHeld(process.pid));
  await lock.release();
  await (await acquireLock(nodeDisk, directory)).release();
});

test("an owner that says nothing is still the owner", async (t) => {
  const directory = makeTempDir(t);
  const sockets = new Set<net.Socket>();
  const silent = net.createServer((socket) => sockets.add(socket));
  silent.listen(path.join(directory, "lock-3.sock"));
  await once(silent, "listening");
  t.after(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  await assert.rejects(acquireLock(nodeDisk, directory), isHeld(null));
  fs.writeFileSync(path.join(directory, "lock.json"), JSON.stringify({ pid: 4242, host: "there" }));
  await assert.rejects(acquireLock(nodeDisk, directory), /process 4242 on there/);
});

test("who holds it can be asked, and asking changes nothing", async (t) => {
  const directory = makeTempDir(t);
  assert.equal(await readLockOwner(nodeDisk, directory), null);
  const lock = await acquireLock(nodeDisk, directory);
  const names = fs.readdirSync(directory);
  assert.equal(await readLockOwner(nodeDisk, directory), process.pid);
  assert.deepEqual(fs.readdirSync(directory), names);
  await lock.release();
  assert.equal(await readLockOwner(nodeDisk, directory), null, "the socket of a dead owner is there still");
  const answers = ["", "nonsense", '{"pid":"1"}'];
  const liar = net.createServer((socket) => socket.end(answers.shift() ?? ""));
  liar.listen(path.join(directory, "lock-7.sock"));
  t.after(() => liar.close());
  await once(liar, "listening");
  while (answers.length > 0) assert.equal(await readLockOwner(nodeDisk, directory), null);
});

test("what is no socket is dead, older generations go, and a loser leaves nothing", async (t) => {
  const directory = makeTempDir(t);
  for (const n of [1, 2, 9]) fs.writeFileSync(path.join(directory, `lock-${n}.sock`), "");
  const lock = await acquireLock(nodeDisk, directory);
  const names = (): string[] => fs.readdirSync(directory).sort();
  assert.deepEqual(names(), ["lock-10.sock", "lock-9.sock", "lock.json"]);
  await assert.rejects(acquireLock(nodeDisk, directory));
  assert.deepEqual(names(), ["lock-10.sock", "lock-9.sock", "lock.json"]);
  await lock.release();
});

test("a racer whose view is too old finds that others went on before", async (t) => {
  const directory = makeTempDir(t);
  const owner = await acquireLock(nodeDisk, directory);
  let lists = 0;
  const stale = { ...nodeDisk, list: async (at: string) => (lists++ === 0 ? [] : nodeDisk.list(at)) };
  fs.renameSync(path.join(directory, "lock-1.sock"), path.join(directory, "lock-2.sock"));
  await assert.rejects(acquireLock(stale, directory), isHeld(process.pid));
  assert.equal(fs.existsSync(path.join(directory, "lock-1.sock")), false, "its claim is taken back");
  await owner.release();
});

test("a disk that makes no links is told, and a name that always is taken ends the tries", async (t) => {
  const directory = makeTempDir(t);
  const linkFails = (code: string) => ({ ...nodeDisk, link: async () => Promise.reject(errnoError(code)) });
  await assert.rejects(acquireLock(linkFails("EPERM"), directory), (error) => {
    return error instanceof ExitError && error.exitCode === EXIT.diskFailed;
  });
  await assert.rejects(acquireLock(linkFails("EEXIST"), directory), /fought over/);
  await assert.rejects(acquireLock(nodeDisk, path.join(directory, "missing")), /cannot listen/);
  assert.deepEqual(fs.readdirSync(directory), []);
});
