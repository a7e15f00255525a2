// The end of one life, however it comes: exit and end of stdout in either order, or one of them never.
//
// Seen through the supervisor, because an end is what the supervisor is told.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createSupervisedChild } from "../support/supervised-child.ts";

async function livingChild() {
  const rig = createSupervisedChild();
  void rig.supervisor.start();
  const child = await rig.connect();
  return { ...rig, child };
}

test("an exit waits for what stdout still holds", async () => {
  const { child, messages, supervisor, downs, clock } = await livingChild();
  child.emitExit(0);
  assert.equal(supervisor.state.status, "running");
  child.send({ method: "turn/completed", params: {} });
  child.stdout.end();
  assert.deepEqual([messages, downs], [["turn/completed"], ["the app-server exited with code 0"]]);
  await clock.advance(LIMITS.childPipeDrainMs);
  assert.equal(downs.length, 1);
});

test("a descendant that holds the pipe open is waited for half a second, not for ever", async () => {
  const { child, messages, supervisor, downs, clock } = await livingChild();
  const call = assert.rejects(supervisor.current?.client.call("a", {}) ?? Promise.resolve(), {
    code: "child_restarted",
  });
  child.emitExit(null, "SIGKILL");
  child.send({ method: "turn/completed", params: {} });
  await clock.advance(LIMITS.childPipeDrainMs - 1);
  assert.deepEqual(downs, []);
  await clock.advance(1);
  await call;
  assert.deepEqual(downs, ["the app-server was ended by SIGKILL"]);
  child.send({ method: "from/a/descendant", params: {} });
  assert.deepEqual(messages, ["turn/completed"]);
});

test("output that was on hold when the child exited is read before its end is told", async () => {
  const { child, messages, supervisor, seen } = await livingChild();
  supervisor.current?.client.pause();
  child.send({ method: "turn/completed", params: {} });
  child.stdout.end();
  child.emitExit(0);
  assert.deepEqual(messages, ["turn/completed"]);
  assert.equal(seen.at(-1), "child.restarting");
});

test("a child that closes its stdout and lives on is killed after its grace", async () => {
  const { child, supervisor, downs, clock } = await livingChild();
  const call = assert.rejects(supervisor.current?.client.call("a", {}) ?? Promise.resolve(), {
    code: "child_restarted",
  });
  child.stdout.end();
  await call;
  await clock.advance(LIMITS.childStopGraceMs - 1);
  assert.deepEqual(child.signals, []);
  await clock.advance(1);
  assert.deepEqual(child.signals, ["SIGKILL"]);
  assert.deepEqual(downs, []);
  child.emitExit(null, "SIGKILL");
  assert.deepEqual(downs, ["the app-server was ended by SIGKILL (it closed its stdout and lived on)"]);
});

test("a line beyond the limit ends the life, and the reason names it", async () => {
  const { child, downs, clock } = await livingChild();
  const chunk = Buffer.alloc(LIMITS.childLineBytesMax / 4, "x");
  for (let i = 0; i < 4; i += 1) child.stdout.say(chunk);
  assert.deepEqual(clock.dueInMs, []);
  child.stdout.say("x");
  await clock.advance(LIMITS.childStopGraceMs);
  child.emitExit(null, "SIGKILL");
  assert.deepEqual(downs, [
    `the app-server was ended by SIGKILL (the app-server sent a line of more than ${LIMITS.childLineBytesMax} bytes)`,
  ]);
});

test("a signal that cannot be sent, and a broken pipe, are no end", async () => {
  const { child, supervisor } = await livingChild();
  child.emitError(new Error("kill EPERM"));
  child.failStdin(new Error("EPIPE"));
  child.stderr.fail(new Error("EIO"));
  assert.equal(supervisor.state.status, "running");
});

test("a process that fails to come to be is no life, even where its spawner gave it a pid", async () => {
  const { supervisor, spawner, downs } = createSupervisedChild();
  const start = supervisor.start();
  spawner.child.emitError(new Error("no such program"));
  spawner.child.emitError(new Error("told twice"));
  await start;
  assert.equal(supervisor.state.status, "failed");
  assert.deepEqual(downs, ["/bin/codex could not be started: no such program"]);
});

test("what a descendant says on stderr after the end is not the next child's", async () => {
  const { child, clock, supervisor, spawner, stderrLog, events } = await livingChild();
  child.stderr.say("mine\n");
  child.die(1);
  await clock.advance(250);
  child.stderr.say("of a descendant\n");
  spawner.child.stderr.say("the next one's\n");
  await clock.advance(1000);
  assert.equal(stderrLog.text, "mine\nthe next one's\n");
  const heard = events.filter(({ type }) => type === "child.stderr");
  const told = heard.map(({ detail }) => [detail["pid"], detail["text"]]);
  assert.deepEqual(told, [[1001, "mine"], [1002, "the next one's"]]);
  assert.equal(supervisor.state.status, "starting");
});
