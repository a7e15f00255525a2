// Calls and their outcomes: one each, whatever the peer answers, when, twice, or never.
//
// The number of calls has a file of its own, rpc-window.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRpcClient, type RpcClient, type RpcHandlers } from "../../src/child/rpc-client.ts";
import type { TransportHandlers } from "../../src/child/transport.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { createFakeClock, settle, type FakeClock } from "../support/fake-clock.ts";
import { createFakeTransport, type FakeTransport } from "../support/fake-transport.ts";

interface Rig {
  readonly rpc: RpcClient;
  readonly transport: FakeTransport;
  readonly clock: FakeClock;
  /** What the handlers and callers have seen, in order. */
  readonly seen: unknown[];
}

function rig(handlers: Partial<RpcHandlers> = {}): Rig {
  const transport = createFakeTransport();
  const clock = createFakeClock();
  const seen: unknown[] = [];
  const rpc = createRpcClient({
    transport,
    clock,
    handlers: {
      onNotification: (method, params, emittedAtMs) => seen.push(["notification", method, params, emittedAtMs]),
      onRequest: (id, method, params) => seen.push(["request", id, method, params]),
      onNoise: (text) => seen.push(["noise", text]),
      onClose: (reason) => seen.push(["close", reason?.message ?? null]),
      ...handlers,
    },
  });
  return { rpc, transport, clock, seen };
}

