// Waiting for an app-server: who gets it, who waits, and with what the others are turned away.
//
// Also what becomes of a child that lives but refuses or never answers the handshake.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../src/core/errors.ts";
import { peerName } from "../../src/child/life-words.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { settle } from "../support/fake-clock.ts";
import { createSupervisedChild } from "../support/supervised-child.ts";

test("a running one is given at once, and no timer stays", async () => {
  const { supervisor, connect, clock } = createSupervisedChild();
  void supervisor.start();
  await connect();
  const server = await supervisor.ready();
  assert.equal(server, supervisor.current);
  assert.equal(server.generation, 1);
  assert.deepEqual(clock.dueInMs, []);
});

test("all who wait for one that starts get the same", async () => {
  const { supervisor, connect, clock } = createSupervisedChild();
  void supervisor.start();
  const waiting = [supervisor.ready(), supervisor.ready()];
  await connect();
  assert.deepEqual(await Promise.all(waiting), [supervisor.current, supervisor.current]);
  assert.deepEqual(clock.dueInMs, []);
});

test("one that restarts is waited for, over several deaths", async () => {
  const { supervisor, connect, clock, spawner } = createSupervisedChild();
  void supervisor.start();
  await connect();
  spawner.child.die(1);
  const waiting = supervisor.ready();
  await clock.advance(250);
  spawner.child.die(1);
  await clock.advance(500);
  await connect();
  assert.equal((await waiting).generation, 3);
});

test("after 10 s, not before, it is not ready, and the reason is the child's", async () => {
  const { supervisor, clock, spawner } = createSupervisedChild();
  void supervisor.start();
  spawner.child.stderr.say("Error: no home\n");
  spawner.child.die(1);
  await clock.advance(250);
  const outcomes: unknown[] = [];
  void supervisor.ready().catch((error: unknown) => outcomes.push(error));
  await clock.advance(LIMITS.childReadyWaitMs - 1);
  assert.equal(outcomes.length, 0);
  await clock.advance(1);
  const [error] = outcomes;
  assert.ok(error instanceof CodexdError);
  assert.deepEqual([error.code, error.detail], ["not_ready", { child: "starting" }]);
  const reason = "the app-server exited with code 1; it said: Error: no home";
  assert.equal(error.message, `the app-server is starting: ${reason}`);
});

test("without any error yet the sentence ends with the state", async () => {
  const { supervisor, clock } = createSupervisedChild();
  const waiting = assert.rejects(supervisor.ready(), { code: "not_ready", message: "the app-server is idle" });
  await clock.advance(LIMITS.childReadyWaitMs);
  await waiting;
});

test("those who wait are turned away when the child fails for good", async () => {
  const { supervisor, spawner } = createSupervisedChild();
  void supervisor.start();
  const waiting = assert.rejects(supervisor.ready(), {
    code: "child_failed", message: "the app-server cannot be started: /bin/codex could not be started: EACCES",
  });
  spawner.child.emitError(new Error("EACCES"));
  await waiting;
});

test("a stop turns away at once who waits and who comes, before the child has ended", async () => {
  const { supervisor, spawner, connect } = createSupervisedChild();
  void supervisor.start();
  const waiting = assert.rejects(supervisor.ready(), { code: "draining" });
  const stopping = supervisor.stop();
  await waiting;
  await connect();
  await assert.rejects(supervisor.ready(), { code: "draining" });
  spawner.child.die(0);
  await stopping;
  await assert.rejects(supervisor.ready(), { code: "draining" });
});

test("a handshake that is refused gives the child up and tries again", async () => {
  const { supervisor, spawner, clock, seen, event, downs } = createSupervisedChild();
  void supervisor.start();
  const { child } = spawner;
  child.emitSpawn();
  child.send({ id: 1, error: { code: -32_600, message: "too old" } });
  await settle();
  assert.equal(event("app-server.connect.failed")?.detail["reason"], "Codex refused initialize: too old");
  assert.deepEqual(child.signals, ["SIGTERM"]);
  child.die(null, "SIGTERM");
  assert.deepEqual(downs, [
    "the app-server was ended by SIGTERM (the handshake failed: Codex refused initialize: too old)",
  ]);
  assert.deepEqual(seen.slice(-4), ["status restarting", "child.exited", "down", "child.restarting"]);
  await clock.advance(LIMITS.childStopGraceMs);
  assert.deepEqual(child.signals, ["SIGTERM"]);
  assert.equal(spawner.children.length, 2);
});

test("a handshake that is never answered ends after its time, with SIGKILL where SIGTERM is not enough", async () => {
  const { supervisor, spawner, clock, event } = createSupervisedChild();
  void supervisor.start();
  const { child } = spawner;
  child.emitSpawn();
  await clock.advance(LIMITS.childInitializeMs - 1);
  assert.equal(event("app-server.connect.failed"), undefined);
  await clock.advance(1);
  assert.match(event("app-server.connect.failed")?.message ?? "", /did not answer initialize within 30000 ms/);
  assert.deepEqual(child.signals, ["SIGTERM"]);
  await clock.advance(LIMITS.childStopGraceMs);
  assert.deepEqual(child.signals, ["SIGTERM", "SIGKILL"]);
  child.die(null, "SIGKILL");
  assert.equal(supervisor.state.status, "restarting");
});

test("a Codex that tells no version runs all the same", async () => {
  const { supervisor, spawner, event } = createSupervisedChild();
  void supervisor.start();
  spawner.child.emitSpawn();
  spawner.child.answer("initialize", {});
  await settle();
  assert.deepEqual([supervisor.state.status, supervisor.version], ["running", null]);
  assert.equal(event("app-server.connected")?.message, "connected to Codex of unknown version");
  assert.deepEqual(["0.169.0", "codexd-agent/0.1.0"].map(peerName), ["Codex 0.169.0", "codexd-agent/0.1.0"]);
});

test("one that has closed its stdout is asked nothing more: who comes waits for the next", async () => {
  const { supervisor, spawner, clock, connect, seen } = createSupervisedChild();
  void supervisor.start();
  const child = await connect();
  child.stdout.end();
  assert.deepEqual([supervisor.current, supervisor.state.status], [undefined, "restarting"]);
  const waiting = supervisor.ready();
  await settle();
  child.emitExit(1);
  assert.deepEqual(seen.filter((what) => what === "status restarting"), ["status restarting"]);
  await clock.advance(250);
  assert.equal(spawner.children.length, 2);
  await connect();
  const server = await waiting;
  assert.deepEqual([server.generation, server], [2, supervisor.current]);
});
