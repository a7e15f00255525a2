// CodexdDaemon as a program embeds it: bare children, adapters, and the order of starts and stops.
//
// Real files, and everything else by hand: what a test brings is as little as a program may.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import type { AppServerClientFactory } from "../src/child/adapter.ts";
import type { CodexdConfigInput } from "../src/config.ts";
import type { CodexdEvent } from "../src/core/event.ts";
import { LIMITS } from "../src/core/limits.ts";
import { CodexdDaemon } from "../src/daemon.ts";
import type { CodexdDaemonOptions } from "../src/daemon-options.ts";
import { CodexdLocalService } from "../src/local-service.ts";
import { configure, endBefore, workDir } from "./support/daemon-dir.ts";
import { createBareChild, createFakeAdapter, factoryOf, spawnerOf, type BareChild } from "./support/fake-adapter.ts";
import { createFakeClock } from "./support/fake-clock.ts";

const EXTERNAL = { serverStrategy: "external", serverEndpoint: "ws://127.0.0.1:9" } as const;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

function embed(t: TestContext, options: CodexdDaemonOptions, input: CodexdConfigInput = {}) {
  const dir = workDir(t);
  const events: CodexdEvent[] = [];
  const daemon = new CodexdDaemon(configure(dir, input), { onEvent: (event) => events.push(event), ...options });
  endBefore(dir, () => daemon.stop());
  return { daemon, events };
}

test("an adapter without a process: sessions and turns, also one that is over before turnStart answers", async (t) => {
  const adapter = createFakeAdapter();
  const contexts: unknown[] = [];
  const appServerClientFactory: AppServerClientFactory = {
    async create(context) {
      contexts.push(context.child);
      return adapter;
    },
  };
  const spawner = { spawn: () => assert.fail("nothing is to be spawned") };
  const { daemon, events } = embed(t, { appServerClientFactory, spawner }, EXTERNAL);
  await daemon.start();
  const session = await daemon.createSession({});
  assert.equal(session.threadId, "thread-1");
  const { turn } = await daemon.createTurn({ sessionId: session.sessionId, prompt: "x", waitMs: 10_000 });
  assert.deepEqual([turn?.status, turn?.finalMessage, turn?.turnId], ["completed", "done", "turn-1"]);
  const again = await daemon.createTurn({ sessionId: session.sessionId, prompt: "y", waitMs: 10_000 });
  assert.equal(again.turn?.turnId, "turn-2", "the session is not busy");
  assert.equal(daemon.getStatusSnapshot().daemon.child.status, "external");
  assert.deepEqual(contexts, [null]);
  await daemon.stop();
  assert.equal(adapter.listening, false);
  const types = events.map(({ type }) => type);
  assert.ok(types.indexOf("turn.accepted") < types.indexOf("app-server.turn.started"), types.join());
  assert.ok(types.indexOf("app-server.turn.completed") < types.indexOf("turn.finished"), types.join());
});

test("an adapter on a bare child, which never says that it was spawned", async (t) => {
  const child = createBareChild();
  const children: unknown[] = [];
  const adapter = createFakeAdapter({ close: () => child.emit("exit", 0, null) });
  const { daemon, events } = embed(t, {
    spawner: spawnerOf(child),
    appServerClientFactory: { create: (context) => { children.push(context.child); return adapter; } },
  });
  const { daemon: state } = await daemon.start();
  assert.deepEqual([state.child.pid, children], [4711, [child]]);
  const { sessionId } = await daemon.createSession({});
  assert.equal((await daemon.createTurn({ sessionId, prompt: "x", waitMs: 0 })).turn?.status, "completed");
  await daemon.stop();
  assert.deepEqual(child.signals, []);
  assert.equal(events.find(({ type }) => type === "child.exited")?.detail["exitCode"], 0);
});

