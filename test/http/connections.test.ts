// Attacks on the parser and the ways in, over real sockets on TCP and the Unix socket.
//
// The guard's table itself is tested without sockets in guard.test.ts; slow peers in timeouts.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startEdge, TOKEN, type EdgeUnderTest } from "../support/edge-under-test.ts";
import { exchange, openRaw, type Place, type RawReply } from "../support/raw-http.ts";

const STATUS = "/v1/codexd/status";

/** A request on TCP with the token, its head written out. */
function head(edge: EdgeUnderTest, first: string, ...fields: readonly string[]): string {
  const all = [first, `Host: 127.0.0.1:${edge.port}`, `Authorization: Bearer ${TOKEN}`, ...fields];
  return `${all.join("\r\n")}\r\n\r\n`;
}

function assertRefused(reply: RawReply, status: number, code: string, about = ""): void {
  assert.deepEqual([reply.status, JSON.parse(reply.body).error], [status, code], about);
  assert.equal(JSON.parse(reply.body).ok, false);
  assertSecure(reply);
}

function assertSecure({ headers }: RawReply): void {
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["cross-origin-resource-policy"], "same-origin");
  assert.equal(headers["referrer-policy"], "no-referrer");
  assert.equal(headers["cache-control"], "no-store");
  assert.ok(!Object.keys(headers).some((name) => name.startsWith("access-control-")));
  assert.equal(headers["location"], undefined);
}

function bothPlaces(edge: EdgeUnderTest): readonly Place[] {
  return [edge.tcp, edge.unix];
}

test("what the parser refuses is answered in the same form", async (t) => {
  const edge = await startEdge(t);
  const post = (...fields: string[]): string => head(edge, `POST ${STATUS} HTTP/1.1`, ...fields);
  const cases: ReadonlyArray<readonly [string, number, string]> = [
    ["\x16\x03\x01\x02\x00\r\n\r\n", 400, "bad_request"],
    [head(edge, "FROB / HTTP/1.1"), 400, "bad_request"],
    [head(edge, "GET x HTTP/1.1"), 400, "bad_target"],
    [head(edge, "GET / HTTP/3.0"), 505, "http_version_not_supported"],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version_not_supported"],
    [post("Content-Length: 1", "Content-Length: 1"), 400, "duplicate_header"],
    [post("Content-Length: 1", "Transfer-Encoding: chunked"), 400, "bad_request"],
    [post("Content-Length: -1"), 400, "bad_request"],
    [head(edge, `GET ${STATUS} HTTP/1.1`, `X: ${"x".repeat(16 * 1024)}`), 431, "headers_too_large"],
    [head(edge, `GET ${STATUS} HTTP/1.1`, " folded: x"), 400, "bad_request"],
  ];
  for (const place of bothPlaces(edge)) {
    for (const [bytes, status, code] of cases) {
      const reply = await exchange(place, bytes);
      assertRefused(reply, status, code, bytes.slice(0, 60));
      assert.equal(reply.headers["connection"], "close");
    }
  }
});

test("what the parser lets through the guard refuses", async (t) => {
  const edge = await startEdge(t);
  const flood = Array.from({ length: 1100 }, () => "a:b");
  const cases: ReadonlyArray<readonly [string, number, string]> = [
    [head(edge, `GET ${STATUS} HTTP/1.1`, ...flood, "Origin: http://evil.test"), 431, "headers_too_large"],
    [head(edge, `GET http://127.0.0.1:${edge.port}${STATUS} HTTP/1.1`), 400, "bad_target"],
    [head(edge, `GET /${STATUS} HTTP/1.1`), 400, "bad_target"],
    [head(edge, `GET ${STATUS} HTTP/1.0`), 505, "http_version_not_supported"],
    [head(edge, `GET ${STATUS} HTTP/2.0`), 505, "http_version_not_supported"],
    [head(edge, `GET /${"a".repeat(9000)} HTTP/1.1`), 414, "target_too_long"],
    [head(edge, `TRACE ${STATUS} HTTP/1.1`), 405, "method_not_allowed"],
    [head(edge, `OPTIONS ${STATUS} HTTP/1.1`), 405, "method_not_allowed"],
    [head(edge, "CONNECT evil.test:443 HTTP/1.1"), 405, "method_not_allowed"],
    [head(edge, `GET ${STATUS} HTTP/1.1`, "Host: evil.test"), 400, "duplicate_header"],
    [`GET ${STATUS} HTTP/1.1\r\n\r\n`, 400, "bad_request"],
    [`GET ${STATUS} HTTP/1.1\r\nHost: evil.test\r\n\r\n`, 403, "host_not_allowed"],
    [head(edge, `GET ${STATUS} HTTP/1.1`, "Origin: null"), 403, "origin_not_allowed"],
    [head(edge, `GET ${STATUS} HTTP/1.1`, "Sec-Fetch-Site: cross-site"), 403, "cross_site"],
    [head(edge, "GET /nowhere HTTP/1.1"), 404, "not_found"],
    [head(edge, `GET ${STATUS} HTTP/1.1`, "Expect: 200-ok"), 400, "bad_request"],
    [head(edge, `POST ${STATUS} HTTP/1.1`, "Transfer-Encoding: gzip, chunked"), 400, "bad_request"],
  ];
  for (const place of bothPlaces(edge)) {
    for (const [bytes, status, code] of cases) {
      assertRefused(await exchange(place, bytes), status, code, bytes.slice(0, 60));
    }
  }
});

