// What a rotation of the token ends, at whatever moment of a request or a stream it comes.
//
// That open streams of each form end is tested with the forms; the new token's way in, in test/local-service.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openRaw, requestBytes, type RawConnection } from "../support/raw-http.ts";
import { connectWs, type TestWsClient } from "../support/ws-client.ts";

const EVENTS = "/v1/codexd/events";

/** A request whose head has been judged and whose body is awaited: the 100 says so. */
async function openHeld(edge: EdgeUnderTest, method: string, path: string): Promise<RawConnection> {
  const connection = edge.open({
    method,
    path,
    headers: [["Content-Type", "application/json"], ["Transfer-Encoding", "chunked"], ["Expect", "100-continue"]],
  });
  await connection.until((text) => text.startsWith("HTTP/1.1 100"));
  return connection;
}

test("a request that is held back over a rotation opens no stream and changes nothing", async (t) => {
  const edge = await startEdge(t);
  const held = [];
  for (const path of [`${EVENTS}?format=ndjson`, `${EVENTS}?format=sse`, "/v1/codexd/runs/run_1/output?follow=1"]) {
    held.push(await openHeld(edge, "GET", path));
  }
  held.push(await openHeld(edge, "POST", "/v1/codexd/sessions"));
  edge.edge.rotateToken("new");
  for (const connection of held) {
    connection.socket.write("2\r\n{}\r\n0\r\n\r\n");
    const reply = await connection.reply();
    assert.deepEqual([reply.status, JSON.parse(reply.body).error], [401, "unauthorized"]);
    assert.equal(reply.headers["www-authenticate"], 'Bearer realm="codexd"');
    connection.socket.destroy();
  }
  assert.deepEqual([edge.services.events.opened, edge.services.calls], [[], []]);
});

test("a stream whose answer is being made while the token is rotated does not begin", async (t) => {
  const edge = await startEdge(t);
  const { runs } = edge.services;
  const { output } = runs;
  Object.assign(runs, {
    async output(...asked: Parameters<typeof output>) {
      const piece = await output(...asked);
      edge.edge.rotateToken("new");
      return piece;
    },
  });
  assert.equal((await edge.ask({ path: "/v1/codexd/runs/run_1/output?follow=1" })).status, 401);
});

test("what a GET has waited for is not told to the old token; a POST says what it has done", async (t) => {
  for (const [method, path, status] of [["GET", "/v1/codexd/turns/x?waitMs=1000", 401],
    ["POST", "/v1/codexd/turns/x/interrupt", 200]] as const) {
    const edge = await startEdge(t);
    const { turns } = edge.services;
    const { get, interrupt } = turns;
    Object.assign(turns, {
      async get(...asked: Parameters<typeof get>) {
        edge.edge.rotateToken("new");
        return get(...asked);
      },
      async interrupt(...asked: Parameters<typeof interrupt>) {
        edge.edge.rotateToken("new");
        return interrupt(...asked);
      },
    });
    assert.equal((await edge.ask({ method, path })).status, status, method);
  }
});

/** Over the Unix socket, whose buffers are small; the token makes it a stream of the token's all the same. */
async function openLines(edge: EdgeUnderTest, format: string): Promise<RawConnection> {
  const path = `${EVENTS}?format=${format}`;
  const headers = [["Authorization", `Bearer ${TOKEN}`]] as const;
  const connection = openRaw(edge.unix, requestBytes("codexd", { path, headers }));
  await connection.until((text) => text.includes("\r\n\r\n"));
  return connection;
}

async function openSocket({ socketPath }: EdgeUnderTest): Promise<TestWsClient> {
  const client = await connectWs({ socketPath, token: TOKEN, path: EVENTS });
  await client.next();
  return client;
}

test("a reader that does not read is given a moment to hear of it, and is then cut off", async (t) => {
  const clock = createManualClock();
  const edge = await startEdge(t, { clock });
  const inTime = [await openLines(edge, "ndjson"), await openLines(edge, "sse")];
  const late = [await openLines(edge, "ndjson"), await openLines(edge, "sse")];
  const [socketInTime, lateSocket] = [await openSocket(edge), await openSocket(edge)];
  for (const { socket } of [...inTime, ...late, socketInTime, lateSocket]) socket.pause();
  edge.services.events.publish({ message: "x".repeat(4 * 1024 * 1024) });
  edge.edge.rotateToken("new");
  clock.advance(LIMITS.tokenCloseMs - 1);
  for (const { socket } of [...inTime, socketInTime]) socket.resume();
  for (const { text, closed } of inTime) {
    await closed;
    assert.ok(text().endsWith("0\r\n\r\n"), "ended");
  }
  assert.equal((await socketInTime.closed).code, 4401);
  clock.advance(1);
  for (const { socket } of [...late, lateSocket]) socket.resume();
  for (const { text, closed } of late) {
    await closed;
    assert.ok(!text().endsWith("0\r\n\r\n"), "broken off");
  }
  assert.equal((await lateSocket.closed).code, null);
});

test("a request that is held back meanwhile is answered when its token is still the right one", async (t) => {
  const edge = await startEdge(t);
  const connection = await openHeld(edge, "POST", "/v1/codexd/sessions");
  connection.socket.write("2\r\n{}\r\n0\r\n\r\n");
  assert.equal((await connection.reply()).status, 201);
  connection.socket.destroy();
});
