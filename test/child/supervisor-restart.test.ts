// A restart that was asked for, out of every state; and the end of trying, out of which only such a restart leads.
//
// At no moment are there two lives: each test counts the children.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { settle } from "../support/fake-clock.ts";
import { createSupervisedChild, type SupervisedChild } from "../support/supervised-child.ts";

async function connected(): Promise<SupervisedChild> {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  await rig.connect();
  rig.seen.length = 0;
  return rig;
}

/** Dies as often as it may. */
async function failed(): Promise<SupervisedChild> {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  for (let i = 1; i <= LIMITS.childDeathsMax; i += 1) {
    rig.spawner.child.emitSpawn();
    if (i === LIMITS.childDeathsMax) rig.seen.length = 0;
    rig.spawner.child.die(1);
    await rig.clock.advance(4000);
  }
  return rig;
}

test("a running child is ended in order, and only then is the next one started", async () => {
  const rig = await connected();
  const { supervisor, spawner } = rig;
  const call = assert.rejects(supervisor.current?.client.call("turn/start", {}) ?? Promise.resolve(), {
    code: "child_restarted",
  });
  const [old] = spawner.children;
  const restarted = supervisor.restart("asked for");
  assert.equal(supervisor.current, undefined);
  const waiting = supervisor.ready();
  await settle();
  assert.deepEqual([old?.stdinEnded, old?.signals, spawner.children.length], [true, [], 1]);
  old?.die(0);
  await call;
  await settle();
  assert.equal(spawner.children.length, 2);
  await rig.connect();
  await restarted;
  assert.equal((await waiting).generation, 2);
  assert.deepEqual(rig.seen, [
    "status restarting", "child.restarting", "child.exited", "down", "status starting", "child.starting",
    "child.started", "status running", "app-server.connected",
  ]);
  assert.deepEqual(rig.event("child.restarting")?.detail, { attempt: 1, delayMs: 0, reason: "asked for" });
  assert.equal(rig.event("child.restarting")?.message, "starting again: asked for");
  assert.equal(rig.event("child.exited")?.level, "info");
  assert.deepEqual(rig.downs, ["the app-server exited with code 0 (restarted: asked for)"]);
  assert.deepEqual([supervisor.state.restarts, supervisor.state.lastError], [1, null]);
  assert.deepEqual(rig.clock.dueInMs, []);
});

test("one that does not go is killed after the graces", async () => {
  const rig = await connected();
  const { child } = rig.spawner;
  void rig.supervisor.restart("asked for");
  await rig.clock.advance(2 * LIMITS.childStopGraceMs);
  assert.deepEqual(child.signals, ["SIGTERM", "SIGKILL"]);
  assert.equal(rig.spawner.children.length, 1);
  child.die(null, "SIGKILL");
  await settle();
  assert.equal(rig.spawner.children.length, 2);
});

test("two restarts at once are one", async () => {
  const rig = await connected();
  const both = Promise.all([rig.supervisor.restart("asked for"), rig.supervisor.restart("again")]);
  rig.spawner.child.die(0);
  await settle();
  await rig.connect();
  await both;
  assert.equal(rig.spawner.children.length, 2);
  await settle();
  const third = rig.supervisor.restart("once more");
  rig.spawner.child.die(0);
  await settle();
  await rig.connect();
  await third;
  assert.equal(rig.spawner.children.length, 3);
});

test("five deaths in a minute are the end of trying, and the reason stands everywhere", async () => {
  const rig = await failed();
  const reason = "the app-server exited with code 1; it has died 5 times in 60 s, so it is not started again";
  assert.deepEqual(rig.seen, ["status failed", "child.exited", "down", "child.failed"]);
  assert.equal(rig.event("child.failed")?.detail["reason"], reason);
  assert.deepEqual([rig.supervisor.state.status, rig.supervisor.state.lastError], ["failed", reason]);
  await assert.rejects(rig.supervisor.ready(), {
    code: "child_failed", message: `the app-server cannot be started: ${reason}`,
  });
  assert.deepEqual(rig.clock.dueInMs, []);
  await rig.clock.advance(LIMITS.childDeathsMs);
  assert.equal(rig.spawner.children.length, LIMITS.childDeathsMax);
});

test("a restart leads out of it, and the counts begin anew", async () => {
  const rig = await failed();
  const restarted = rig.supervisor.restart("asked for");
  const waiting = rig.supervisor.ready();
  await settle();
  await rig.connect();
  await restarted;
  assert.equal((await waiting).generation, LIMITS.childDeathsMax + 1);
  rig.spawner.child.die(1);
  assert.equal(rig.supervisor.state.status, "restarting");
  assert.equal(rig.event("child.restarting")?.detail["delayMs"], 250);
});

test("a wrong argument is failed at once, with what the child said", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  rig.spawner.child.emitSpawn();
  rig.spawner.child.stderr.say("error: unexpected argument '--nope' found\n");
  rig.spawner.child.die(2);
  assert.equal(rig.supervisor.state.status, "failed");
  assert.equal(rig.supervisor.state.lastError, "the app-server exited with code 2; it said: "
    + "error: unexpected argument '--nope' found; it does not take its arguments, so it is not started again");
  assert.deepEqual(rig.clock.dueInMs, []);
});

test("a restart does not wait for the delay of the next life, and takes its place", async () => {
  const rig = await connected();
  rig.spawner.child.die(1);
  assert.deepEqual(rig.clock.dueInMs, [250]);
  const restarted = rig.supervisor.restart("asked for");
  await settle();
  await rig.connect();
  await restarted;
  assert.deepEqual([rig.spawner.children.length, rig.supervisor.state.status], [2, "running"]);
  await rig.clock.advance(LIMITS.childRestart.mostMs);
  assert.equal(rig.spawner.children.length, 2);
});

test("a restart during the handshake gives that life up without a word about its failure", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const [first] = rig.spawner.children;
  first?.emitSpawn();
  const restarted = rig.supervisor.restart("asked for");
  await settle();
  // Its answer comes too late to count.
  first?.answer("initialize", { userAgent: "late" });
  await settle();
  assert.equal(rig.supervisor.current, undefined);
  first?.die(0);
  await settle();
  await rig.connect();
  await restarted;
  assert.deepEqual([rig.supervisor.state.status, rig.spawner.children.length], ["running", 2]);
  assert.equal(rig.event("app-server.connect.failed"), undefined);
});

test("a restart before the start is the start", async () => {
  const rig = createSupervisedChild();
  const restarted = rig.supervisor.restart("asked for");
  await settle();
  await rig.connect();
  await restarted;
  await rig.supervisor.start();
  assert.deepEqual([rig.supervisor.state.status, rig.spawner.children.length], ["running", 1]);
});

test("a restart that cannot be is failed again", async () => {
  const rig = await failed();
  rig.spawner.failure = Object.assign(new Error("spawn ENOENT"), { code: "ENOENT" });
  await rig.supervisor.restart("asked for");
  assert.equal(rig.supervisor.state.lastError, "/bin/codex could not be started: spawn ENOENT");
  await assert.rejects(rig.supervisor.ready(), { code: "child_failed" });
});

test("a stop during a restart wins, and none is begun after it", async () => {
  const rig = await connected();
  const refused = assert.rejects(rig.supervisor.restart("asked for"), { code: "draining" });
  await settle();
  const stop = rig.supervisor.stop();
  rig.spawner.child.die(0);
  await Promise.all([refused, stop]);
  assert.deepEqual([rig.supervisor.state.status, rig.spawner.children.length], ["stopped", 1]);
  await assert.rejects(rig.supervisor.restart("asked for"), { code: "draining" });
});
