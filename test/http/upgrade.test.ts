// Who does not get a WebSocket, and how the refusal reads.
//
// Who does is tested in stream-websocket.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SECURITY_HEADERS } from "../../src/http/reply.ts";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { exchange, requestBytes, type RawReply } from "../support/raw-http.ts";
import { connectWs } from "../support/ws-client.ts";

const EVENTS = "/v1/codexd/events";
const FIELDS = {
  Authorization: `Bearer ${TOKEN}`,
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
};

interface Asked {
  readonly method?: string;
  readonly path?: string;
  /** Null leaves a field out. */
  readonly fields?: Readonly<Record<string, string | null>>;
}

function upgrade(edge: EdgeUnderTest, { method = "GET", path = EVENTS, fields = {} }: Asked): Promise<RawReply> {
  const all = Object.entries({ ...FIELDS, ...fields });
  const headers = all.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  return exchange(edge.tcp, requestBytes(`127.0.0.1:${edge.port}`, { method, path, headers }));
}

async function refused(edge: EdgeUnderTest, asked: Asked, status: number, code: string): Promise<RawReply> {
  const reply = await upgrade(edge, asked);
  assert.deepEqual([reply.status, JSON.parse(reply.body).error], [status, code], JSON.stringify(asked));
  assert.equal(reply.headers["connection"], "close");
  assert.equal(reply.headers["x-content-type-options"], "nosniff");
  return reply;
}

test("the guard's rules hold for an upgrade as for any request", async (t) => {
  const edge = await startEdge(t);
  await refused(edge, { fields: { Authorization: null } }, 401, "unauthorized");
  await refused(edge, { fields: { Authorization: "Bearer x" } }, 401, "unauthorized");
  await refused(edge, { fields: { Authorization: null }, path: `${EVENTS}?token=${TOKEN}` }, 401, "unauthorized");
  for (const origin of ["http://evil.test", "null", "", "http://127.0.0.1:5173"]) {
    await refused(edge, { fields: { Origin: origin } }, 403, "origin_not_allowed");
  }
  await refused(edge, { fields: { Host: "evil.test" } }, 403, "host_not_allowed");
  await refused(edge, { fields: { "Sec-Fetch-Site": "cross-site" } }, 403, "cross_site");
  const post = await refused(edge, { method: "POST" }, 405, "method_not_allowed");
  assert.equal(post.headers["allow"], "GET");
  await refused(edge, { path: "/nowhere" }, 404, "not_found");
  assert.deepEqual(edge.services.events.opened, []);
});

test("only a right handshake on the event stream opens a WebSocket", async (t) => {
  const edge = await startEdge(t);
  await refused(edge, { path: "/v1/codexd/status" }, 400, "bad_request");
  await refused(edge, { fields: { Upgrade: "h2c" } }, 400, "bad_request");
  for (const key of [null, "", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA", "!AAAAAAAAAAAAAAAAAAAAA=="]) {
    await refused(edge, { fields: { "Sec-WebSocket-Key": key } }, 400, "bad_request");
  }
  for (const version of ["12", "", null]) {
    const reply = await refused(edge, { fields: { "Sec-WebSocket-Version": version } }, 426, "upgrade_required");
    assert.equal(reply.headers["sec-websocket-version"], "13");
    assert.equal(reply.headers["upgrade"], "websocket");
  }
  assert.deepEqual(edge.services.events.opened, []);
  const taken = await upgrade(edge, {});
  assert.equal(taken.status, 101);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) assert.equal(taken.headers[name.toLowerCase()], value);
});

test("a query that is none, or a cursor that is ahead, is refused in plain HTTP", async (t) => {
  const edge = await startEdge(t);
  await refused(edge, { path: `${EVENTS}?limit=1` }, 400, "bad_request");
  await refused(edge, { path: `${EVENTS}?after=1` }, 409, "cursor_ahead");
  assert.equal(edge.services.events.openCount, 0);
  assert.equal(edge.edge.websocketClients, 0);
});

test("what is sent with the handshake is heard", async (t) => {
  const edge = await startEdge(t);
  const pings = Buffer.from("898000000000898000000000", "hex");
  const client = await connectWs({ port: edge.port, path: EVENTS, token: TOKEN, early: pings });
  assert.equal((await client.next() as { type: string }).type, "hello");
  while (client.pongs.length < 2) await new Promise((resolve) => setImmediate(resolve));
  client.destroy();
});
