// The app-server's client: the handshake, its named methods, and the answer to what nobody handles.
//
// The rules of calls stand in rpc-client.test.ts; here only what this client adds to them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { CodexAppServerClient } from "../../src/child/app-server-client.ts";
import { initializeParams } from "../../src/codex/methods.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";
import { createFakeTransport } from "../support/fake-transport.ts";

function rig() {
  const transport = createFakeTransport();
  const clock = createFakeClock();
  const client = new CodexAppServerClient({ clientInfo: { version: "0.1.0" }, transport, clock });
  return { client, transport, clock };
}

test("nothing is sent before the handshake; initialized follows its answer", async () => {
  const { client, transport } = rig();
  assert.equal(transport.sent.length, 0);
  const handshake = client.initialize();
  assert.deepEqual(transport.sent, [{ id: 1, method: "initialize", params: initializeParams("0.1.0") }]);
  const result = { userAgent: "baa-conductor-codexd/0.169.0 (Debian)" };
  transport.receive({ id: 1, result });
  assert.deepEqual(await handshake, { result, version: "0.169.0" });
  assert.deepEqual(transport.sent.slice(1), [{ method: "initialized" }]);
});

test("a handshake that is refused, or not answered in its time, fails, and initialized is not sent", async () => {
  const { client, transport, clock } = rig();
  const refused = client.initialize();
  transport.receive({ id: 1, error: { code: -32_600, message: "Already initialized" } });
  await assert.rejects(refused, { code: "app_server_error" });
  const silent = assert.rejects(client.initialize(), { code: "timeout" });
  await clock.advance(LIMITS.childInitializeMs);
  await silent;
  assert.deepEqual(transport.sent.map(({ method }) => method), ["initialize", "initialize"]);
});

test("each named method is the app-server's, with its parameters and options", async () => {
  const { client, transport, clock } = rig();
  const methods = [
    ["threadStart", "thread/start"], ["threadResume", "thread/resume"], ["turnStart", "turn/start"],
    ["turnSteer", "turn/steer"], ["turnInterrupt", "turn/interrupt"],
  ] as const;
  for (const [i, [name, method]] of methods.entries()) {
    const results: unknown[] = [];
    const call = client[name]({ n: i }, { timeoutMs: 5, onResult: (result) => results.push(result) });
    assert.deepEqual(transport.sent.at(-1), { id: i + 1, method, params: { n: i } });
    assert.equal(client.underWay, 1);
    transport.receive({ id: i + 1, result: i });
    assert.equal(await call, i);
    assert.deepEqual(results, [i]);
  }
  const other = assert.rejects(client.call("model/list", {}, { timeoutMs: 5 }), { code: "timeout" });
  await clock.advance(5);
  await other;
});

test("without handlers a server request is refused, and all else is let pass", () => {
  const { client, transport } = rig();
  transport.receive({ id: 0, method: "item/commandExecution/requestApproval", params: {} });
  transport.receive({ method: "turn/started", params: {} });
  transport.receiveText("noise");
  assert.deepEqual(transport.sent, [{ id: 0, error: { code: -32_601, message: "unsupported" } }]);
  transport.end(null);
  assert.equal(client.underWay, 0);
});

test("handlers get what they are for, and answers go out", () => {
  const transport = createFakeTransport();
  const seen: unknown[] = [];
  const client = new CodexAppServerClient({
    clientInfo: { version: "1" },
    transport,
    handlers: {
      onRequest: (id) => client.answer(id, { decision: "decline" }),
      onNotification: (method) => seen.push(method),
      onNoise: (text) => seen.push(text),
      onClose: (reason) => seen.push(reason),
    },
  });
  transport.receive({ id: 0, method: "ask" });
  transport.receive({ method: "told" });
  transport.receiveText("noise");
  transport.end(null);
  assert.deepEqual(transport.sent, [{ id: 0, result: { decision: "decline" } }]);
  assert.deepEqual(seen, ["told", "noise", null]);
});

test("an abort settles every call before it returns", async () => {
  const { client, transport } = rig();
  const call = assert.rejects(client.call("a", {}), { code: "child_restarted" });
  client.abort();
  assert.equal(client.underWay, 0);
  await call;
  assert.deepEqual(transport.asked, ["abort"]);
});

test("pause, resume and close are passed on, also to a transport that cannot pause", () => {
  const { client, transport } = rig();
  client.pause();
  client.resume();
  client.close();
  assert.deepEqual(transport.asked, ["pause", "resume", "close"]);
  const { pause: _, resume: __, ...plain } = createFakeTransport();
  const simple = new CodexAppServerClient({ clientInfo: { version: "1" }, transport: plain });
  simple.pause();
  simple.resume();
});

test("events and questions are told to all who listen, until they leave; a listener's error is its own", async () => {
  const { client, transport } = rig();
  const told: unknown[] = [];
  const failing = client.events.subscribe(() => { throw new Error("a listener's own"); });
  const listening = client.events.subscribe((event) => told.push(event));
  transport.receive({ method: "turn/completed", params: { threadId: "t", turn: { id: "u" } } });
  transport.receive({ method: "odd", params: { a: 1 }, emittedAtMs: 3 });
  assert.deepEqual(told, [
    { type: "turn.completed", threadId: "t", turn: { id: "u" }, notificationMethod: "turn/completed" },
    { type: "notification", notificationMethod: "odd", emittedAtMs: 3, params: { a: 1 } },
  ]);
  failing.unsubscribe();
  listening.unsubscribe();
  transport.receive({ method: "odd", params: {} });
  assert.equal(told.length, 2);
  const asked: unknown[] = [];
  const asking = client.requests.subscribe((request) => asked.push(request));
  transport.receive({ id: 5, method: "item/tool/call", params: {} });
  assert.deepEqual([...asked, ...transport.sent], [{ id: 5, method: "item/tool/call", params: {} }]);
  asking.unsubscribe();
  transport.receive({ id: 6, method: "item/tool/call", params: {} });
  assert.equal(transport.sent[0]?.id, 6);
});

test("the handshake waits for a transport that connects later; one without abort is closed and given up", async () => {
  const transport = createFakeTransport();
  const connected = createDeferred<void>();
  const { abort: _, ...rest } = transport;
  const later = {
    ...rest,
    connect(handlers: Parameters<typeof transport.connect>[0]) {
      void transport.connect(handlers);
      return connected.promise;
    },
  };
  const client = new CodexAppServerClient({ clientInfo: { version: "1" }, transport: later });
  const ready = assert.rejects(client.initialize(), { code: "child_restarted" });
  assert.equal(transport.sent.length, 0);
  connected.resolve();
  await settle();
  assert.equal(transport.sent[0]?.method, "initialize");
  client.abort();
  await Promise.all([ready, client.closed]);
  assert.deepEqual(transport.asked, ["close"]);
});
