// The opening handshake, the client's half: what it sends, and which answers it does not believe.
//
// The honest answer is the server's own, from ws-handshake.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { createUpgradeReader, judgeUpgradeResponse, upgradeRequest } from "../../src/protocol/ws-client-handshake.ts";
import { acceptValue, upgradeResponse } from "../../src/protocol/ws-handshake.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = acceptValue(KEY);
const ANSWER = upgradeResponse(ACCEPT).toString("latin1").trimEnd();

test("the request", () => {
  const options = { host: "127.0.0.1:1", path: "/a?b=1", key: KEY, bearer: "t0ken", headers: { X: "y" } };
  const request = upgradeRequest(options);
  assert.equal(request.toString("latin1"), [
    "GET /a?b=1 HTTP/1.1", "Host: 127.0.0.1:1", "Upgrade: websocket", "Connection: Upgrade",
    `Sec-WebSocket-Key: ${KEY}`, "Sec-WebSocket-Version: 13", "Authorization: Bearer t0ken", "X: y", "", "",
  ].join("\r\n"));
  assert.ok(!upgradeRequest({ host: "h", path: "/", key: KEY }).includes("Authorization"));
});

test("a value that would break out of its line is refused", () => {
  for (const changes of [
    { path: "/\r\nX: y" }, { host: "h\n" }, { bearer: "a\rb" }, { headers: { "X\0": "y" } },
    // Written as one byte each, these would be a carriage return and a line feed.
    { bearer: "a\u010d\u010aX: y" },
  ]) {
    assert.throws(() => upgradeRequest({ host: "h", path: "/", key: KEY, ...changes }), /one line/);
  }
});

test("an honest answer opens the connection", () => {
  assert.deepEqual(judgeUpgradeResponse(ANSWER, KEY), { ok: true });
  const shouted = `HTTP/1.1 101\r\nUPGRADE:WebSocket\r\nconnection: x, upgrade\r\nsec-websocket-accept:\t${ACCEPT} `;
  assert.deepEqual(judgeUpgradeResponse(shouted, KEY), { ok: true });
});

for (const [name, head, status] of [
  ["another status", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0", 401],
  ["another protocol", "SSH-2.0-OpenSSH", null],
  ["another HTTP", ANSWER.replace("HTTP/1.1", "HTTP/1.0"), null],
  ["an empty head", "", null],
  ["no Upgrade", ANSWER.replace("Upgrade: websocket\r\n", ""), 101],
  ["another Upgrade", ANSWER.replace("websocket", "h2c"), 101],
  ["no Connection", ANSWER.replace("Connection: Upgrade", "Connection: close"), 101],
  ["a wrong accept value", ANSWER.replace(ACCEPT, acceptValue("other")), 101],
  ["no accept value", ANSWER.replace("Accept:", "Accepted:"), 101],
  ["two accept values", `${ANSWER}\r\nSec-WebSocket-Accept: ${ACCEPT}`, 101],
  ["an extension", `${ANSWER}\r\nSec-WebSocket-Extensions: permessage-deflate`, 101],
  ["a subprotocol", `${ANSWER}\r\nSec-WebSocket-Protocol: chat`, 101],
  ["a folded line", `${ANSWER}\r\n folded: x`, 101],
  ["a line that ends without a CR", `${ANSWER}\r\nX: y\nZ: z`, 101],
  ["an Upgrade behind a line feed", ANSWER.replace("websocket", "\n websocket"), 101],
  ["an Upgrade with a no-break space", ANSWER.replace("websocket", "websocket\xa0"), 101],
  ["a NUL", `${ANSWER}\r\nX: \0`, 101],
  ["a line without a name", `${ANSWER}\r\n: x`, 101],
  ["a line without a colon", `${ANSWER}\r\nnothing`, 101],
] as const) {
  test(`${name} is not believed`, () => {
    const answer = judgeUpgradeResponse(head, KEY);
    assert.ok(!answer.ok);
    assert.equal(answer.status, status);
    assert.notEqual(answer.message, "");
  });
}

test("the head is found wherever the bytes are cut, and what follows it is passed on", () => {
  const all = Buffer.concat([upgradeResponse(ACCEPT), Buffer.from("frames\r\n\r\n")]);
  const headBytes = upgradeResponse(ACCEPT).length;
  for (let cut = 0; cut <= all.length; cut += 1) {
    const reader = createUpgradeReader(KEY);
    const early = reader.push(all.subarray(0, cut));
    const answer = early ?? reader.push(all.subarray(cut));
    assert.equal(early === null, cut < headBytes);
    assert.equal(answer?.ok, true);
    assert.equal(answer?.rest.toString(), all.subarray(headBytes, cut < headBytes ? all.length : cut).toString());
  }
});

test("a refusal gives its status, and its body as far as it came", () => {
  const answer = createUpgradeReader(KEY).push(Buffer.from("HTTP/1.1 403 Forbidden\r\n\r\nwhy"));
  assert.deepEqual(answer, {
    ok: false, status: 403, message: "the upgrade was answered with 403 Forbidden", rest: Buffer.from("why"),
  });
});

test("a head of exactly the limit is read, a longer one is not waited for", () => {
  const pad = (bytes: number): Buffer => {
    const frame = `${ANSWER}\r\nX-Pad: `;
    return Buffer.from(`${frame}${"x".repeat(bytes - frame.length - 4)}\r\n\r\n`);
  };
  assert.equal(createUpgradeReader(KEY).push(pad(LIMITS.headerBytesMax))?.ok, true);
  const tooLong = createUpgradeReader(KEY).push(pad(LIMITS.headerBytesMax + 1));
  assert.deepEqual([tooLong?.ok, tooLong?.ok === false && tooLong.status], [false, null]);

  const slow = createUpgradeReader(KEY);
  let answer = slow.push(Buffer.from("H"));
  for (let i = 1; i < LIMITS.headerBytesMax; i += 1) {
    assert.equal(answer, null);
    answer = slow.push(Buffer.from("H"));
  }
  assert.equal(answer?.ok, false);
});