test("HEAD is 405, without a body", async (t) => {
  const edge = await startEdge(t);
  const connection = openRaw(edge.tcp, head(edge, "HEAD /healthz HTTP/1.1", "Connection: close"));
  await connection.closed;
  assert.match(connection.text(), /^HTTP\/1.1 405 [^]*Allow: GET[^]*\r\n\r\n$/);
  const upgrade = openRaw(edge.tcp, head(edge, "HEAD /healthz HTTP/1.1", "Connection: upgrade", "Upgrade: websocket"));
  await upgrade.until((text) => text.includes("\r\n\r\n"));
  upgrade.socket.end();
  await upgrade.closed;
  assert.match(upgrade.text(), /^HTTP\/1.1 405 [^]*\r\n\r\n$/);
});

test("no token opens no route, and a token in query, cookie or body is none", async (t) => {
  const edge = await startEdge(t);
  const gets = [STATUS, "/v1/codexd/sessions", "/v1/codexd/sessions/x", "/v1/codexd/turns", "/v1/codexd/turns/x",
    "/v1/codexd/sessions/x/turns", "/v1/codexd/events", "/nowhere"];
  for (const path of gets) {
    assertRefused(await edge.askPlain({ path }), 401, "unauthorized", path);
    assertRefused(await edge.askPlain({ path: `${path}?token=${TOKEN}` }), 401, "unauthorized", path);
    const cookie = ["Cookie", `token=${TOKEN}`] as const;
    const reply = await edge.askPlain({ path, headers: [cookie] });
    assertRefused(reply, 401, "unauthorized", path);
    assert.equal(reply.headers["www-authenticate"], 'Bearer realm="codexd"');
  }
  const posts = ["sessions", "turn", "sessions/x/close", "sessions/x/interrupt", "sessions/x/turns"];
  for (const path of posts) {
    const headers = [["Content-Type", "application/json"]] as const;
    const request = { method: "POST", path: `/v1/codexd/${path}`, headers, body: JSON.stringify({ token: TOKEN }) };
    assertRefused(await edge.askPlain(request), 401, "unauthorized", path);
  }
  for (const sent of ["", "Bearer", `Bearer ${TOKEN.slice(1)}`, `Bearer ${TOKEN}0`, `Basic ${TOKEN}`]) {
    assertRefused(await edge.ask({ path: STATUS, headers: [["Authorization", sent]] }), 401, "unauthorized", sent);
  }
  assert.deepEqual(edge.services.calls, []);
  assert.ok(!edge.log.join().includes(TOKEN.slice(1)));
});

test("a refused request with a body is answered, and its connection closes", async (t) => {
  const edge = await startEdge(t);
  const body = "x".repeat(500_000);
  const request = "POST /v1/codexd/turn HTTP/1.1\r\nHost: evil\r\nContent-Length: 500000\r\n\r\n";
  const connection = openRaw(edge.tcp, request + body);
  const reply = await connection.reply();
  assertRefused(reply, 403, "host_not_allowed");
  assert.equal(reply.headers["connection"], "close");
  await connection.closed;
});

test("a refused request without a body keeps its connection", async (t) => {
  const edge = await startEdge(t);
  const connection = openRaw(edge.tcp, head(edge, "GET /nowhere HTTP/1.1"));
  assert.equal((await connection.reply()).headers["connection"], "keep-alive");
  connection.socket.write(head(edge, "GET /healthz HTTP/1.1"));
  await connection.until((text) => text.includes("HTTP/1.1 200"));
  connection.socket.destroy();
});

test("100-continue is said only to whom the guard and the headers let through", async (t) => {
  const edge = await startEdge(t);
  const fields = ["Content-Type: application/json", "Content-Length: 2", "Expect: 100-continue"];
  const first = "POST /v1/codexd/sessions HTTP/1.1";
  const plain = [first, `Host: 127.0.0.1:${edge.port}`, ...fields].join("\r\n");
  const refused = await exchange(edge.tcp, `${plain}\r\n\r\n`);
  assertRefused(refused, 401, "unauthorized");
  assert.deepEqual(refused.interim, []);
  const tooLong = [fields[0] ?? "", "Content-Length: 9999999", fields[2] ?? ""];
  const giant = await exchange(edge.tcp, head(edge, first, ...tooLong));
  assertRefused(giant, 413, "body_too_large");
  assert.deepEqual(giant.interim, []);
  const connection = openRaw(edge.tcp, head(edge, first, ...fields));
  await connection.until((text) => text.startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  connection.socket.write("{}");
  const reply = await connection.reply();
  assert.deepEqual([reply.status, reply.interim], [201, [100]]);
  connection.socket.destroy();
});

test("garbage behind a request that is being answered ends the connection without a second answer", async (t) => {
  const edge = await startEdge(t);
  const connection = openRaw(edge.tcp, head(edge, "GET /v1/codexd/events?format=ndjson HTTP/1.1"));
  await connection.until((text) => text.includes("x-ndjson"));
  connection.socket.write("\x00garbage\r\n\r\n");
  await connection.closed;
  assert.ok(!connection.text().includes("bad_request"));
});
