// The opening handshake, the server's half: what opens, and what each request that does not is answered with.
//
// Each refusal differs from the request of RFC 6455 §1.2 in one thing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptValue, judgeUpgrade, upgradeResponse } from "../../src/protocol/ws-handshake.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const HEADERS = {
  Host: "127.0.0.1:4310",
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Key": KEY,
  "Sec-WebSocket-Version": "13",
};

function judge(
  changes: Record<string, string | undefined>, more: readonly string[] = [], method = "GET", httpVersion = "1.1",
): ReturnType<typeof judgeUpgrade> {
  const fields = Object.entries({ ...HEADERS, ...changes });
  const rawHeaders = fields.flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  return judgeUpgrade({ method, httpVersion, rawHeaders: [...rawHeaders, ...more] });
}

test("RFC 6455 §1.3: the accept value", () => {
  assert.equal(acceptValue(KEY), ACCEPT);
});

test("lists, several fields, any case and blanks are all the same", () => {
  for (const changes of [
    {}, { Connection: "keep-alive, Upgrade" }, { Connection: "keep-alive ,\tupgrade ,x" }, { Upgrade: "WebSocket" },
    { Upgrade: "h2c, websocket" }, { "Sec-WebSocket-Extensions": "permessage-deflate", "Sec-WebSocket-Protocol": "x" },
    { "Sec-WebSocket-Protocol": "chat ,, superchat", "Content-Length": "0" },
    { "Sec-WebSocket-Extensions": 'a; b="1\\2" ;c = d ,permessage-deflate; client_max_window_bits' },
  ]) {
    assert.deepEqual(judge(changes), { ok: true, accept: ACCEPT });
  }
  assert.equal(judge({ Connection: "keep-alive" }, ["connection", "UPGRADE"]).ok, true);
});

for (const [name, changes, status] of [
  ["no Connection", { Connection: undefined }, 400],
  ["Connection: close", { Connection: "close" }, 400],
  ["Connection: a longer word", { Connection: "upgraded" }, 400],
  ["no Upgrade", { Upgrade: undefined }, 400],
  ["Upgrade: h2c", { Upgrade: "h2c" }, 400],
  ["no key", { "Sec-WebSocket-Key": undefined }, 400],
  ["an empty key", { "Sec-WebSocket-Key": "" }, 400],
  ["a key of 15 bytes", { "Sec-WebSocket-Key": Buffer.alloc(15).toString("base64") }, 400],
  ["a key of 17 bytes", { "Sec-WebSocket-Key": Buffer.alloc(17).toString("base64") }, 400],
  ["a key that is not base64", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j*Q==" }, 400],
  ["no version", { "Sec-WebSocket-Version": undefined }, 426],
  ["version 12", { "Sec-WebSocket-Version": "12" }, 426],
  ["version 013", { "Sec-WebSocket-Version": "013" }, 426],
  ["a key with a no-break space behind it", { "Sec-WebSocket-Key": `${KEY}\u00a0` }, 400],
  ["a key with a space within", { "Sec-WebSocket-Key": KEY.replace("s", " ") }, 400],
  ["Upgrade: websocket and a no-break space", { Upgrade: "websocket\u00a0" }, 400],
  ["Upgrade: a version of websocket", { Upgrade: "websocket/13" }, 400],
  ["Connection: upgrade and a form feed", { Connection: "\fupgrade" }, 400],
  ["a body", { "Content-Length": "5" }, 400],
  ["a body of chunks", { "Transfer-Encoding": "chunked" }, 400],
  ["an empty subprotocol", { "Sec-WebSocket-Protocol": "" }, 400],
  ["a subprotocol that is no token", { "Sec-WebSocket-Protocol": "a, b c" }, 400],
  ["a subprotocol that comes twice", { "Sec-WebSocket-Protocol": "a, b, a" }, 400],
  ["no extension", { "Sec-WebSocket-Extensions": " , " }, 400],
  ["an extension without a name", { "Sec-WebSocket-Extensions": "; a" }, 400],
  ["an extension's parameter without a name", { "Sec-WebSocket-Extensions": "a;" }, 400],
  ["an extension's quoted value that is no token", { "Sec-WebSocket-Extensions": 'a; b="c d"' }, 400],
  ["an extension's quote that is left open", { "Sec-WebSocket-Extensions": 'a; b="c' }, 400],
  ["two versions in one field", { "Sec-WebSocket-Version": "13, 8" }, 426],
] as const) {
  test(`${name} is answered with ${status}`, () => {
    const judgement = judge(changes);
    assert.ok(!judgement.ok);
    assert.equal(judgement.status, status);
    assert.equal(judgement.headers["Sec-WebSocket-Version"], status === 426 ? "13" : undefined);
  });
}

test("two keys, two versions, another method or HTTP version open nothing", () => {
  for (const [judgement, status] of [
    [judge({}, ["sec-websocket-key", KEY]), 400],
    [judge({}, ["sec-websocket-version", "13"]), 426],
    [judge({}, [], "GET", "1.0"), 400],
    [judge({}, [], "POST"), 405],
    [judgeUpgrade({ httpVersion: "1.1", rawHeaders: [] }), 405],
    [judgeUpgrade({ method: "GET", httpVersion: "1.1", rawHeaders: ["Connection"] }), 400],
  ] as const) {
    assert.ok(!judgement.ok);
    assert.equal(judgement.status, status);
    assert.equal(judgement.headers["Allow"], status === 405 ? "GET" : undefined);
  }
});

test("a long list is read in linear time", () => {
  const judgement = judge({ Connection: `${", ".repeat(500_000)}upgrade` });
  assert.equal(judgement.ok, true);
  const blanks = " ".repeat(500_000);
  assert.equal(judge({ Connection: `x${blanks}x,${blanks}upgrade${blanks}` }).ok, true);
  assert.equal(judge({ "Sec-WebSocket-Protocol": `a${blanks}b` }).ok, false);
  for (const offer of [
    `a${blanks}b`, `a;${blanks}=`, `a${";b=c".repeat(100_000)}=`, `a; b="${"\\c".repeat(200_000)}`,
  ]) {
    assert.equal(judge({ "Sec-WebSocket-Extensions": offer }).ok, false);
  }
});

test("the answer is complete and agrees on nothing", () => {
  assert.equal(
    upgradeResponse(ACCEPT).toString(),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
  );
  for (const value of ["b\r\nD: e", "b\u010d\u010aD: e"]) {
    assert.throws(() => upgradeResponse(ACCEPT, { A: value }), /one line/);
  }
  assert.match(upgradeResponse(ACCEPT, { A: "b", C: "d" }).toString(), /: [^ ]+\r\nA: b\r\nC: d\r\n\r\n$/);
});
