// Readers of the whole edge that stop reading: what they are told when they go on, and who goes when all of them
// together hold too much.
//
// The sockets are real, the clock is not. Bounds are met to the byte in ws-connection-slow.test.ts and outbox.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openRaw } from "../support/raw-http.ts";
import { connectWs, type TestWsClient } from "../support/ws-client.ts";

/** The buffers of a Unix socket are small. */
async function stopped(edge: EdgeUnderTest): Promise<TestWsClient> {
  const path = "/v1/codexd/events?snapshot=0";
  const client = await connectWs({ socketPath: edge.socketPath, path, token: TOKEN });
  await client.next();
  client.socket.pause();
  return client;
}

const BIG = { message: "x".repeat(512 * 1024) };

function isEvent(message: unknown): boolean {
  return (message as { type: string }).type === "event";
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("a WebSocket reads that it was cut off, however late, behind whole messages; another loses nothing", async (t) => {
  const clock = createManualClock();
  const edge = await startEdge(t, { clock });
  const client = await stopped(edge);
  const other = await connectWs({ socketPath: edge.socketPath, path: "/v1/codexd/events?snapshot=0", token: TOKEN });
  await other.next();
  for (let i = 0; i < 4; i += 1) {
    edge.services.events.publish(BIG);
    await other.next();
  }
  for (let ms = 0; edge.services.events.openCount > 1; ms += LIMITS.wsTickMs) {
    assert.ok(ms <= LIMITS.streamSoftMs + LIMITS.wsTickMs);
    clock.advance(LIMITS.wsTickMs);
  }
  clock.advance(LIMITS.wsSlowCloseMs - LIMITS.wsTickMs);
  edge.services.events.publish({});
  client.socket.resume();
  assert.deepEqual(await client.closed, { code: 1013, reason: "slow_consumer" });
  const told = client.received.filter(isEvent).length;
  assert.ok(told >= 1 && told < 4, `${told} of four events were with the socket already`);
  other.destroy();
});

test("all readers together have a bound: who has been stuck longest goes, be it a WebSocket or a reply", async (t) => {
  const edge = await startEdge(t, { limits: { streamsHeldBytesMax: 2 * 2 ** 20 } });
  const { events } = edge.services;
  const lines = openRaw(edge.unix, "GET /v1/codexd/events?format=ndjson HTTP/1.1\r\nHost: codexd\r\n\r\n");
  await lines.until((text) => text.includes("\r\n\r\n"));
  lines.socket.pause();
  const publish = (): void => void events.publish(BIG);
  publish();
  const first = await stopped(edge);
  for (let i = 0; i < 4 && events.openCount === 2; i += 1) publish();
  await until(() => events.openCount === 1);
  lines.socket.resume();
  await lines.closed;
  assert.equal(first.socket.destroyed, false);
  for (let i = 0; i < 8 && events.openCount === 1; i += 1) publish();
  await until(() => events.openCount === 0);
  first.socket.resume();
  await first.closed;
});

test("one whose connection was cut a moment ago holds nothing any more when another asks for its place", async (t) => {
  const clock = createManualClock();
  const edge = await startEdge(t, { clock, limits: { streamsHeldBytesMax: 2 * 2 ** 20 } });
  const { events } = edge.services;
  const open = async (header = "") => {
    const reader = openRaw(edge.unix, `GET /v1/codexd/events?format=ndjson HTTP/1.1\r\nHost: codexd\r\n${header}\r\n`);
    await reader.until((text) => text.includes("\r\n\r\n"));
    reader.socket.pause();
    return reader;
  };
  const cut = await open(`Authorization: Bearer ${TOKEN}\r\n`);
  for (let i = 0; i < 2; i += 1) events.publish(BIG);
  const other = await open();
  edge.edge.rotateToken("new");
  clock.advance(LIMITS.tokenCloseMs);
  // All in the tick of the cut, of which nobody has been told yet.
  for (let i = 0; i < 3; i += 1) events.publish(BIG);
  assert.equal(events.openCount, 1, "the other one stays");
  cut.socket.resume();
  await cut.closed;
  other.socket.destroy();
});
