// Frames that break RFC 6455, or its limits, on the wire of a whole daemon, by TCP and by the Unix socket.
//
// How the framer reads each of them, however it is cut, is tried in protocol/ws-conformance.test.ts; here an attacker
// who has the token, or a proxy that is broken, meets the daemon. Invariant: each costs its own connection and no more.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { LIMITS } from "../src/core/limits.ts";
import { startAttacked, type Attacked, type Target } from "./support/attack-rig.ts";
import { createWholeDaemons } from "./support/whole-daemons.ts";
import {
  BINARY, CONTINUATION, fragments, frameMaker, more, PING, TEXT, type FrameMaker,
} from "./support/ws-case.ts";
import { connectWs, type TestWsClient } from "./support/ws-client.ts";

const daemons = createWholeDaemons({ after });
const EVENTS = "/v1/codexd/events?snapshot=0";
const ASK = '{"type":"ping","id":"first"}';
const masked = frameMaker("server");
let attacked: Attacked;
let bystander: TestWsClient;

before(async () => {
  attacked = await startAttacked(daemons);
  bystander = await open(attacked.tcp);
});

after(() => bystander.destroy());

afterEach(async () => {
  await attacked.nothingRan();
  bystander.send({ type: "ping" });
  await bystander.nextThat((message) => typeOf(message) === "pong");
});

/** Past its hello. */
async function open({ place, token }: Target): Promise<TestWsClient> {
  const to = "port" in place ? place : { socketPath: place.path };
  const client = await connectWs({ ...to, path: EVENTS, ...(token === null ? {} : { token }) });
  await client.nextThat((message) => typeOf(message) === "hello");
  return client;
}

function typeOf(message: unknown): unknown {
  return (message as { readonly type?: unknown }).type;
}

/** A closing handshake with this code, whatever is sent; what came before it was answered, what comes behind is not. */
async function closes(frames: (frame: FrameMaker) => readonly Buffer[], code: number): Promise<void> {
  for (const target of [attacked.tcp, attacked.unix]) {
    const client = await open(target);
    client.sendText(ASK);
    await client.nextThat((message) => typeOf(message) === "pong");
    client.sendRaw(Buffer.concat([...frames(masked), masked(TEXT, ASK)]));
    assert.equal((await client.closed).code, code, target.name);
    const answers = client.received.filter((message) => typeOf(message) === "pong");
    assert.equal(answers.length, 1, "nothing behind it is read");
  }
}

test("a frame without a mask [attack ws-unmasked]", () => closes(() => [frameMaker("client")(TEXT, ASK)], 1002));

test("each reserved bit [attack ws-reserved-bits]", async () => {
  for (const bit of [0x40, 0x20, 0x10]) await closes((frame) => [frame(TEXT | bit, ASK)], 1002);
});

test("each reserved opcode [attack ws-reserved-opcode]", async () => {
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) await closes((frame) => [frame(0x80 | opcode, ASK)], 1002);
});

test("control frames that are too long, or in fragments [attack ws-long-control]", async () => {
  await closes((frame) => [frame(PING, "x".repeat(LIMITS.wsControlPayloadBytesMax + 1))], 1002);
  await closes((frame) => [frame(more(PING), "x")], 1002);
});

test("binary messages, also in fragments [attack ws-binary]", async () => {
  await closes((frame) => [frame(BINARY, ASK)], 1003);
  await closes((frame) => [frame(more(BINARY), ASK), frame(CONTINUATION, "")], 1003);
});

test("bad UTF-8, also where fragments meet [attack ws-bad-utf8]", async () => {
  const bad = Buffer.from('"\xf0\x9f\x98"', "latin1");
  await closes((frame) => [frame(TEXT, bad)], 1007);
  await closes((frame) => fragments(frame, TEXT, bad, 1), 1007);
});

test("a message of 1 MiB + 1 [attack ws-too-long]", () =>
  closes((frame) => [frame(TEXT, "x".repeat(LIMITS.wsMessageBytesMax + 1))], 1009));

test("1 MiB + 1 over fragments [attack ws-too-long-fragments]", () =>
  closes((frame) => fragments(frame, TEXT, Buffer.alloc(LIMITS.wsMessageBytesMax + 1, 0x20), 65_536), 1009));

test("a message of 10,000 fragments of one byte is a message [attack ws-10000-fragments]", async () => {
  const ask = Buffer.from(ASK.padEnd(10_000, " "));
  for (const target of [attacked.tcp, attacked.unix]) {
    const client = await open(target);
    client.sendRaw(Buffer.concat(fragments(masked, TEXT, ask, 1)));
    await client.nextThat((message) => typeOf(message) === "pong");
    assert.equal((await client.close()).code, 1000);
  }
});

test("a flood of pings is answered, one for one, while others are served [attack ws-ping-flood]", async () => {
  const flood = Buffer.concat(Array.from({ length: 10_000 }, (_, i) => masked(PING, String(i))));
  for (const target of [attacked.tcp, attacked.unix]) {
    const client = await open(target);
    client.sendRaw(flood);
    bystander.send({ type: "ping" });
    await bystander.nextThat((message) => typeOf(message) === "pong");
    client.sendText(ASK);
    await client.nextThat((message) => typeOf(message) === "pong");
    assert.deepEqual([client.pongs.length, client.pongs.at(-1)], [10_000, "9999"]);
    assert.equal((await client.close()).code, 1000);
  }
});

test("a message that is no JSON object [attack ws-no-object]", async () => {
  for (const text of ["x", "[]", "null", '"x"']) await closes((frame) => [frame(TEXT, text)], 4002);
});

test("a message that no body might be [attack ws-json-bomb]", async () => {
  const deep = "[".repeat(LIMITS.jsonDepthMax) + "]".repeat(LIMITS.jsonDepthMax);
  const long = `[${"0,".repeat(LIMITS.jsonElementsMax)}0]`;
  for (const value of [deep, long]) await closes((frame) => [frame(TEXT, `{"type":"ping","id":${value}}`)], 4002);
});

test("a subscription to more types than there are [attack ws-many-types]", async () => {
  for (const target of [attacked.tcp, attacked.unix]) {
    const client = await open(target);
    for (const types of [Array.from({ length: 50_000 }, () => "x*"), "x*,".repeat(300_000)]) {
      client.send({ type: "subscribe", after: 0, types });
      const { message } = await client.nextThat((said) => typeOf(said) === "error") as { readonly message: string };
      assert.match(message, /^types: must be at most 100 event types/);
    }
    assert.equal((await client.close()).code, 1000);
  }
});
