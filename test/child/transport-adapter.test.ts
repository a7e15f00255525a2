// An adapter of a program's own, seen through the client that codexd puts on it: calls, events, order, and its ends.
// The rules of calls stand in rpc-client.test.ts; here only what an adapter adds to them, or lacks.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppServerClientAdapter } from "../../src/child/adapter.ts";
import { CodexAppServerClient } from "../../src/child/app-server-client.ts";
import { createAdapterTransport } from "../../src/child/transport-adapter.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createBareChild, createFakeAdapter } from "../support/fake-adapter.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";
import { createFakeTransport } from "../support/fake-transport.ts";

type Create = () => AppServerClientAdapter | Promise<AppServerClientAdapter>;

function connect(create: Create, child = null as ReturnType<typeof createBareChild> | null) {
  const clock = createFakeClock();
  const told: unknown[] = [];
  const closeFailures: string[] = [];
  const transport = createAdapterTransport({
    create, child, onCloseFailed: (error) => closeFailures.push(String(error)),
  });
  const client = new CodexAppServerClient({
    clientInfo: { version: "1.0.0" }, transport, clock,
    handlers: {
      onNotification: (method, params, emittedAtMs) => told.push([method, params, emittedAtMs]),
      onRequest: (id, method, params) => told.push([id, method, params]),
      onNoise: (text) => told.push(text),
      onClose: (reason) => told.push(["closed", reason]),
    },
  });
  return { clock, told, client, closeFailures };
}

async function connected(members: Partial<AppServerClientAdapter> = {}) {
  const adapter = createFakeAdapter(members);
  const rig = connect(() => adapter);
  await rig.client.initialize();
  return { ...rig, adapter };
}

test("calls become calls of the adapter, results and errors come back, bare ids among them", async () => {
  const { client, adapter } = await connected({
    threadResume: () => ({ threadId: "t" }),
    turnSteer: () => {
      throw Object.assign(new Error("no active turn to steer"), { code: -32600 });
    },
    turnInterrupt: () => Promise.reject("plain words"),
  });
  assert.deepEqual(await client.threadStart({ cwd: "/x" }), { thread: { id: "thread-1" } });
  assert.deepEqual(await client.threadResume({ threadId: "t" }), { threadId: "t", thread: { id: "t" } });
  assert.deepEqual(adapter.calls, [["threadStart", { cwd: "/x" }]]);
  await assert.rejects(client.turnSteer({}), {
    code: "app_server_error", detail: { method: "turn/steer", code: -32600, message: "no active turn to steer" },
  });
  await assert.rejects(client.turnInterrupt({}), { code: "app_server_error", message: /plain words/ });
});

test("what an adapter lacks fails when it is asked for, by name; any other method needs its call", async () => {
  const lacking = await connected({ turnSteer: undefined as never, close: undefined as never });
  await assert.rejects(lacking.client.turnSteer({}), { code: "app_server_error", message: /no turnSteer\(\)/ });
  await assert.rejects(lacking.client.call("model/list", {}), { message: /no call\(\)/ });
  lacking.client.close();
  await lacking.client.closed;
  const bare = connect(() => ({}));
  assert.deepEqual(await bare.client.initialize(), { result: null, version: null });
  const able = await connected({ call: (method, params) => ({ method, params }) });
  assert.deepEqual(await able.client.call("model/list", { a: 1 }), { method: "model/list", params: { a: 1 } });
});

test("events are notifications, by their method or by their type, and are copied", async () => {
  const { adapter, told } = await connected();
  const turn = { id: "u", status: "completed", error: null };
  adapter.emit({ type: "turn.completed", threadId: "t", turn, notificationMethod: "turn/completed", emittedAtMs: 7 });
  turn.status = "changed later";
  adapter.emit({ type: "turn.reasoning.delta", threadId: "t", turnId: "u", itemId: "i", delta: "x",
    notificationMethod: "item/reasoning/textDelta" });
  adapter.emit({ type: "item.started", threadId: "t", turnId: "u", item: { id: "i" }, notificationMethod: "odd/one" });
  adapter.emit({ type: "notification", notificationMethod: "account/updated", params: { a: 1 } });
  adapter.emit({ type: "of.another.kind", b: 2 } as never);
  assert.deepEqual(told, [
    ["turn/completed", { threadId: "t", turn: { id: "u", status: "completed", error: null } }, 7],
    ["item/reasoning/textDelta", { threadId: "t", turnId: "u", itemId: "i", delta: "x" }, null],
    ["item/started", { threadId: "t", turnId: "u", item: { id: "i" } }, null],
    ["account/updated", { a: 1 }, null],
    ["of.another.kind", { b: 2 }, null],
  ]);
});

