// The event stream as a WebSocket: hello, events, and the conversation.
//
// Frames and slow readers are tested with ws-connection.ts; the event service is a double.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { makeEvent } from "../support/fake-events.ts";
import { connectWs, type TestWsClient } from "../support/ws-client.ts";

const EVENTS = "/v1/codexd/events";

function connect(edge: EdgeUnderTest, query = ""): Promise<TestWsClient> {
  return connectWs({ port: edge.port, path: EVENTS + query, token: TOKEN });
}

/** Past its hello. */
async function greeted(edge: EdgeUnderTest, query = ""): Promise<TestWsClient> {
  const client = await connect(edge, query);
  await client.next();
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("hello says where the stream stands and what there is, then events follow", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({}, {});
  const client = await connect(edge);
  const hello = await client.next() as Record<string, unknown>;
  assert.deepEqual(Object.keys(hello), ["type", "resume", "service", "snapshot", "recentEvents"]);
  assert.equal(hello["type"], "hello");
  assert.deepEqual(hello["resume"], { status: "live", oldestSeq: 1, headSeq: 2 });
  assert.equal((hello["service"] as { websocketClients: number }).websocketClients, 1);
  assert.deepEqual(hello["recentEvents"], [makeEvent(1)]);
  events.publish({ message: "é" }, {});
  events.heartbeat();
  assert.deepEqual(await client.next(), { type: "event", event: makeEvent(3, { message: "é" }) });
  assert.deepEqual(await client.next(), { type: "event", event: makeEvent(4) });
  assert.deepEqual(await client.next(), { type: "heartbeat", seq: 4 });
  assert.equal(edge.edge.websocketClients, 1);
  assert.deepEqual(await client.close(), { code: 1000, reason: "" });
  // It counts until its socket has gone, which is later.
  await until(() => edge.edge.websocketClients === 0);
  assert.equal(events.openCount, 0);
});

test("snapshot=0 leaves the snapshot out, and does not make one", async (t) => {
  const edge = await startEdge(t);
  const client = await connect(edge, "?snapshot=0");
  assert.deepEqual(Object.keys(await client.next() as object), ["type", "resume", "service"]);
  assert.deepEqual(edge.services.callsOf("status.snapshot"), []);
  client.destroy();
});

test("a cursor replays; an old one says gap, 0 never does", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({}, {}, {}, {});
  events.oldestSeq = 3;
  for (const [after, status, firstSeq] of [[3, "ok", 4], [2, "ok", 3], [1, "gap", 3], [0, "ok", 3]] as const) {
    const client = await connect(edge, `?after=${after}&snapshot=0`);
    const { resume } = await client.next() as { resume: object };
    assert.deepEqual(resume, { status, oldestSeq: 3, headSeq: 4 });
    assert.equal((await client.next() as { event: { seq: number } }).event.seq, firstSeq);
    client.destroy();
  }
});

test("filters of the query choose, one encoding a client", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  const some = await greeted(edge, "?session=a&type=turn.*,child.stdout");
  const all = await greeted(edge);
  events.publish({ detail: { sessionId: "b" } }, { detail: { sessionId: "a" } },
    { type: "turn.finished", detail: { sessionId: "a" } }, { type: "session.closed", detail: { sessionId: "a" } });
  const seqs = async (client: TestWsClient, count: number): Promise<number[]> => {
    const got: number[] = [];
    while (got.length < count) got.push((await client.next() as { event: { seq: number } }).event.seq);
    return got;
  };
  assert.deepEqual(await seqs(some, 2), [2, 3]);
  assert.deepEqual(await seqs(all, 4), [1, 2, 3, 4]);
  some.destroy();
  all.destroy();
});

test("hello waits until what it shows is in the journal, and so do answers", async (t) => {
  const edge = await startEdge(t);
  const ready = createDeferred<void>();
  edge.services.events.ready = ready.promise;
  const client = await connect(edge);
  client.send({ type: "ping" });
  await until(() => edge.services.callsOf("status.snapshot").length === 1);
  edge.services.events.publish({});
  await edge.ask({ path: "/healthz" });
  assert.deepEqual(client.received, []);
  ready.resolve();
  assert.equal((await client.next() as { type: string }).type, "hello");
  assert.deepEqual(await client.next(), { type: "pong" });
  client.destroy();
});