function rejectsWith(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof CodexdError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

test("a call is sent with an id of its own, and gets the result of its answer", async () => {
  const { rpc, transport } = rig();
  const calls = [rpc.call("a", { x: 1 }), rpc.call("b", {})];
  assert.deepEqual(transport.sent, [{ id: 1, method: "a", params: { x: 1 } }, { id: 2, method: "b", params: {} }]);
  assert.equal(rpc.underWay, 2);
  transport.receive({ id: 2, result: null });
  transport.receive({ id: 1, result: { first: true } });
  assert.deepEqual(await Promise.all(calls), [{ first: true }, null]);
  assert.equal(rpc.underWay, 0);
});

test("a refusal is told with its method before its caller hears of it; a result is not", async () => {
  const { rpc, transport, seen } = rig({ onRefused: (method, message) => seen.push(["refused", method, message]) });
  const calls = [rpc.call("a", {}), rpc.call("b", {}, { raw: true }), rpc.call("c", {})];
  const ends = Promise.allSettled(calls.map((call) => call.catch((error: unknown) => {
    seen.push("caller");
    throw error;
  })));
  transport.receive({ id: 2, error: { code: -32_600, message: "no b" } });
  transport.receive({ id: 1, error: { code: -32_600, message: "no a" } });
  transport.receive({ id: 1, error: { code: -32_600, message: "again" } });
  transport.receive({ id: 3, result: {} });
  assert.deepEqual((await ends).map(({ status }) => status), ["rejected", "rejected", "fulfilled"]);
  assert.deepEqual(seen, [["refused", "b", "no b"], ["refused", "a", "no a"], "caller", "caller"]);
});

test("a refusal carries Codex's code, message and what else it says", async () => {
  const { rpc, transport } = rig();
  const plain = rpc.call("turn/start", {});
  const more = rpc.call("turn/start", {});
  transport.receive({ id: 1, error: { code: -32_600, message: "thread not found: t" } });
  transport.receive({ id: 2, error: { code: -32_602, message: "too large", data: { max_chars: 5 } } });
  await rejectsWith(plain, "app_server_error", /^Codex refused turn\/start: thread not found: t$/);
  const detail = (error: CodexdError): unknown => error.detail;
  assert.deepEqual(await plain.catch(detail), {
    method: "turn/start", code: -32_600, message: "thread not found: t",
  });
  assert.deepEqual(await more.catch(detail), {
    method: "turn/start", code: -32_602, message: "too large", data: { max_chars: 5 },
  });
});

test("a server request is one although its id is 0, or that of a call under way", async () => {
  const { rpc, transport, seen } = rig();
  const call = rpc.call("a", {});
  transport.receive({ id: 0, method: "ask", params: { q: 1 } });
  transport.receive({ id: 1, method: "ask" });
  transport.receive({ id: "s", method: "ask", params: {} });
  assert.deepEqual(seen, [["request", 0, "ask", { q: 1 }], ["request", 1, "ask", {}], ["request", "s", "ask", {}]]);
  assert.equal(rpc.underWay, 1);
  transport.receive({ id: 1, result: "mine" });
  assert.equal(await call, "mine");
});

test("answers go back with the id and the type that came", () => {
  const { rpc, transport } = rig();
  rpc.answer(0, { decision: "decline" });
  rpc.answer("s", undefined);
  rpc.refuse(0, -32_601, "unsupported");
  rpc.notify("initialized");
  assert.deepEqual(transport.sent, [
    { id: 0, result: { decision: "decline" } },
    { id: "s", result: null },
    { id: 0, error: { code: -32_601, message: "unsupported" } },
    { method: "initialized" },
  ]);
});

test("notifications and noise reach their handlers, in order with all else", () => {
  const { transport, seen } = rig();
  transport.receive({ method: "m", params: { a: 1 }, emittedAtMs: 7 });
  transport.receiveText("Warning: not JSON");
  transport.receive({ method: "n" });
  assert.deepEqual(seen, [
    ["notification", "m", { a: 1 }, 7], ["noise", "Warning: not JSON"], ["notification", "n", {}, null],
  ]);
});

test("a result is told in the read loop, before the next message; the promise goes on later", async () => {
  const { rpc, transport, seen } = rig();
  const call = rpc.call("turn/start", {}, { onResult: (result) => seen.push(["result", result]) });
  const after = call.then(() => seen.push("continued"));
  transport.receive({ id: 1, result: { turn: { id: "u" } } });
  transport.receive({ method: "turn/started", params: {} });
  await after;
  assert.deepEqual(seen, [["result", { turn: { id: "u" } }], ["notification", "turn/started", {}, null], "continued"]);
});

test("onResult is not called for a refusal, a timeout or a close", async () => {
  const { rpc, transport, clock } = rig();
  const onResult = (): void => assert.fail("there is no result");
  const calls = [1, 2, 3].map((timeoutMs) => rpc.call("a", {}, { onResult, timeoutMs }));
  const ends = Promise.allSettled(calls);
  transport.receive({ id: 3, error: { code: 1, message: "no" } });
  await clock.advance(1);
  transport.end(null);
  assert.deepEqual((await ends).map(({ status }) => status), ["rejected", "rejected", "rejected"]);
});

test("a caller's own failure in onResult is that caller's alone", async () => {
  const { rpc, transport, seen } = rig();
  const call = rpc.call("a", {}, {
    onResult() {
      throw new TypeError("a bug");
    },
  });
  const other = rpc.call("b", {});
  transport.receive({ id: 1, result: 1 });
  transport.receive({ method: "m" });
  transport.receive({ id: 2, result: 2 });
  await assert.rejects(call, TypeError);
  assert.equal(await other, 2);
  assert.deepEqual(seen, [["notification", "m", {}, null]]);
  assert.equal(rpc.underWay, 0);
});

test("a second answer, one to nothing, and one of the wrong type are dropped", async () => {
  const { rpc, transport, seen } = rig();
  const call = rpc.call("a", {});
  transport.receive({ id: 99, result: "nobody's" });
  transport.receive({ id: 0, error: { code: 1, message: "nobody's" } });
  transport.receive({ id: "1", result: "a string" });
  transport.receive({ id: -1, result: "negative" });
  assert.equal(rpc.underWay, 1);
  transport.receive({ id: 1, result: "first" });
  transport.receive({ id: 1, result: "second" });
  transport.receive({ id: 1, error: { code: 1, message: "third" } });
  assert.equal(await call, "first");
  assert.deepEqual(seen, []);
});

test("a call that is never answered fails at its time limit, not before, and a late answer is dropped", async () => {
  const { rpc, transport, clock, seen } = rig();
  const call = rpc.call("turn/interrupt", {}, { timeoutMs: 100, onResult: () => seen.push("too late") });
  const outcome = call.catch((error: unknown) => seen.push((error as CodexdError).code));
  await clock.advance(99);
  assert.deepEqual(seen, []);
  await clock.advance(1);
  await outcome;
  assert.deepEqual(seen, ["timeout"]);
  assert.equal(rpc.underWay, 0);
  transport.receive({ id: 1, result: {} });
  await settle();
  assert.deepEqual(seen, ["timeout"]);
  await rejectsWith(call, "timeout", /^Codex did not answer turn\/interrupt within 100 ms$/);
});

test("an answer in time leaves no timer behind", async () => {
  const { rpc, transport, clock } = rig();
  const call = rpc.call("a", {});
  assert.deepEqual(clock.dueInMs, [60_000]);
  transport.receive({ id: 1, result: 1 });
  await call;
  assert.deepEqual(clock.dueInMs, []);
});

test("the close settles every call, sent or waiting, before it is told", async () => {
  let underWayAtClose = -1;
  const { rpc, transport, clock } = rig({ onClose: () => (underWayAtClose = rpc.underWay) });
  const calls = Array.from({ length: 70 }, (_, i) => rpc.call(`m${i}`, {}));
  const ends = Promise.allSettled(calls);
  transport.end(new Error("gone"));
  transport.end(null);
  assert.equal(underWayAtClose, 0);
  for (const [i, end] of (await ends).entries()) {
    assert.ok(end.status === "rejected");
    assert.equal((end.reason as CodexdError).code, "child_restarted");
    assert.match((end.reason as CodexdError).message, new RegExp(`before it answered m${i}$`));
  }
  assert.equal(transport.sent.length, 64);
  assert.deepEqual(clock.dueInMs, []);
});

test("a call after the close fails at once, and nothing is sent any more", async () => {
  const { rpc, transport, seen } = rig();
  transport.end(new Error("gone"));
  await rejectsWith(rpc.call("a", {}), "child_restarted", /before it answered a$/);
  rpc.notify("n");
  assert.deepEqual(transport.sent, []);
  assert.deepEqual(seen, [["close", "gone"]]);
});

test("a transport of a stranger's: it answers before it returns, throws, promises, or has no abort", async () => {
  const clock = createFakeClock();
  const closes: unknown[] = [];
  let handlers: TransportHandlers | undefined;
  const rpc = createRpcClient({
    clock,
    handlers: {
      onNotification: () => undefined, onRequest: () => undefined, onNoise: () => undefined,
      onClose: (reason) => closes.push(reason),
    },
    transport: {
      async connect(given) {
        handlers = given;
      },
      send(text) {
        const { id, method } = JSON.parse(text) as { id: number; method: string };
        if (method === "broken") throw new Error("not connected");
        handlers?.onMessage(JSON.stringify({ id, result: method }));
      },
      close: () => undefined,
    },
  });
  await rpc.connected;
  assert.equal(await rpc.call("at once", {}), "at once");
  assert.deepEqual(clock.dueInMs, [], "no timer is left behind");
  await assert.rejects(rpc.call("broken", {}), { code: "app_server_error", message: /not connected/ });
  assert.deepEqual([rpc.underWay, clock.dueInMs], [0, []]);
  rpc.giveUp();
  rpc.giveUp();
  assert.deepEqual(closes, [null]);
});
