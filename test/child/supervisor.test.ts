// A child's lives: born, connected, dead, born again, and when it is no use to try.
//
// The child is a fake one: what it says, when, and what it dies of is each test's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { settle } from "../support/fake-clock.ts";
import { createSupervisedChild, USER_AGENT, type SupervisedChild } from "../support/supervised-child.ts";

/** A rig whose first child has answered the handshake. */
async function connected(): Promise<SupervisedChild> {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  await rig.connect();
  return rig;
}

test("a start resolves when the process has been spawned; the handshake goes on by itself", async () => {
  const rig = createSupervisedChild();
  assert.equal(rig.supervisor.state.status, "idle");
  let started = false;
  const starting = rig.supervisor.start().then(() => (started = true));
  assert.equal(started, false);
  const { child } = rig.spawner;
  assert.deepEqual([child.command, child.args, child.options], [
    "/bin/codex", ["app-server"], { cwd: "/work-dir", env: { HOME: "/home/dev" } },
  ]);
  child.emitSpawn();
  await starting;
  assert.equal(rig.supervisor.current, undefined);
  assert.equal(rig.supervisor.state.status, "starting");
  assert.equal(rig.supervisor.state.pid, child.pid);
  child.answer("initialize", { userAgent: USER_AGENT });
  await settle();
  assert.deepEqual(child.received.map(({ method }) => method), ["initialize", "initialized"]);
  assert.equal(rig.supervisor.version, "0.169.0");
  assert.match(JSON.stringify(rig.supervisor.handshake), /"userAgent":"[^"]*0\.169\.0/);
  assert.deepEqual(rig.seen, [
    "status starting", "child.starting", "child.started", "status running", "app-server.connected",
  ]);
});

test("the events of a start say command, process and version", async () => {
  const { event, supervisor } = await connected();
  const command = { command: "/bin/codex", args: ["app-server"] };
  assert.deepEqual(event("child.starting")?.detail, { ...command, attempt: 1 });
  assert.deepEqual(event("child.started")?.detail, { ...command, pid: 1001 });
  assert.deepEqual(event("app-server.connected")?.detail, { pid: 1001, version: "0.169.0" });
  assert.deepEqual(supervisor.state, {
    status: "running", pid: 1001, ...command, cwd: "/work-dir", endpoint: "stdio://",
    startedAt: "2026-01-01T00:00:00.000Z", exitedAt: null, exitCode: null, signal: null, restarts: 0, lastError: null,
  });
});

test("what the child says reaches the handlers, before and after the handshake", async () => {
  const { spawner, messages, supervisor } = await connected();
  spawner.child.send({ method: "turn/started", params: {} });
  spawner.child.send({ method: "item/tool/call", id: 0, params: {} });
  spawner.child.stdout.say("not a message\n");
  assert.deepEqual(messages, ["turn/started", "item/tool/call 0"]);
  const call = supervisor.current?.client.call("model/list", {});
  spawner.child.answer("model/list", []);
  assert.deepEqual(await call, []);
});

test("a child that dies is down at once and started again after its delay", async () => {
  const rig = await connected();
  const { supervisor, clock, spawner } = rig;
  const call = assert.rejects(supervisor.current?.client.call("turn/start", {}) ?? Promise.resolve(), {
    code: "child_restarted",
  });
  await clock.advance(1000);
  rig.seen.length = 0;
  spawner.child.die(null, "SIGKILL");
  await call;
  assert.deepEqual(rig.seen, ["status restarting", "child.exited", "down", "child.restarting"]);
  assert.equal(supervisor.current, undefined);
  const reason = "the app-server was ended by SIGKILL";
  assert.deepEqual(rig.downs, [reason]);
  assert.deepEqual(rig.event("child.exited")?.detail, {
    pid: 1001, exitCode: null, signal: "SIGKILL", reason, stderr: [],
  });
  assert.deepEqual(rig.event("child.restarting")?.detail, { attempt: 1, delayMs: 250, reason });
  const { pid, exitedAt, signal, lastError } = supervisor.state;
  assert.deepEqual([pid, exitedAt, signal, lastError], [null, "2026-01-01T00:00:01.000Z", "SIGKILL", reason]);
  await clock.advance(249);
  assert.equal(spawner.children.length, 1);
  await clock.advance(1);
  assert.equal(spawner.children.length, 2);
  assert.equal(supervisor.state.restarts, 1);
  await rig.connect();
  assert.deepEqual([supervisor.state.status, supervisor.state.lastError], ["running", null]);
});

test("each life has a generation of its own", async () => {
  const rig = await connected();
  const generations = [rig.supervisor.current?.generation];
  for (let i = 0; i < 2; i += 1) {
    rig.spawner.child.die(0);
    await rig.clock.advance(LIMITS.childRestart.mostMs);
    await rig.connect();
    generations.push(rig.supervisor.current?.generation);
  }
  assert.deepEqual(generations, [1, 2, 3]);
});