test("before hello a client may say a little, not much", async (t) => {
  const edge = await startEdge(t);
  const ready = createDeferred<void>();
  edge.services.events.ready = ready.promise;
  const modest = await connect(edge);
  const [talkative, wordy, brief] = [await connect(edge), await connect(edge), await connect(edge)];
  for (let i = 0; i < LIMITS.wsEarlyMessagesMax; i += 1) modest.send({ type: "ping" });
  for (let i = 0; i <= LIMITS.wsEarlyMessagesMax; i += 1) talkative.send({ type: "ping" });
  const ask = '{"type":"ping"}';
  brief.sendText(ask.padEnd(LIMITS.wsEarlyCharsMax));
  wordy.sendText(ask.padEnd(LIMITS.wsEarlyCharsMax - 1));
  wordy.sendText("{}");
  for (const { closed } of [talkative, wordy]) assert.equal((await closed).code, 1013);
  ready.resolve();
  for (const client of [modest, brief]) {
    await client.nextThat((message) => (message as { type: string }).type === "pong");
    client.destroy();
  }
});

test("a journal that cannot be waited for, or read, closes with 1011", async (t) => {
  const edge = await startEdge(t);
  const reading = await greeted(edge);
  edge.services.events.failStreams(new Error("unreadable"));
  assert.equal((await reading.closed).code, 1011);
  const ready = createDeferred<void>();
  edge.services.events.ready = ready.promise;
  const waiting = await connect(edge);
  ready.reject(new Error("broken"));
  assert.equal((await waiting.closed).code, 1011);
  edge.services.events.ready = Promise.resolve();
  edge.services.failures.set("status.snapshot", new Error("bug"));
  assert.equal((await (await connect(edge)).closed).code, 1011);
  await until(() => edge.services.events.openCount === 0);
});

test("one that retention has overtaken closes with 1013, and comes back to be told", async (t) => {
  const edge = await startEdge(t);
  const reading = await greeted(edge);
  edge.services.events.failStreams(new CodexdError("cursor_expired", "gone"));
  assert.deepEqual(await reading.closed, { code: 1013, reason: "slow_consumer" });
});

test("ping, status, and what is neither", async (t) => {
  const edge = await startEdge(t);
  const client = await greeted(edge);
  client.send({ type: "ping", id: 1 });
  assert.deepEqual(await client.next(), { type: "pong" });
  client.send({ type: "status" });
  const status = await client.next() as Record<string, unknown>;
  assert.deepEqual([status["type"], status["compat"]], ["status", "ok"]);
  for (const message of [{}, { type: "toString" }, { type: 1 }, { type: "hello" }]) {
    client.send(message);
    assert.deepEqual(await client.next(), { type: "error", message: "type: must be one of ping, status, subscribe" });
  }
  client.destroy();
});

test("many who ask for the status at once share one answer; one that fails says so", async (t) => {
  const edge = await startEdge(t);
  const client = await greeted(edge);
  edge.services.hold = createDeferred<void>();
  for (let i = 0; i < 3; i += 1) client.send({ type: "status" });
  await until(() => edge.services.callsOf("status.status").length === 1);
  client.send({ type: "ping" });
  assert.deepEqual(await client.next(), { type: "pong" });
  edge.services.hold.resolve();
  for (let i = 0; i < 3; i += 1) assert.equal((await client.next() as { type: string }).type, "status");
  assert.equal(edge.services.callsOf("status.status").length, 1);
  edge.services.failures.set("status.status", new CodexdError("timeout", "too slow"));
  client.send({ type: "status" });
  assert.deepEqual(await client.next(), { type: "error", error: "timeout", message: "too slow" });
  client.destroy();
});

