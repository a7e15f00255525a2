// Events as lines: replay, live, heartbeats, and readers that do not read.
//
// The event service is a double that a test moves by hand; the sockets are real.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../src/core/errors.ts";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { makeEvent } from "../support/fake-events.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openRaw, unchunk, type RawConnection } from "../support/raw-http.ts";

const STREAM = "/v1/codexd/events?format=ndjson";

/** Resolves with the parsed lines once there are `count`. */
async function lines(connection: RawConnection, count: number): Promise<unknown[]> {
  const all = (text: string): string[] => {
    const body = text.slice(text.indexOf("\r\n\r\n") + 4);
    return (unchunk(`${body}0\r\n\r\n`) ?? "").split("\n").filter((line) => line !== "");
  };
  const text = await connection.until((sofar) => all(sofar).length >= count);
  return all(text).map((line) => JSON.parse(Buffer.from(line, "latin1").toString("utf8")));
}

async function openStream(edge: EdgeUnderTest, query = ""): Promise<RawConnection> {
  const connection = edge.open({ path: STREAM + query });
  await connection.until((text) => text.includes("\r\n\r\n"));
  return connection;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("headers come at once, then live events and heartbeats, one a line", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({});
  const connection = await openStream(edge);
  assert.match(connection.text(), /^HTTP\/1.1 200 [^]*application\/x-ndjson; charset=utf-8/);
  assert.match(connection.text(), /X-Content-Type-Options: nosniff/);
  events.publish({ message: "é" }, {});
  events.heartbeat();
  const expected = [makeEvent(2, { message: "é" }), makeEvent(3), { type: "heartbeat", seq: 3 }];
  assert.deepEqual(await lines(connection, 3), expected);
  connection.socket.destroy();
  await until(() => events.openCount === 0);
});

test("replay comes before live, through the filter", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({}, { detail: { sessionId: "a" } }, { detail: { sessionId: "b" } }, { detail: { sessionId: "a" } });
  const connection = await openStream(edge, "&after=2&session=a");
  events.publish({ detail: { sessionId: "b" } }, { detail: { sessionId: "a" } });
  assert.deepEqual((await lines(connection, 2)).map((event) => (event as { seq: number }).seq), [4, 6]);
  assert.deepEqual(events.opened[0]?.after, 2);
  connection.socket.destroy();
});

test("an expired cursor is 410 with the oldest, 0 never is, and one ahead is 409", async (t) => {
  const edge = await startEdge(t);
  const { events } = edge.services;
  events.publish({}, {}, {});
  events.oldestSeq = 3;
  const old = await edge.ask({ path: `${STREAM}&after=1` });
  assert.deepEqual([old.status, JSON.parse(old.body).error], [410, "cursor_expired"]);
  assert.deepEqual(JSON.parse(old.body).detail, { oldestSeq: 3 });
  assert.equal((await edge.ask({ path: `${STREAM}&after=4` })).status, 409);
  assert.equal(events.openCount, 0);
  for (const after of [0, 2]) {
    const connection = await openStream(edge, `&after=${after}`);
    assert.deepEqual(await lines(connection, 1), [makeEvent(3)]);
    connection.socket.destroy();
  }
});

test("a stream that fails ends without an end, so that its client comes back", async (t) => {
  const edge = await startEdge(t);
  const connection = await openStream(edge);
  edge.services.events.failStreams(new Error("unreadable"));
  await connection.closed;
  assert.ok(!connection.text().endsWith("0\r\n\r\n"));
  assert.match(edge.log.join(), /unreadable/);
});

test("one that retention has overtaken is cut off as a slow one is: its client comes back, and is told", async (t) => {
  const edge = await startEdge(t);
  const connection = await openStream(edge);
  edge.services.events.failStreams(new CodexdError("cursor_expired", "gone"));
  await connection.closed;
  assert.ok(!connection.text().endsWith("0\r\n\r\n"));
  assert.doesNotMatch(edge.log.join(), /failed/);
});