test("the delay doubles from 250 ms to 30 s, whatever the child died of", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const delays: unknown[] = [];
  for (let i = 0; i < 9; i += 1) {
    if (i % 2 === 0) rig.spawner.child.emitSpawn();
    rig.spawner.child.die(1);
    delays.push(rig.event("child.restarting")?.detail["delayMs"]);
    await rig.clock.advance(LIMITS.childRestart.mostMs);
  }
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.equal(rig.spawner.children.length, 10);
  assert.equal(rig.supervisor.state.restarts, 9);
  assert.equal(rig.event("child.starting")?.detail["attempt"], 10);
});

for (const [livedMs, delayMs] of [[59_999, 1000], [60_000, 250]] as const) {
  test(`a child that lived ${livedMs} ms waits ${delayMs} ms for its next life`, async () => {
    const rig = await connected();
    for (const waitMs of [250, 500]) {
      rig.spawner.child.die(1);
      await rig.clock.advance(waitMs);
    }
    await rig.connect();
    await rig.clock.advance(livedMs);
    rig.spawner.child.die(1);
    assert.equal(rig.event("child.restarting")?.detail["delayMs"], delayMs);
  });
}

test("a jump of the wall clock changes no delay and no health", async () => {
  const rig = await connected();
  rig.clock.jump(-3_600_000);
  rig.spawner.child.die(1);
  await rig.clock.advance(250);
  rig.clock.jump(7_200_000);
  await rig.connect();
  rig.spawner.child.die(1);
  assert.equal(rig.event("child.restarting")?.detail["delayMs"], 500);
});

test("a missing command is failed, with the reason everywhere and no other try", async () => {
  const rig = createSupervisedChild();
  const started = rig.supervisor.start();
  rig.spawner.child.emitError(Object.assign(new Error("spawn /bin/codex ENOENT"), { code: "ENOENT" }));
  await started;
  const reason = "/bin/codex could not be started: spawn /bin/codex ENOENT";
  assert.deepEqual(rig.seen, ["status starting", "child.starting", "status failed", "down", "child.failed"]);
  assert.equal(rig.supervisor.state.lastError, reason);
  assert.deepEqual(rig.event("child.failed")?.detail, { command: "/bin/codex", args: ["app-server"], reason });
  await assert.rejects(rig.supervisor.ready(), { code: "child_failed", message: new RegExp(`${reason}$`) });
  await rig.clock.advance(LIMITS.childRestart.mostMs);
  assert.equal(rig.spawner.children.length, 1);
  assert.deepEqual(rig.clock.dueInMs, []);
});

test("a spawner that throws is told the same way", async () => {
  const rig = createSupervisedChild();
  rig.spawner.failure = new Error("spawn E2BIG");
  await rig.supervisor.start();
  assert.equal(rig.supervisor.state.status, "failed");
  assert.equal(rig.supervisor.state.lastError, "/bin/codex could not be started: spawn E2BIG");
});

test("what the machine is short of for a moment is tried again", async () => {
  const rig = createSupervisedChild();
  rig.spawner.failure = Object.assign(new Error("no file descriptor is left"), { code: "EMFILE" });
  await rig.supervisor.start();
  assert.deepEqual(rig.seen, ["status starting", "child.starting", "status restarting", "down", "child.restarting"]);
  rig.spawner.failure = undefined;
  await rig.clock.advance(250);
  rig.spawner.child.emitError(Object.assign(new Error("spawn EAGAIN"), { code: "EAGAIN" }));
  assert.equal(rig.event("child.restarting")?.detail["delayMs"], 500);
  await rig.clock.advance(500);
  await rig.connect();
  assert.equal(rig.supervisor.state.status, "running");
});

test("a child that exits before the handshake says its last lines, without secrets", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const { child } = rig.spawner;
  child.emitSpawn();
  child.stderr.say("one\ntwo\n\u001b[31mError:\u001b[0m bad config\nkey hunter2");
  child.die(1);
  const reason = "the app-server exited with code 1; it said: two | Error: bad config | key [redacted]";
  assert.equal(rig.supervisor.state.lastError, reason);
  assert.deepEqual(rig.event("child.exited")?.detail, {
    pid: 1001, exitCode: 1, signal: null, reason, stderr: ["one", "two", "Error: bad config", "key [redacted]"],
  });
  await settle();
  const after = ["child.stderr", "status restarting", "child.exited", "down", "child.restarting"];
  assert.deepEqual(rig.seen.slice(3), after);
});

test("its words are the same when stdout ends long before the process does", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const { child } = rig.spawner;
  child.emitSpawn();
  child.stdout.end();
  await rig.clock.advance(100);
  child.stderr.say("Error: bad config\n");
  child.emitExit(1);
  assert.equal(rig.supervisor.state.lastError, "the app-server exited with code 1; it said: Error: bad config");
  assert.equal(rig.event("app-server.connect.failed"), undefined);
  assert.deepEqual(child.signals, []);
});

test("a child that worked does not blame its old stderr for its end, but shows it", async () => {
  const rig = await connected();
  rig.spawner.child.stderr.say("just a warning\n");
  rig.spawner.child.die(0);
  assert.deepEqual(rig.downs, ["the app-server exited with code 0"]);
  assert.deepEqual(rig.event("child.exited")?.detail["stderr"], ["just a warning"]);
});