test("an adapter that lacks a method says so where it is needed", async (t) => {
  const adapter = createFakeAdapter({ turnStart: () => ({ turn: { id: "t1" } }) });
  delete (adapter as { turnInterrupt?: unknown }).turnInterrupt;
  delete (adapter as { turnSteer?: unknown }).turnSteer;
  const { daemon } = embed(t, { appServerClientFactory: factoryOf(adapter) }, EXTERNAL);
  await daemon.start();
  const { sessionId } = await daemon.createSession({});
  const { turnId } = await daemon.createTurn({ sessionId, prompt: "x" });
  assert.equal(turnId, "t1");
  await assert.rejects(daemon.createTurn({ sessionId, prompt: "more", expectedTurnId: "t1" }), {
    code: "app_server_error", message: /no turnSteer\(\)/,
  });
  adapter.emitTurn("thread-1", "t1", "over");
  assert.equal((await daemon.getTurn("t1")).status, "completed");
});

test("an adapter that tells deltas and no items has answered with them", async (t) => {
  const adapter = createFakeAdapter({ turnStart: () => ({ turn: { id: "t1" } }) });
  const { daemon } = embed(t, { appServerClientFactory: factoryOf(adapter) }, EXTERNAL);
  await daemon.start();
  const { sessionId } = await daemon.createSession();
  await daemon.createTurn({ sessionId, prompt: "x" });
  for (const delta of ["in ", "pieces"]) {
    adapter.emit({ type: "turn.message.delta", threadId: "thread-1", turnId: "t1", itemId: "m", delta });
  }
  adapter.emit({ type: "turn.completed", threadId: "thread-1", turn: { id: "t1", status: "completed", error: null } });
  assert.equal((await daemon.getTurn("t1")).finalMessage, "in pieces");
});

test("a close of the adapter that fails is an event", async (t) => {
  const adapter = createFakeAdapter({ close: () => Promise.reject(new Error("stuck")) });
  const { daemon, events } = embed(t, { appServerClientFactory: factoryOf(adapter) }, EXTERNAL);
  await daemon.start();
  await daemon.createSession({});
  await daemon.stop();
  assert.equal(events.find(({ type }) => type === "app-server.close.failed")?.message, "stuck");
});

/** Lets time pass until `work` is over. */
async function passTime<T>(clock: ReturnType<typeof createFakeClock>, work: Promise<T>): Promise<T> {
  let over = false;
  const watched = work.finally(() => (over = true));
  while (!over) await clock.advance(LIMITS.childStopGraceMs);
  return watched;
}

test("a bare child that never answers: start resolves, readiness says why, stop ends it", async (t) => {
  const ways: Array<readonly [string, (child: BareChild) => void, string[]]> = [
    ["it obeys SIGTERM", (child) => child.emit("exit", null, "SIGTERM"), ["SIGTERM"]],
    ["it never tells its exit", () => undefined, ["SIGTERM", "SIGKILL"]],
  ];
  for (const [name, onKill, signals] of ways) {
    const child = createBareChild(onKill);
    const clock = createFakeClock();
    const { daemon } = embed(t, { spawner: spawnerOf(child), clock });
    await daemon.start();
    const { ready, reasons } = daemon.services.status.readiness();
    assert.deepEqual([ready, reasons], [false, ["the app-server is starting"]], name);
    const stopped = await passTime(clock, daemon.stop());
    assert.deepEqual([stopped.daemon.child.status, child.signals], ["stopped", signals], name);
  }
});

test("a bare child that fails later, without a word that it was spawned, is a failed start", async (t) => {
  const child = createBareChild();
  const { daemon } = embed(t, { spawner: spawnerOf(child) });
  await daemon.start();
  child.emit("error", Object.assign(new Error("spawn ENOENT"), { code: "ENOENT" }));
  assert.equal(daemon.getStatusSnapshot().daemon.child.status, "failed");
});