test("a new token ends the streams that the old one opened, with their end", async (t) => {
  const edge = await startEdge(t);
  const byToken = await openStream(edge);
  const unix = openRaw(edge.unix, `GET ${STREAM} HTTP/1.1\r\nHost: codexd\r\n\r\n`);
  await unix.until((text) => text.includes("\r\n\r\n"));
  edge.edge.rotateToken("new");
  await byToken.until((text) => text.endsWith("0\r\n\r\n"));
  edge.services.events.publish({});
  assert.equal((await lines(unix, 1)).length, 1);
  assert.equal((await edge.ask({ path: STREAM })).status, 401);
  byToken.socket.destroy();
  unix.socket.destroy();
  assert.ok(!edge.log.join().includes(TOKEN));
});

const BIG = { message: "x".repeat(512 * 1024) };

test("above the hard bound a reader that does not read is cut off, and nobody else is", async (t) => {
  const edge = await startEdge(t, { limits: { streamHardBytes: 2 ** 20 } });
  const { events } = edge.services;
  const slow = await openStream(edge);
  const healthy = await openStream(edge);
  slow.socket.pause();
  let published = 0;
  while (events.openCount === 2) {
    events.publish(BIG);
    published += 1;
    await lines(healthy, published);
  }
  slow.socket.resume();
  await slow.closed;
  assert.ok(!slow.text().endsWith("0\r\n\r\n"));
  events.publish({});
  assert.equal((await lines(healthy, published + 1)).length, published + 1);
  healthy.socket.destroy();
});

test("above the soft bound a reader has a while to catch up, and is cut off when it does not", async (t) => {
  const edge = await startEdge(t, { limits: { streamSoftBytes: 2 ** 19, streamSoftMs: 30, streamHardBytes: 2 ** 30 } });
  const { events } = edge.services;
  const slow = await openStream(edge);
  slow.socket.pause();
  for (let i = 0; i < 20; i += 1) events.publish(BIG);
  await until(() => events.openCount === 0);
  slow.socket.destroy();
  const quick = await openStream(edge);
  events.publish(BIG);
  await lines(quick, 1);
  await events.drained();
  assert.equal(events.openCount, 1);
  quick.socket.destroy();
});

test("a single event above the soft bound has the time of its size, so that it gets through", async (t) => {
  const clock = createManualClock();
  const limits = { streamSoftBytes: 2 ** 16, streamSoftMs: 1000 };
  const edge = await startEdge(t, { clock, limits });
  const open = async (): Promise<RawConnection> => {
    // The buffers of a Unix socket are small.
    const connection = openRaw(edge.unix, `GET ${STREAM} HTTP/1.1\r\nHost: codexd\r\n\r\n`);
    await connection.until((text) => text.includes("\r\n\r\n"));
    connection.socket.pause();
    return connection;
  };
  const [steady, stuck] = [await open(), await open()];
  const times = 64;
  edge.services.events.publish({ message: "x".repeat(times * limits.streamSoftBytes) });
  clock.advance(times * limits.streamSoftMs - 1);
  steady.socket.resume();
  assert.equal((await lines(steady, 1)).length, 1);
  clock.advance(1);
  stuck.socket.resume();
  await stuck.closed;
  assert.ok(stuck.text().length < times * limits.streamSoftBytes);
  steady.socket.destroy();
});

test("drained waits for the reader, and for nobody who has gone", async (t) => {
  const edge = await startEdge(t, { limits: { streamHardBytes: 2 ** 30 } });
  const { events } = edge.services;
  const reader = await openStream(edge);
  reader.socket.pause();
  for (let i = 0; i < 20; i += 1) events.publish(BIG);
  let isDrained = false;
  const drained = events.drained().then(() => (isDrained = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isDrained, false);
  reader.socket.resume();
  await drained;
  await lines(reader, 20);
  reader.socket.pause();
  for (let i = 0; i < 20; i += 1) events.publish(BIG);
  const gone = events.drained();
  reader.socket.destroy();
  await gone;
});
