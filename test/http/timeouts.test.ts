// Slow senders and many connections, with limits small enough to be met at once.
//
// No test waits for a time: each waits until the server has acted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { startEdge, TOKEN } from "../support/edge-under-test.ts";
import { exchange, openRaw } from "../support/raw-http.ts";

const QUICK = { headersMs: 60, requestMs: 120, connectionsCheckMs: 20, lingerMs: 20 };

test("slow headers are 408, on both transports [attack slow-headers]", async (t) => {
  const edge = await startEdge(t, { limits: QUICK });
  for (const place of [edge.tcp, edge.unix]) {
    const connection = openRaw(place, "GET /healthz HTTP/1.1\r\nHost: local");
    const reply = await connection.reply();
    assert.deepEqual([reply.status, JSON.parse(reply.body).error], [408, "request_timeout"]);
    assert.equal(reply.headers["cache-control"], "no-store");
    await connection.closed;
  }
});

test("a connection that says nothing is ended too", async (t) => {
  const edge = await startEdge(t, { limits: QUICK });
  const connection = openRaw(edge.tcp, "");
  await connection.closed;
});

test("a slow body is 408 [attack slow-body]", async (t) => {
  const edge = await startEdge(t, { limits: QUICK });
  const headers = [["Content-Type", "application/json"], ["Content-Length", "1000"]] as const;
  const connection = edge.open({ method: "POST", path: "/v1/codexd/sessions", headers, body: "{" });
  const reply = await connection.reply();
  assert.deepEqual([reply.status, JSON.parse(reply.body).error], [408, "request_timeout"]);
  await connection.closed;
  assert.deepEqual(edge.services.calls, []);
});

test("a slow body of a refused request gets no second answer", async (t) => {
  const edge = await startEdge(t, { limits: { ...QUICK, lingerMs: 60_000 } });
  const bytes = "POST /v1/codexd/turn HTTP/1.1\r\nHost: evil\r\nContent-Length: 9\r\n\r\nx";
  const connection = openRaw(edge.tcp, bytes);
  assert.equal((await connection.reply()).status, 403);
  await connection.closed;
  assert.equal(connection.text().split("HTTP/1.1").length, 2);
});

test("an idle connection is kept for a while, then closed", async (t) => {
  const edge = await startEdge(t, { limits: { keepAliveMs: 30 } });
  const connection = edge.open({ path: "/healthz" });
  assert.equal((await connection.reply()).headers["connection"], "keep-alive");
  await connection.closed;
});

test("blank lines between requests do not keep a connection for ever, a stream is kept", async (t) => {
  const limits = { keepAliveMs: 40, headersMs: 40, connectionsCheckMs: 10 };
  const edge = await startEdge(t, { limits });
  const stream = edge.open({ path: "/v1/codexd/events?format=ndjson" });
  await stream.until((text) => text.includes("x-ndjson"));
  const connection = edge.open({ path: "/healthz" });
  await connection.reply();
  const drip = setInterval(() => connection.socket.write("\r\n"), 5);
  t.after(() => clearInterval(drip));
  await connection.closed;
  assert.equal(stream.socket.closed, false);
  stream.socket.destroy();
});

test("waiting for an answer is not slow", async (t) => {
  const edge = await startEdge(t, { limits: QUICK });
  const hold = createDeferred<void>();
  edge.services.hold = hold;
  const waiting = edge.open({ path: "/v1/codexd/turns/x?waitMs=1000" });
  // Two later connections have met their limits meanwhile.
  await openRaw(edge.tcp, "").closed;
  await openRaw(edge.tcp, "").closed;
  hold.resolve();
  assert.equal((await waiting.reply()).status, 200);
  waiting.socket.destroy();
});

test("connections over the cap are closed, on TCP and the Unix socket apart", async (t) => {
  const edge = await startEdge(t, { limits: { connectionsMax: 2 } });
  const path = "/v1/codexd/events?format=ndjson";
  const tcp = [edge.open({ path }), edge.open({ path })];
  for (const connection of tcp) await connection.until((text) => text.includes("x-ndjson"));
  await openRaw(edge.tcp, "GET /healthz HTTP/1.1\r\n").closed;
  const request = `GET /healthz HTTP/1.1\r\nHost: codexd\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
  assert.equal((await exchange(edge.unix, request)).status, 200);
  tcp[0]?.socket.destroy();
  await tcp[0]?.closed;
  let status = 0;
  while (status !== 200) status = await edge.ask({ path: "/healthz" }).then((reply) => reply.status, () => 0);
  for (const connection of tcp) connection.socket.destroy();
});
