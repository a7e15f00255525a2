// Calls whose result is wanted as text: unparsed where it comes as app-servers write it, and never half of one.
// The forms themselves stand in protocol/raw-result.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppServerClientAdapter } from "../../src/child/adapter.ts";
import { CodexAppServerClient } from "../../src/child/app-server-client.ts";
import { createRpcClient, type RpcClient } from "../../src/child/rpc-client.ts";
import { createAdapterTransport } from "../../src/child/transport-adapter.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { createFakeTransport, type FakeTransport } from "../support/fake-transport.ts";

interface Rig {
  readonly rpc: RpcClient;
  readonly transport: FakeTransport;
  readonly clock: FakeClock;
  readonly seen: string[];
}

function rig(): Rig {
  const transport = createFakeTransport();
  const clock = createFakeClock();
  const seen: string[] = [];
  const rpc = createRpcClient({
    transport,
    clock,
    handlers: {
      onNotification: (method) => seen.push(method),
      onRequest: (_, method) => seen.push(method),
      onNoise: (text) => seen.push(`noise ${text.slice(0, 40)}`),
      onClose: () => seen.push("close"),
    },
  });
  return { rpc, transport, clock, seen };
}

const TEXT = '{"n":1.0,"id":12345678901234567890,"z":[ ],"a":"\\u00e9"}';

test("the result comes as it was written; what others call is parsed as ever", async () => {
  const { rpc, transport, seen } = rig();
  const told: unknown[] = [];
  const raw = rpc.call("thread/read", {}, { raw: true, onResult: (result) => told.push(result) });
  const plain = rpc.call("thread/read", {});
  transport.receiveText(`{"id":2,"result":${TEXT}}`);
  transport.receiveText(`{"id":1,"result":${TEXT}}`);
  transport.receive({ method: "after", params: {} });
  assert.deepEqual(await plain, JSON.parse(TEXT));
  assert.equal(await raw, TEXT);
  assert.deepEqual([told, seen, rpc.underWay], [[TEXT], ["after"], 0]);
});

test("an answer in any other form is parsed and written anew", async () => {
  const { rpc, transport } = rig();
  const forms = ['{"result":{"b": 1.0},"id":1}', '{ "id": 2, "result": null }', '{"id":3,"result":{},"more":1}'];
  const calls = forms.map(() => rpc.call("m", {}, { raw: true }));
  for (const line of forms) transport.receiveText(line);
  assert.deepEqual(await Promise.all(calls), ['{"b":1}', "null", "{}"]);
});

test("a refusal is one for a raw call too, and a second answer is dropped", async () => {
  const { rpc, transport } = rig();
  const [first, second] = [rpc.call("nope", {}, { raw: true }), rpc.call("m", {}, { raw: true })];
  transport.receiveText('{"error":{"code":-32600,"message":"no such method"},"id":1}');
  transport.receiveText('{"id":1,"result":"late"}');
  transport.receiveText('{"id":2,"result":"mine"}');
  transport.receiveText('{"id":2,"result":"again"}');
  await assert.rejects(first, { code: "app_server_error", message: "Codex refused nope: no such method" });
  assert.equal(await second, '"mine"');
});

test("a cut line is no success: it is noise, and the call waits for its end", async () => {
  const { rpc, transport, clock, seen } = rig();
  const late = assert.rejects(rpc.call("m", {}, { raw: true, timeoutMs: 50 }), { code: "timeout" });
  const cut = assert.rejects(rpc.call("m", {}, { raw: true }), { code: "child_restarted" });
  transport.receiveText('{"id":1,"result":{"a":{"b":1}}');
  transport.receiveText('{"id":2,"result":{"a":1}}warning: x');
  assert.equal(seen.length, 2);
  await clock.advance(50);
  await late;
  transport.end(null);
  await cut;
});

test("a result as large as a line may be passes, between other traffic", async () => {
  const { rpc, transport, seen } = rig();
  const value = `{"text":"${"x".repeat(LIMITS.childLineBytesMax - 100)}"}`;
  const call = rpc.call("thread/read", {}, { raw: true });
  transport.receive({ method: "before", params: {} });
  transport.receiveText(`{"id":1,"result":${value}}`);
  transport.receive({ method: "after", params: {} });
  assert.ok((await call) === value);
  assert.deepEqual(seen, ["before", "after"]);
});