test("what is no event, or not JSON, is told as noise and harms nothing", async () => {
  const { adapter, told } = await connected();
  const circle: Record<string, unknown> = { type: "notification", notificationMethod: "x" };
  circle["params"] = circle;
  adapter.emit(circle as never);
  adapter.emit("text" as never);
  adapter.emit({ type: "notification", notificationMethod: "y" });
  assert.match(String(told[0]), /could not be taken: .*circular/);
  assert.match(String(told[1]), /without a type: "text"/);
  assert.deepEqual(told[2], ["y", {}, null]);
});

test("the first event of a new turn names it, before turnStart gives its result, or in its place", async () => {
  for (const first of ["turn.started", "turn.completed"] as const) {
    const { client, adapter, told } = await connected({
      turnStart() {
        adapter.emit({ type: "item.completed", threadId: "t", turnId: "old", item: { id: "late" } });
        adapter.emit({ type: first, threadId: "t", turn: { id: "new" } });
        return new Promise(() => undefined);
      },
    });
    adapter.emit({ type: "turn.completed", threadId: "t", turn: { id: "old" } });
    told.splice(0);
    await client.turnStart({ threadId: "t" }, { onResult: (result) => told.push(["named", result]) });
    const kinds = told.map((entry) => (entry as unknown[])[0]);
    assert.deepEqual(kinds, ["item/completed", "named", first.replace(".", "/")]);
    assert.deepEqual(told[1], ["named", { turn: { id: "new" } }]);
  }
});

test("turns that were told of are remembered up to their limit", async () => {
  const { adapter, client } = await connected({ turnStart: () => new Promise(() => undefined) });
  for (let i = 0; i <= LIMITS.adapterTurnsKept; i += 1) {
    adapter.emit({ type: "turn.started", threadId: "t", turn: { id: `turn-${i}` } });
  }
  const start = client.turnStart({ threadId: "t" });
  adapter.emit({ type: "turn.started", threadId: "t", turn: { id: "turn-1" } });
  assert.equal(client.underWay, 1, "the oldest of those that are kept is no new turn");
  adapter.emit({ type: "turn.started", threadId: "t", turn: { id: "turn-0" } });
  assert.deepEqual(await start, { turn: { id: "turn-0" } });
});

test("a factory that throws, rejects, gives nothing or never answers fails the handshake", async () => {
  const failing: Array<readonly [Create, RegExp]> = [
    [() => { throw new Error("no luck"); }, /no luck/],
    [() => Promise.reject(new Error("later no luck")), /later no luck/],
    [() => undefined as never, /gave no adapter/],
    [() => createFakeAdapter({ initialize: () => { throw new Error("who are you"); } }), /who are you/],
    [() => ({ events: { subscribe: () => { throw new Error("deaf"); } } }), /deaf/],
  ];
  for (const [create, message] of failing) await assert.rejects(connect(create).client.initialize(), { message });
  const { client, clock } = connect(() => new Promise(() => undefined));
  const refused = assert.rejects(client.initialize(), { code: "timeout" });
  await assert.rejects(client.threadStart({}), { message: /not there yet/ });
  await clock.advance(LIMITS.childInitializeMs);
  await refused;
});

test("a call that is never answered has its time limit; what cannot be JSON is its own error", async () => {
  const { client, clock } = await connected({
    threadStart: () => new Promise(() => undefined), threadResume: () => ({ big: 1n }),
  });
  const refused = assert.rejects(client.threadStart({}), { code: "timeout" });
  await assert.rejects(client.threadResume({}), { code: "app_server_error", message: /BigInt/ });
  await clock.advance(LIMITS.childCallMs);
  await refused;
});