test("a stop before a start, a second start, a second stop, and a start again", async (t) => {
  const { daemon, events } = embed(t, { appServerClientFactory: factoryOf(createFakeAdapter()) }, EXTERNAL);
  const unstarted = await daemon.stop();
  assert.deepEqual([unstarted.identity.daemonId, unstarted.daemon.started], ["", false]);
  const [one, two] = await Promise.all([daemon.start(), daemon.start()]);
  assert.equal(one.identity.daemonId, two.identity.daemonId);
  assert.equal((await daemon.start()).daemon.started, true);
  const { sessionId } = await daemon.registerSession({ purpose: "worker", metadata: { a: "b" } });
  assert.deepEqual(daemon.listSessions().map((session) => session.sessionId), [sessionId]);
  const [first, second] = await Promise.all([daemon.stop(), daemon.stop()]);
  assert.equal(first, second);
  assert.deepEqual(await daemon.stop(), first);
  // A start during a stop waits for it; a stop during a start ends what has been started.
  await daemon.start();
  const stopping = daemon.stop();
  const starting = daemon.start();
  const ending = daemon.stop();
  await Promise.all([stopping, starting, ending].map((work) => work.catch(() => undefined)));
  await daemon.stop();
  assert.equal(daemon.getStatusSnapshot().daemon.started, false);
  const told = events.map(({ type }) => type).filter((type) => type.startsWith("daemon."));
  assert.deepEqual(new Set(told.filter((_, i) => i % 2 === 0)), new Set(["daemon.started"]));
  assert.equal(told.at(-1), "daemon.stopped");
});

test("a listener from before the first start hears all; what is known can be read at any time", async (t) => {
  const { daemon } = embed(t, { appServerClientFactory: factoryOf(createFakeAdapter()) }, EXTERNAL);
  const heard: string[] = [];
  const subscription = daemon.subscribe(({ type }) => heard.push(type));
  assert.deepEqual([daemon.getSession("x"), daemon.getRun("x"), daemon.listSessions(), daemon.listRuns()],
    [null, null, [], []]);
  await assert.rejects(daemon.createRun({ prompt: "x" }), { code: "draining" });
  await daemon.start();
  const { sessionId } = await daemon.createSession();
  assert.equal((await daemon.createTurn({ sessionId, prompt: "x", waitMs: 10_000 })).accepted, true);
  await daemon.stop();
  assert.equal(daemon.getSession(sessionId)?.lastTurnStatus, "completed");
  assert.equal(daemon.listSessions().length, 1);
  await daemon.start();
  subscription.unsubscribe();
  await daemon.stop();
  const daemonEvents = heard.filter((type) => type.startsWith("daemon."));
  assert.deepEqual(daemonEvents, ["daemon.started", "daemon.stopped", "daemon.started"]);
});

test("a child that answers and never says that it was spawned has started, with a pid before that", async (t) => {
  const started = "child.started";
  const connected = "app-server.connected";
  // Without a pid its failure may still be on its way when it is first heard.
  for (const [pid, expected] of [[4711, [started, connected]], [undefined, [connected, started]]] as const) {
    const child = { ...createBareChild(), pid };
    const adapter = createFakeAdapter({ close: () => child.emit("exit", 0, null) });
    const { daemon, events } = embed(t, { spawner: spawnerOf(child), appServerClientFactory: factoryOf(adapter) });
    await daemon.start();
    await daemon.createSession();
    await daemon.stop();
    const order = events.map(({ type }) => type).filter((type) => type === started || type === connected);
    assert.deepEqual(order, expected);
  }
});

test("the errors of listeners, also later ones, reach nobody; now() is the time of records", async (t) => {
  const { daemon, events } = embed(t, {
    appServerClientFactory: factoryOf(createFakeAdapter()), now: () => "2026-01-02T03:04:05.000Z",
  }, EXTERNAL);
  await daemon.start();
  daemon.subscribe(async () => Promise.reject(new Error("later")));
  daemon.subscribe(() => { throw new Error("at once"); });
  await daemon.createSession({});
  await daemon.stop();
  assert.deepEqual(new Set(events.map(({ createdAt }) => createdAt)), new Set(["2026-01-02T03:04:05.000Z"]));
});

test("a service around it gives its status before, during and after", async (t) => {
  const dir = workDir(t);
  const options = { appServerClientFactory: factoryOf(createFakeAdapter()) };
  const service = new CodexdLocalService(configure(dir, EXTERNAL), options);
  endBefore(dir, () => service.stop());
  assert.equal(service.getStatus().service.listening, false);
  const { service: edge } = await service.start();
  assert.equal(edge.listening, true);
  await until(() => service.getStatus().snapshot.daemon.child.status === "external");
  assert.equal((await service.start()).service.resolvedBaseUrl, edge.resolvedBaseUrl, "a second start joins");
  await service.stop();
  assert.equal(service.getStatus().service.listening, false);
  assert.equal((await service.stop()).daemon.started, false);
});