test("subscribe changes what comes, and a wrong one leaves it as it was", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  const client = await greeted(edge);
  events.publish({ detail: { sessionId: "a" } }, { detail: { sessionId: "b" } });
  await client.next();
  await client.next();
  client.send({ type: "subscribe", after: 0, session: "a", types: ["child.*"] });
  assert.deepEqual(await client.next(), { type: "subscribed", resume: { status: "ok", oldestSeq: 1, headSeq: 2 } });
  assert.equal((await client.next() as { event: { seq: number } }).event.seq, 1);
  assert.equal(events.openCount, 1);
  client.send({ type: "subscribe", after: 99 });
  assert.equal((await client.next() as { error: string }).error, "cursor_ahead");
  client.send({ type: "subscribe", sesion: "a" });
  const unknown = await client.next() as { error: string; message: string; detail: object };
  assert.deepEqual([unknown.error, unknown.detail], ["bad_request", { field: "sesion" }]);
  events.publish({ detail: { sessionId: "b" } }, { detail: { sessionId: "a" } });
  assert.equal((await client.next() as { event: { seq: number } }).event.seq, 4);
  client.send({ type: "subscribe" });
  assert.equal((await client.next() as { resume: { status: string } }).resume.status, "live");
  assert.deepEqual(events.opened.at(-1)?.filter, { session: null, thread: null, run: null, types: null });
  client.destroy();
});

test("what is not a JSON object, or none that a body might be, closes with 4002", async (t) => {
  const edge = await startEdge(t);
  const [deep, proto] = ["[".repeat(64) + "]".repeat(64), '"__prot\\u006f__":1'];
  const long = `[${"0,".repeat(LIMITS.jsonElementsMax)}0]`;
  const others = [`"x":${deep}`, proto, `"x":${long}`].map((member) => `{"type":"ping",${member}}`);
  for (const text of ["", "ping", "[]", "1", "null", '"x"', "{", ...others]) {
    const client = await greeted(edge);
    client.sendText(text);
    assert.equal((await client.closed).code, 4002, text);
  }
  assert.equal((await edge.ask({ path: "/healthz" })).status, 200);
});

test("a new token closes with 4401 what the old one opened, and nothing on the Unix socket", async (t) => {
  const edge = await startEdge(t);
  const byToken = await greeted(edge);
  const unix = await connectWs({ socketPath: edge.socketPath, path: EVENTS });
  await unix.next();
  edge.edge.rotateToken("new");
  assert.deepEqual(await byToken.closed, { code: 4401, reason: "token_rotated" });
  const again = await connectWs({ port: edge.port, path: EVENTS, token: "new" });
  assert.equal((await again.next() as { type: string }).type, "hello");
  edge.services.events.publish({});
  assert.equal((await unix.next() as { type: string }).type, "event");
  unix.destroy();
  again.destroy();
});

test("nothing more is read for one that is being closed", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  const client = await greeted(edge);
  edge.edge.rotateToken("new");
  await events.drained();
  assert.equal(events.openCount, 0, "though its socket is still there");
  assert.equal((await client.closed).code, 4401);
});

test("subscribed waits for the journal, and is said of the newest subscription only", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  const client = await greeted(edge);
  const first = createDeferred<void>();
  const second = createDeferred<void>();
  events.ready = first.promise;
  client.send({ type: "subscribe", session: "a" });
  await until(() => events.opened.length === 2);
  events.ready = second.promise;
  client.send({ type: "subscribe", session: "b" });
  await until(() => events.opened.length === 3);
  first.resolve();
  client.send({ type: "ping" });
  assert.deepEqual(await client.next(), { type: "pong" }, "the first one was given up, the second still waits");
  second.resolve();
  assert.equal((await client.next() as { type: string }).type, "subscribed");
  events.publish({ detail: { sessionId: "a" } }, { detail: { sessionId: "b" } });
  assert.equal((await client.next() as { event: { seq: number } }).event.seq, 2);
  client.destroy();
});

test("a subscription whose journal cannot be waited for closes with 1011", async (t) => {
  const edge = await startEdge(t);
  const client = await greeted(edge);
  const ready = createDeferred<void>();
  edge.services.events.ready = ready.promise;
  client.send({ type: "subscribe" });
  ready.promise.catch(() => undefined);
  await until(() => edge.services.events.opened.length === 2);
  ready.reject(new Error("broken"));
  assert.equal((await client.closed).code, 1011);
});
