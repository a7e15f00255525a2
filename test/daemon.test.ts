// The daemon's own duties: to end in order, once, and to let go of everything, also when a start or the disk fails.
// The store and its lock are real, the child and time are the test's; whole daemons are tried in local-service.test.ts.

import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";

import { ExitError } from "../src/core/errors.ts";
import type { CodexdEvent } from "../src/core/event.ts";
import { LIMITS } from "../src/core/limits.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import type { CodexdDaemonOptions } from "../src/daemon-options.ts";
import { CodexdLocalService } from "../src/local-service.ts";
import { threadAnswer } from "./support/fake-app-server.ts";
import { createFakeSpawner, type FakeChild } from "./support/fake-child.ts";
import { createFakeClock } from "./support/fake-clock.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { heldClock } from "./support/service-rig.ts";
import { connectWs } from "./support/ws-client.ts";

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}

const exit = (code: number) => (error: unknown): boolean => error instanceof ExitError && error.exitCode === code;

/** A daemon whose child is a double that has answered the handshake. */
async function startDaemon(t: TestContext, options: CodexdDaemonOptions = {}) {
  const dir = workDir(t);
  const clock = createFakeClock();
  const spawner = createFakeSpawner();
  const events: CodexdEvent[] = [];
  const onEvent = (event: CodexdEvent): void => void events.push(event);
  const daemon = new CodexdDaemon(configure(dir), { clock, spawner, onEvent, ...options });
  const starting = daemon.start();
  await until(() => spawner.children.length > 0);
  const { child } = spawner;
  child.emitSpawn();
  await starting;
  child.answer("initialize", { userAgent: "x/0.169.0 (y)" });
  await until(() => daemon.getStatusSnapshot().daemon.child.status === "running");
  /** Stops it; a child that is asked to end does. */
  const stop = async (): Promise<void> => {
    let over = false;
    const stopping = daemon.stop().finally(() => (over = true));
    await until(async () => {
      await clock.advance(LIMITS.childStopGraceMs);
      if (!over && spawner.child.stdinEnded) spawner.child.die(0);
      return over;
    });
    await stopping;
  };
  endBefore(dir, stop);
  return { dir, clock, spawner, child, daemon, events, stop };
}

/** A session on thread `T`, and its turn as far as the child has been asked for it. */
async function askTurn(daemon: CodexdDaemon, child: FakeChild) {
  const creating = daemon.createSession({});
  await until(() => child.received.some(({ method }) => method === "thread/start"));
  child.answer("thread/start", threadAnswer("T"));
  const { sessionId } = await creating;
  const starting = daemon.createTurn({ sessionId, prompt: "x" });
  await until(() => child.received.some(({ method }) => method === "turn/start"));
  return { sessionId, starting };
}

function ended(events: readonly CodexdEvent[]) {
  return events.filter(({ type }) => type === "turn.finished").map(({ detail }) => {
    return [detail["status"], (detail["error"] as { reason: string | null } | null)?.reason];
  });
}

test("a turn that the stop has cut short ends because codexd has stopped, before the last event", async (t) => {
  const { daemon, child, events, stop } = await startDaemon(t);
  const { starting } = await askTurn(daemon, child);
  child.answer("turn/start", { turn: { id: "t1", status: "inProgress" } });
  await starting;
  await stop();
  assert.deepEqual(ended(events), [["interrupted", "daemon_stopped"]]);
  assert.equal(events.at(-1)?.type, "daemon.stopped");
});

test("so does one that Codex has not answered, whether its stdout or the process ends first", async (t) => {
  for (const stdoutFirst of [true, false]) {
    const { daemon, child, events, clock } = await startDaemon(t);
    const { starting } = await askTurn(daemon, child);
    const refused = assert.rejects(starting, { code: "child_restarted" });
    const stopping = daemon.stop();
    await until(async () => {
      await clock.advance(LIMITS.childStopGraceMs);
      return child.stdinEnded;
    });
    if (stdoutFirst) child.stdout.end();
    else child.emitExit(0);
    await clock.advance(0);
    if (stdoutFirst) child.emitExit(0);
    else child.stdout.end();
    await Promise.all([stopping, refused]);
    assert.deepEqual(ended(events), [["interrupted", "daemon_stopped"]]);
    assert.equal(events.at(-1)?.type, "daemon.stopped");
  }
});

test("nothing is written behind the last event by who waits for a child that restarts", async (t) => {
  const { daemon, child, events, stop } = await startDaemon(t);
  const { sessionId, starting } = await askTurn(daemon, child);
  child.answer("turn/start", { turn: { id: "t1", status: "inProgress" } });
  await starting;
  child.die(1);
  assert.deepEqual(ended(events), []);
  const waiting = assert.rejects(daemon.createTurn({ sessionId, prompt: "y" }), { code: "draining" });
  await stop();
  await waiting;
  assert.deepEqual(ended(events), [["interrupted", "child_exited"]]);
  assert.equal(events.at(-1)?.type, "daemon.stopped");
});