test("an answer that is too long fails its call alone, and one to nobody is left out", async () => {
  const { rpc, transport, clock, seen } = rig();
  const late = assert.rejects(rpc.call("late", {}, { timeoutMs: 50 }), { code: "timeout" });
  await clock.advance(50);
  await late;
  const [raw, plain, other] = [rpc.call("raw", {}, { raw: true }), rpc.call("plain", {}), rpc.call("other", {})];
  const limit = LIMITS.childLineBytesMax;
  const message = `Codex answered raw with more than ${limit} bytes, which is the most that codexd takes`;
  const refused = assert.rejects(raw, { code: "app_server_error", message, detail: { method: "raw", limit } });
  transport.receiveTooLong('{"id":2,"result":{"dataBase64":"AA');
  await refused;
  const second = assert.rejects(plain, { code: "app_server_error", detail: { method: "plain", limit } });
  transport.receiveTooLong('{"id":3,"result":[');
  await second;
  transport.receiveTooLong('{"id":1,"result":[');
  transport.receiveTooLong('{"id":3,"result":[');
  assert.deepEqual([seen, rpc.underWay], [[], 1]);
  transport.receive({ id: 4, result: {} });
  assert.deepEqual(await other, {});
});

for (const head of [
  '{"method":"item/completed","params":{"item', '{"id":"a","result":"', '{"id":99,"result":"', "noise", "",
]) {
  test(`a message that is too long, and no answer, ends the transport: ${head}`, () => {
    const { transport, seen } = rig();
    transport.receiveTooLong(head);
    assert.deepEqual(seen, ["close"]);
  });
}

test("48 raw calls are under way at most: the other places are kept for codexd's own", async () => {
  const { rpc, transport, clock } = rig();
  const raw = Array.from({ length: 50 }, () => rpc.call("slow", {}, { raw: true, timeoutMs: 100 }).catch(String));
  assert.equal(rpc.underWay, LIMITS.childRawCallsMax);
  const own = Array.from({ length: 17 }, () => rpc.call("turn/interrupt", {}));
  assert.equal(rpc.underWay, LIMITS.childCallsMax);
  const methods = transport.sent.map(({ method }) => method);
  assert.equal(methods.filter((method) => method === "turn/interrupt").length, 16);

  // A place of codexd's own goes to the call of its own that waits, not to the older raw ones.
  transport.receive({ id: 49, result: {} });
  assert.equal(transport.sent.at(-1)?.method, "turn/interrupt");
  transport.receiveText('{"id":1,"result":{}}');
  assert.deepEqual([transport.sent.at(-1)?.method, rpc.underWay], ["slow", 64]);
  assert.equal(await raw[0], "{}");
  await clock.advance(100);
  await Promise.all(raw);
  assert.equal(rpc.underWay, 16);
  const more = rpc.call("m", {}, { raw: true });
  assert.equal(rpc.underWay, 17, "places of calls that timed out are free again");
  transport.end(null);
  await Promise.allSettled([...own, more]);
});

test("an adapter's results come as text too; one that has no call() says so", async () => {
  const connect = async (adapter: AppServerClientAdapter): Promise<CodexAppServerClient> => {
    const transport = createAdapterTransport({ child: null, create: () => adapter, onCloseFailed: () => undefined });
    const client = new CodexAppServerClient({ clientInfo: { version: "1" }, transport });
    await client.initialize();
    return client;
  };
  const able = await connect({ call: async (method) => ({ asked: method }), threadStart: () => ({ threadId: "t" }) });
  assert.equal(await able.call("model/list", {}, { raw: true }), '{"asked":"model/list"}');
  const started = await able.call("thread/start", {}, { raw: true });
  assert.deepEqual(JSON.parse(String(started)), { threadId: "t", thread: { id: "t" } });
  const unable = await connect({});
  const refused = unable.call("model/list", {}, { raw: true });
  await assert.rejects(refused, { code: "app_server_error", message: /the app-server adapter has no call\(\)/ });
  for (const client of [able, unable]) client.abort();
});
