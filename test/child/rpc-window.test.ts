// The window: how many calls are under way, how many wait, and what lets the next one in.
//
// What a single call goes through stands in rpc-client.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRpcClient, type RpcClient } from "../../src/child/rpc-client.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock, settle, type FakeClock } from "../support/fake-clock.ts";
import { createFakeTransport, type FakeTransport } from "../support/fake-transport.ts";

function rig(bounds: { callsMax?: number; waitingMax?: number } = {}): {
  rpc: RpcClient; transport: FakeTransport; clock: FakeClock; call(count: number): Promise<unknown>[];
} {
  const transport = createFakeTransport();
  const clock = createFakeClock();
  const ignore = (): void => undefined;
  const handlers = { onNotification: ignore, onRequest: ignore, onNoise: ignore, onClose: ignore };
  const rpc = createRpcClient({ transport, clock, handlers, ...bounds });
  const call = (count: number): Promise<unknown>[] =>
    Array.from({ length: count }, () => rpc.call("m", {}).catch((error: unknown) => (error as CodexdError).code));
  return { rpc, transport, clock, call };
}

test("64 calls are under way at most; the 65th is sent when one of them has its answer", async () => {
  const { rpc, transport, call } = rig();
  const calls = call(LIMITS.childCallsMax + 2);
  assert.equal(transport.sent.length, 64);
  assert.equal(rpc.underWay, 64);
  transport.receive({ id: 40, result: "done" });
  assert.equal(transport.sent.length, 65);
  assert.equal(transport.sent[64]?.id, 65);
  transport.receive({ id: 7, error: { code: 1, message: "no" } });
  assert.equal(transport.sent.length, 66);
  assert.equal(rpc.underWay, 64);
  assert.deepEqual([await calls[39], await calls[6]], ["done", "app_server_error"]);
});

test("one call less than the window leaves a place", () => {
  const { transport, call } = rig();
  void call(63);
  assert.equal(transport.sent.length, 63);
  void call(1);
  assert.equal(transport.sent.length, 64);
});

test("calls that are never answered give their places up at their time limit", async () => {
  const { rpc, transport, clock, call } = rig({ callsMax: 2 });
  const calls = call(2);
  await clock.advance(1);
  calls.push(...call(3));
  await clock.advance(LIMITS.childCallMs - 2);
  assert.equal(transport.sent.length, 2);
  await clock.advance(1);
  assert.equal(transport.sent.length, 4);
  assert.deepEqual(await Promise.all(calls.slice(0, 2)), ["timeout", "timeout"]);
  transport.receive({ id: 3, result: 3 });
  transport.receive({ id: 4, result: 4 });
  transport.receive({ id: 5, result: 5 });
  assert.deepEqual(await Promise.all(calls.slice(2)), [3, 4, 5]);
  assert.equal(rpc.underWay, 0);
});

test("the time limit of a call runs while it waits, and one whose time is over is never sent", async () => {
  const { rpc, transport, clock, call } = rig({ callsMax: 1 });
  const calls = call(3);
  await clock.advance(LIMITS.childCallMs - 1);
  transport.receive({ id: 1, result: 1 });
  assert.equal(await calls[0], 1);
  await clock.advance(1);
  assert.deepEqual(await Promise.all(calls.slice(1)), ["timeout", "timeout"]);
  assert.equal(transport.sent.length, 2);
  assert.equal(rpc.underWay, 0);
});

test("a late answer frees no place twice", async () => {
  const { transport, clock, call } = rig({ callsMax: 1 });
  void call(1);
  await clock.advance(1);
  void call(2);
  await clock.advance(LIMITS.childCallMs - 1);
  assert.equal(transport.sent.length, 2);
  transport.receive({ id: 1, result: "late" });
  assert.equal(transport.sent.length, 2);
});

test("1024 calls wait at most; the next one is refused at once and never sent", async () => {
  const { transport, call } = rig();
  void call(LIMITS.childCallsMax + LIMITS.childCallsWaitingMax);
  const [refused] = call(1);
  assert.equal(await refused, "not_ready");
  transport.receive({ id: 1, result: 1 });
  assert.equal(transport.sent.length, 65);
  const [waits] = call(1);
  let settled = false;
  void waits?.then(() => (settled = true));
  await settle();
  assert.equal(settled, false);
});

test("waiting calls are sent in the order they were made, also when a result makes new ones", () => {
  const { rpc, transport } = rig({ callsMax: 1 });
  const again = (): void => void rpc.call("third", {});
  void rpc.call("first", {}, { onResult: again });
  void rpc.call("second", {});
  transport.receive({ id: 1, result: 1 });
  transport.receive({ id: 2, result: 2 });
  assert.deepEqual(transport.sent.map(({ method }) => method), ["first", "second", "third"]);
});