test("two stops are one: they share their end, and only the first one's last wish is carried out", async (t) => {
  const { daemon, child, events, clock } = await startDaemon(t);
  const wishes: string[] = [];
  const wish = (name: string) => async () => {
    wishes.push(`${name} after ${events.at(-1)?.type}`);
  };
  const first = daemon.stop(wish("first"));
  const second = daemon.stop(wish("second"));
  await until(async () => {
    await clock.advance(1);
    return child.stdinEnded;
  });
  child.die(0);
  assert.equal(await first, await second);
  assert.equal(await daemon.stop(), await first, "also when it is over");
  assert.deepEqual(wishes, ["first after daemon.stopped"]);
  assert.equal(events.filter(({ type }) => type === "daemon.stopped").length, 1);
});

test("a daemon that has stopped can be started again, and stopped again", async (t) => {
  const { daemon, spawner, events, stop, clock } = await startDaemon(t);
  await stop();
  const starting = daemon.start();
  await until(() => spawner.children.length === 2);
  spawner.child.emitSpawn();
  assert.equal((await starting).daemon.started, true);
  const stopping = daemon.stop();
  await until(async () => {
    await clock.advance(LIMITS.childStopGraceMs);
    return spawner.child.stdinEnded;
  });
  spawner.child.die(0);
  assert.equal((await stopping).daemon.started, false);
  assert.equal(events.filter(({ type }) => type === "daemon.stopped").length, 2);
});

test("a start that fails gives the state directory back", async (t) => {
  const dir = workDir(t);
  const env = {
    get PATH(): string {
      throw new Error("no environment today");
    },
  };
  const failing = new CodexdDaemon(configure(dir), { clock: heldClock, env });
  for (let tries = 0; tries < 2; tries += 1) await assert.rejects(failing.start(), { message: "no environment today" });
  const next = new CodexdDaemon(configure(dir), { clock: heldClock });
  endBefore(dir, () => next.stop());
  assert.equal((await next.start()).daemon.started, true);
});

test("a user without a name is told by number who has to log in", async (t) => {
  const { daemon, child, events } = await startDaemon(t, { env: { HOME: "/home/of/nobody" } });
  const nameless = t.mock.method(os, "userInfo", () => {
    throw new Error("ENOENT: no such file or directory, uv_os_get_passwd");
  });
  syncBuiltinESMExports();
  t.after(() => {
    nameless.mock.restore();
    syncBuiltinESMExports();
  });
  const { starting } = await askTurn(daemon, child);
  child.answer("turn/start", { turn: { id: "t1", status: "inProgress" } });
  await starting;
  const error = { message: "401", codexErrorInfo: "unauthorized", additionalDetails: null };
  child.send({
    method: "turn/completed", params: { threadId: "T", turn: { id: "t1", status: "failed", items: [], error } },
  });
  await until(() => ended(events).length === 1);
  const { error: told } = await daemon.getTurn("t1");
  const uid = process.getuid?.() ?? "unknown";
  const hint = `as uid ${uid} with CODEX_HOME=/home/of/nobody/.codex`;
  assert.ok(told?.message.endsWith(hint), told?.message);
  assert.equal(nameless.mock.callCount(), 1);
});

test("a disk that has failed for good still closes clients, port, child and lock", async (t) => {
  const dir = workDir(t);
  const service = new CodexdLocalService(configure(dir, { durability: "power" }));
  const { service: { resolvedBaseUrl } } = await service.start();
  const daemon = service.getDaemon();
  await until(() => service.getStatus().snapshot.daemon.child.status === "running");
  const { pid } = service.getStatus().snapshot.daemon.child;
  const port = Number(new URL(resolvedBaseUrl ?? "").port);
  const token = fs.readFileSync(path.join(dir, "state", "token"), "utf8").trim();
  const client = await connectWs({ port, path: "/v1/codexd/events", token });
  const broken = t.mock.method(fs, "fdatasync", (_: number, done: (error: Error) => void) => {
    done(Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }));
  });
  await assert.rejects(daemon.registerSession({}), exit(74));
  assert.match((await service.failed).message, /EIO/);
  await assert.rejects(service.stop(), exit(74));
  await client.closed;
  await assert.rejects(fetch(resolvedBaseUrl ?? ""), { message: "fetch failed" });
  assert.throws(() => process.kill(pid ?? 0, 0), { code: "ESRCH" });
  broken.mock.restore();
  const next = new CodexdDaemon(configure(dir), { clock: heldClock });
  endBefore(dir, () => next.stop());
  assert.equal((await next.start()).daemon.started, true);
});
