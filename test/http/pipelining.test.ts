// Several requests on one connection: none gets the answer of another, and none runs behind a refusal that closes.
//
// All bytes of an attack go in one write, unless the test says otherwise; how one request fares is connections.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { startEdge, TOKEN, type EdgeTestOptions, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { openRaw, type RawConnection } from "../support/raw-http.ts";
import type { Cleanup } from "../support/temp-dir.ts";

const JSON_TYPE = "Content-Type: application/json";
const UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="];
const JUNK = "\x00junk\r\n\r\n";

function request(edge: EdgeUnderTest, first: string, ...fields: readonly string[]): string {
  const head = [`${first} HTTP/1.1`, `Host: 127.0.0.1:${edge.port}`, `Authorization: Bearer ${TOKEN}`, ...fields];
  return `${head.join("\r\n")}\r\n\r\n`;
}

function createSession(edge: EdgeUnderTest): string {
  return `${request(edge, "POST /v1/codexd/sessions", JSON_TYPE, "Content-Length: 2")}{}`;
}

/** Each status line that came. */
function statuses(connection: RawConnection): number[] {
  return [...connection.text().matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** An edge, with the request that is not answered until `release`. */
async function startHeld(t: Cleanup, options: EdgeTestOptions = {}) {
  const edge = await startEdge(t, options);
  const hold = createDeferred<void>();
  edge.services.hold = hold;
  return { edge, held: request(edge, "GET /v1/codexd/turns/x?waitMs=1000"), release: () => hold.resolve() };
}

test("junk in a later request's body is no answer to the one before", async (t) => {
  const { edge, held } = await startHeld(t);
  const chunked = request(edge, "POST /v1/codexd/sessions", JSON_TYPE, "Transfer-Encoding: chunked");
  for (const behind of [`${chunked}zz\r\n`, JUNK, createSession(edge).slice(0, -1) + JUNK]) {
    const connection = openRaw(edge.tcp, held + behind);
    await connection.closed;
    assert.equal(connection.text(), "", JSON.stringify(behind));
  }
});

test("an upgrade behind a request that waits is no answer to it, neither taken nor refused", async (t) => {
  const { edge, held } = await startHeld(t);
  const upgrades = [
    request(edge, "GET /v1/codexd/events", ...UPGRADE),
    request(edge, "GET /v1/codexd/status", ...UPGRADE),
    request(edge, "CONNECT evil.test:443"),
  ];
  for (const upgrade of upgrades) {
    const connection = openRaw(edge.tcp, held + upgrade);
    await connection.closed;
    assert.equal(connection.text(), "", upgrade);
  }
  assert.equal(edge.services.events.openCount, 0);
  assert.equal(edge.edge.websocketClients, 0);
});

test("an upgrade behind requests that were answered is taken", async (t) => {
  const edge = await startEdge(t);
  const connection = openRaw(edge.tcp, request(edge, "GET /healthz"));
  await connection.reply();
  connection.socket.write(request(edge, "GET /v1/codexd/events", ...UPGRADE));
  await connection.until((text) => text.includes('"type":"hello"'));
  assert.deepEqual(statuses(connection), [200, 101]);
  connection.socket.destroy();
});

test("requests that are all in order are answered in order", async (t) => {
  const { edge, held, release } = await startHeld(t);
  const connection = openRaw(edge.tcp, held + createSession(edge) + request(edge, "GET /nowhere"));
  await until(() => edge.services.callsOf("sessions.create").length === 1);
  release();
  await connection.until((text) => text.includes("HTTP/1.1 404"));
  assert.deepEqual(statuses(connection), [200, 201, 404]);
  connection.socket.destroy();
});

test("a stream begins when its turn has come, and behind another never does", async (t) => {
  const { edge, held, release } = await startHeld(t);
  const { events } = edge.services;
  const stream = request(edge, "GET /v1/codexd/events?format=ndjson");
  const connection = openRaw(edge.tcp, held + stream + stream + createSession(edge));
  await until(() => edge.services.callsOf("sessions.create").length === 1);
  assert.equal(events.opened.length, 0);
  release();
  await connection.until((text) => text.includes("ndjson"));
  assert.deepEqual([statuses(connection), events.opened.length], [[200, 200], 1]);
  connection.socket.destroy();
  await until(() => events.openCount === 0);
});

test("a stream whose turn comes when its token has been rotated is refused", async (t) => {
  const { edge, held, release } = await startHeld(t);
  const stream = request(edge, "GET /v1/codexd/events?format=sse");
  const connection = openRaw(edge.tcp, held + stream + createSession(edge));
  await until(() => edge.services.callsOf("sessions.create").length === 1);
  edge.edge.rotateToken("new");
  release();
  await connection.until((text) => text.includes("unauthorized"));
  // What was held is a GET that waited, which is told to nobody whose token is no more either.
  assert.deepEqual([statuses(connection).slice(0, 2), edge.services.events.opened], [[401, 401], []]);
  connection.socket.destroy();
});

test("a connection may have many requests ahead of their answers, but not more than that", async (t) => {
  const { edge, held, release } = await startHeld(t);
  const session = createSession(edge);
  const most = openRaw(edge.tcp, held + session.repeat(LIMITS.requestsPipelinedMax - 1));
  await until(() => edge.services.callsOf("sessions.create").length === LIMITS.requestsPipelinedMax - 1);
  const over = openRaw(edge.tcp, held + session.repeat(LIMITS.requestsPipelinedMax));
  await over.closed;
  release();
  await most.until(() => statuses(most).length === LIMITS.requestsPipelinedMax);
  assert.equal(over.text(), "");
  most.socket.destroy();
});

test("nothing runs behind a refusal with an unread body", async (t) => {
  const edge = await startEdge(t);
  const refusals: ReadonlyArray<readonly [string, number]> = [
    ["POST /v1/codexd/turn HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 5\r\n\r\nhello", 403],
    [`${request(edge, "POST /v1/codexd/turn", "Content-Type: text/plain", "Content-Length: 5")}hello`, 415],
    [`${request(edge, "POST /nowhere", "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`, 404],
    [`${request(edge, "POST /v1/codexd/turn", "Expect: 200-ok", "Content-Length: 5")}hello`, 400],
  ];
  const behinds = [createSession(edge), request(edge, "GET /v1/codexd/events", ...UPGRADE),
    `${request(edge, "POST /v1/codexd/sessions", JSON_TYPE, "Expect: 100-continue", "Content-Length: 2")}{}`];
  for (const [refused, status] of refusals) {
    for (const behind of behinds) {
      const connection = openRaw(edge.tcp, refused + behind);
      await connection.closed;
      assert.deepEqual(statuses(connection), [status], refused + behind);
    }
  }
  assert.deepEqual(edge.services.calls, []);
  assert.deepEqual(edge.services.events.opened, []);
});

test("a refusal is heard though junk comes in the place of its body", async (t) => {
  const edge = await startEdge(t, { limits: { lingerMs: 60_000 } });
  const refused = `POST /v1/codexd/turn HTTP/1.1\r\nHost: evil.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${JUNK}`;
  const connection = openRaw(edge.tcp, refused);
  const reply = await connection.reply();
  assert.deepEqual([reply.status, JSON.parse(reply.body).error], [403, "host_not_allowed"]);
  await connection.closed;
  assert.deepEqual(statuses(connection), [403]);
});

test("junk behind a refusal neither answers nor loses a request before it", async (t) => {
  const { edge, held, release } = await startHeld(t, { limits: { lingerMs: 60_000 } });
  const refused = request(edge, "POST /nowhere", "Transfer-Encoding: chunked");
  const connection = openRaw(edge.tcp, `${held}${refused}zz\r\n`);
  await until(() => edge.services.callsOf("turns.get").length === 1);
  assert.equal(connection.text(), "");
  release();
  await connection.closed;
  assert.deepEqual(statuses(connection), [200, 404]);
});

test("what follows a connection's last word outside of an exchange is dropped", async (t) => {
  const edge = await startEdge(t);
  const connection = openRaw(edge.tcp, JUNK);
  await connection.reply();
  connection.socket.write(createSession(edge) + JUNK);
  await connection.closed;
  assert.deepEqual(statuses(connection), [400]);
  assert.deepEqual(edge.services.calls, []);
});
