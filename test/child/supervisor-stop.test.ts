// The order of a stop: end of stdin, two seconds, SIGTERM, two seconds, SIGKILL; and a stop at every other moment.
//
// The graces are counted in the test's own time, to the millisecond.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { settle } from "../support/fake-clock.ts";
import { createSupervisedChild } from "../support/supervised-child.ts";

async function stoppingChild() {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const child = await rig.connect();
  rig.seen.length = 0;
  let stopped = false;
  const stop = rig.supervisor.stop().then(() => (stopped = true));
  await settle();
  return { ...rig, child, stop, isStopped: () => stopped };
}

test("a child that goes when its stdin ends gets no signal", async () => {
  const { child, stop, seen, supervisor, clock, event } = await stoppingChild();
  assert.ok(child.stdinEnded);
  child.die(0);
  await stop;
  assert.deepEqual(child.signals, []);
  assert.deepEqual(seen, ["status stopped", "child.exited", "down"]);
  assert.equal(event("child.exited")?.level, "info");
  assert.deepEqual([supervisor.state.pid, supervisor.state.exitCode, supervisor.state.lastError], [null, 0, null]);
  assert.deepEqual(clock.dueInMs, []);
});

test("a child that dies once codexd has been told to end is not announced to start again", async () => {
  const { supervisor, connect, seen, clock, event } = createSupervisedChild();
  void supervisor.start();
  const child = await connect();
  seen.length = 0;
  supervisor.drain();
  assert.equal(supervisor.current?.generation, 1, "what is to be ended with its help can be");
  child.die(0);
  await settle();
  assert.deepEqual(seen, ["status stopped", "child.exited", "down"]);
  assert.equal(event("child.exited")?.level, "info");
  await supervisor.stop();
  assert.deepEqual(clock.dueInMs, []);
});

test("a wait for the next child ends when codexd is told to end", async () => {
  const { supervisor, connect, clock, seen } = createSupervisedChild();
  void supervisor.start();
  (await connect()).die(1);
  await settle();
  seen.length = 0;
  supervisor.drain();
  await clock.advance(LIMITS.childRestart.mostMs);
  assert.deepEqual(seen, []);
});

test("each grace is two seconds: SIGTERM after the first, SIGKILL after the second", async () => {
  const { child, stop, clock, isStopped } = await stoppingChild();
  await clock.advance(LIMITS.childStopGraceMs - 1);
  assert.deepEqual(child.signals, []);
  await clock.advance(1);
  assert.deepEqual(child.signals, ["SIGTERM"]);
  await clock.advance(LIMITS.childStopGraceMs - 1);
  assert.deepEqual(child.signals, ["SIGTERM"]);
  await clock.advance(1);
  assert.deepEqual(child.signals, ["SIGTERM", "SIGKILL"]);
  assert.equal(isStopped(), false);
  child.die(null, "SIGKILL");
  await stop;
});

test("a child that closes its stdout and takes its time has the same graces", async () => {
  const { child, stop, clock } = await stoppingChild();
  child.stdout.end();
  await clock.advance(LIMITS.childStopGraceMs);
  assert.deepEqual(child.signals, ["SIGTERM"]);
  await clock.advance(LIMITS.childStopGraceMs - 1);
  assert.deepEqual(child.signals, ["SIGTERM"]);
  child.emitExit(0);
  await stop;
});

test("what the child still says while it stops is read, also when reading was on hold", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const child = await rig.connect();
  rig.supervisor.current?.client.pause();
  child.send({ method: "turn/completed", params: {} });
  assert.deepEqual(rig.messages, []);
  const stop = rig.supervisor.stop();
  child.die(0);
  await stop;
  assert.deepEqual(rig.messages, ["turn/completed"]);
});

test("a stop settles every call under way", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const child = await rig.connect();
  const call = assert.rejects(rig.supervisor.current?.client.call("turn/start", {}) ?? Promise.resolve(), {
    code: "child_restarted",
  });
  const stop = rig.supervisor.stop();
  child.die(0);
  await Promise.all([call, stop]);
});

test("a stop between two lives cancels the next", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  rig.spawner.child.emitSpawn();
  rig.spawner.child.die(1);
  await rig.supervisor.stop();
  assert.equal(rig.supervisor.state.status, "stopped");
  assert.deepEqual(rig.clock.dueInMs, []);
  await rig.clock.advance(LIMITS.childRestart.mostMs);
  assert.equal(rig.spawner.children.length, 1);
});

test("a stop during the handshake waits for the child's end, and is no failure of the handshake", async () => {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  rig.spawner.child.emitSpawn();
  const stop = rig.supervisor.stop();
  rig.spawner.child.die(0);
  await stop;
  await settle();
  assert.equal(rig.event("app-server.connect.failed"), undefined);
  assert.equal(rig.supervisor.state.status, "stopped");
});

test("a stop while the process is still coming to be ends with its failure", async () => {
  const rig = createSupervisedChild();
  const start = rig.supervisor.start();
  const stop = rig.supervisor.stop();
  rig.spawner.child.emitError(Object.assign(new Error("spawn ENOENT"), { code: "ENOENT" }));
  await Promise.all([start, stop]);
  assert.deepEqual([rig.supervisor.state.status, rig.event("child.failed")], ["stopped", undefined]);
});

test("a stop before any start, a second one, and two at once are in order", async () => {
  const idle = createSupervisedChild();
  await idle.supervisor.stop();
  await idle.supervisor.stop();
  assert.equal(idle.supervisor.state.status, "stopped");
  const { child, stop, supervisor } = await stoppingChild();
  const again = supervisor.stop();
  child.die(0);
  await Promise.all([stop, again]);
});