test("a close waits for the adapter's own, ends stdin or the connection, and tells what failed", async () => {
  let ends = 0;
  const child = { ...createBareChild(), stdin: { write: () => true, end: () => void (ends += 1) } };
  const owned = connect(() => createFakeAdapter({ close: () => Promise.reject(new Error("stuck")) }), child);
  await owned.client.initialize();
  owned.client.close();
  owned.client.close();
  await settle();
  assert.deepEqual([ends, owned.closeFailures, owned.told], [1, ["Error: stuck"], []]);
  const { client, adapter, told } = await connected();
  client.close();
  await client.closed;
  assert.deepEqual([told, adapter.listening], [[["closed", null]], false]);
  adapter.emitTurn("t", "u", "x");
  await assert.rejects(client.call("a", {}), { code: "child_restarted" });
  assert.equal(told.length, 1);
});

test("an abort settles what is under way; an adapter that comes later is closed at once", async () => {
  const { client } = await connected({ threadStart: () => new Promise(() => undefined) });
  const refused = assert.rejects(client.threadStart({}), { code: "child_restarted" });
  client.abort();
  await refused;
  let closes = 0;
  let give: (adapter: AppServerClientAdapter) => void = () => undefined;
  const late = connect(() => new Promise((resolve) => (give = resolve)));
  late.client.abort();
  give(createFakeAdapter({ close: () => void (closes += 1) }));
  await settle();
  assert.equal(closes, 1);
});

test("an adapter that says it is closed ends the connection, with its reason", async () => {
  const resolved = await connected({ closed: settle() });
  await resolved.client.closed;
  const rejected = connect(() => createFakeAdapter({ closed: Promise.reject("line cut") }));
  await assert.rejects(rejected.client.initialize(), { code: "child_restarted" });
  assert.deepEqual(resolved.told, [["closed", null]]);
  assert.match(String((rejected.told[0] as unknown[])[1]), /line cut/);
});

test("subscriptions end by function or object; one that fails to is told, and none is fine", async () => {
  for (const end of [() => undefined, { unsubscribe: () => undefined }, undefined]) {
    const { client, closeFailures } = await connected({ events: { subscribe: () => end } });
    client.abort();
    assert.deepEqual(closeFailures, []);
  }
  const failing = await connected({ events: { subscribe: () => () => { throw new Error("held"); } } });
  failing.client.abort();
  assert.deepEqual(failing.closeFailures, ["Error: held"]);
});

test("pause and resume are the child's stdout's, where there is one", async () => {
  const seen: string[] = [];
  const bare = createBareChild();
  const stdout = Object.assign(bare.stdout, { pause: () => seen.push("pause"), resume: () => seen.push("resume") });
  const { client } = connect(() => createFakeAdapter(), { ...bare, stdout });
  client.pause();
  client.resume();
  assert.deepEqual(seen, ["pause", "resume"]);
  const { client: remote } = await connected();
  remote.pause();
  remote.resume();
});

test("codexd's own client is an adapter: questions pass through it, refusals keep Codex's words", async () => {
  const transport = createFakeTransport();
  const inner = new CodexAppServerClient({ clientInfo: { version: "2", name: "mine", title: "Mine" }, transport });
  const { client, told } = connect(() => inner);
  const ready = client.initialize();
  await settle();
  assert.deepEqual((transport.sent[0] as { params: { clientInfo: unknown } }).params.clientInfo, {
    name: "mine", title: "Mine", version: "2",
  });
  transport.receive({ id: 1, result: { userAgent: "x/0.169.0 (y)" } });
  assert.equal((await ready).version, "0.169.0");
  const resume = assert.rejects(client.threadResume({ threadId: "t" }), { detail: {
    method: "thread/resume", code: -32600, message: "no rollout found for thread",
  } });
  transport.receive({ id: 2, error: { code: -32600, message: "no rollout found for thread" } });
  await resume;
  transport.receive({ method: "turn/started", params: { threadId: "t", turn: { id: "u" } }, emittedAtMs: 5 });
  transport.receive({ method: "odd/method", params: { x: 1 } });
  transport.receive({ id: 9, method: "item/tool/call", params: { y: 1 } });
  assert.deepEqual(told, [
    ["turn/started", { threadId: "t", turn: { id: "u" } }, 5], ["odd/method", { x: 1 }, null],
    [9, "item/tool/call", { y: 1 }],
  ]);
  client.answer(9, { ok: true });
  client.refuse(10, -1, "no");
  await settle();
  assert.deepEqual(transport.sent.slice(-2), [
    { id: 9, result: { ok: true } }, { id: 10, error: { code: -1, message: "no" } },
  ]);
  inner.abort();
  await client.closed;
});
