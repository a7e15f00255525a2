// Bodies over real connections: types, sizes and what is left unread.
//
// What may stand in the JSON is tested on bytes in json-object.test.ts, fields in routes.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import type { RawReply } from "../support/raw-http.ts";

const JSON_TYPE = ["Content-Type", "application/json"] as const;
const TURN = "/v1/codexd/turn";

function codeOf(reply: RawReply): [number, string] {
  return [reply.status, JSON.parse(reply.body).error];
}

type Fields = ReadonlyArray<readonly [string, string]>;

function post(t: EdgeUnderTest, body: string | Buffer, headers: Fields = [JSON_TYPE]): Promise<RawReply> {
  return t.ask({ method: "POST", path: "/v1/codexd/sessions", headers, body });
}

/** A session's metadata cannot be this long, so it shows that the body was read and parsed. */
function bodyOf(bytes: number): string {
  const frame = '{"nothing":""}';
  return `{"nothing":"${"x".repeat(bytes - frame.length)}"}`;
}

function chunked(text: string): string {
  const chunk = text === "" ? "" : `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  return `${chunk}0\r\n\r\n`;
}

test("an empty body counts as {}, whatever its type", async (t) => {
  const edge = await startEdge(t);
  for (const headers of [[], [["Content-Length", "0"]], [["Content-Type", "text/plain"]]] as const) {
    assert.equal((await post(edge, "", headers)).status, 201);
  }
  const empty = { method: "POST", path: "/v1/codexd/sessions", headers: [["Transfer-Encoding", "chunked"]] as const };
  assert.equal((await edge.ask({ ...empty, body: chunked("") })).status, 201);
  assert.deepEqual(edge.services.callsOf("sessions.create").at(-1), [{}]);
});

test("a body that is not application/json is 415 and says what to send", async (t) => {
  const edge = await startEdge(t);
  const types = [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "",
    "text/plain; a=,application/json",
  ];
  for (const type of types) {
    const reply = await post(edge, '{"purpose":"smoke"}', [["Content-Type", type]]);
    assert.deepEqual(codeOf(reply), [415, "unsupported_media_type"], type);
    assert.match(JSON.parse(reply.body).message, /-H 'Content-Type: application\/json'/);
  }
  assert.deepEqual(codeOf(await post(edge, "{}", [])), [415, "unsupported_media_type"]);
  const headers = [["Transfer-Encoding", "chunked"]] as const;
  assert.deepEqual(codeOf(await post(edge, chunked("{}"), headers)), [415, "unsupported_media_type"]);
  assert.deepEqual(edge.services.calls, []);
  assert.equal((await post(edge, "{}", [["Content-Type", "application/json; charset=utf-8"]])).status, 201);
});

test("1 MiB is read, one byte more is 413 before any of it is", async (t) => {
  const edge = await startEdge(t);
  assert.deepEqual(codeOf(await post(edge, bodyOf(LIMITS.bodyBytesMax))), [400, "bad_request"]);
  const told = [JSON_TYPE, ["Content-Length", String(LIMITS.bodyBytesMax + 1)]] as const;
  const reply = await post(edge, "", told);
  assert.deepEqual(codeOf(reply), [413, "body_too_large"]);
  assert.equal(reply.headers["connection"], "close");
  const giant = await post(edge, "{", [JSON_TYPE, ["Content-Length", String(2 ** 30)]]);
  assert.deepEqual(codeOf(giant), [413, "body_too_large"]);
});

test("without the token health takes 1 KiB, one byte more is 413, told or not; with it 1 MiB as all do", async (t) => {
  const edge = await startEdge(t);
  const most = LIMITS.untrustedBodyBytesMax;
  for (const path of ["/healthz", "/readyz"]) {
    const headers = [JSON_TYPE];
    const untold = [JSON_TYPE, ["Transfer-Encoding", "chunked"]] as const;
    assert.equal((await edge.askPlain({ path, headers, body: "{}".padEnd(most) })).status, 200);
    const tooMuch = "{}".padEnd(most + 1);
    assert.deepEqual(codeOf(await edge.askPlain({ path, headers, body: tooMuch })), [413, "body_too_large"]);
    const cut = await edge.askPlain({ path, headers: untold, body: chunked(tooMuch) });
    assert.deepEqual(codeOf(cut), [413, "body_too_large"]);
    assert.equal((await edge.ask({ path, headers, body: tooMuch })).status, 200);
  }
});

test("a body without a told length is cut off at the limit", async (t) => {
  const edge = await startEdge(t);
  const headers = [JSON_TYPE, ["Transfer-Encoding", "chunked"]] as const;
  assert.deepEqual(codeOf(await post(edge, chunked(bodyOf(LIMITS.bodyBytesMax)), headers)), [400, "bad_request"]);
  const reply = await post(edge, chunked(bodyOf(LIMITS.bodyBytesMax + 1)), headers);
  assert.deepEqual(codeOf(reply), [413, "body_too_large"]);
});

test("an endless chunked body is answered with 413, and its connection closed", async (t) => {
  const edge = await startEdge(t, { limits: { lingerMs: 20 } });
  const headers = [JSON_TYPE, ["Transfer-Encoding", "chunked"]] as const;
  const connection = edge.open({ method: "POST", path: "/v1/codexd/sessions", headers });
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  let open = true;
  const pour = (): void => {
    while (open && connection.socket.writable && connection.socket.write(chunk));
  };
  connection.socket.on("drain", pour);
  pour();
  assert.equal((await connection.reply()).status, 413);
  await connection.closed;
  open = false;
});

test("a turn's input may have 16 MiB", async (t) => {
  const edge = await startEdge(t);
  const body = JSON.stringify({ sessionId: "ses_1", prompt: "x".repeat(2 * 1024 * 1024) });
  const headers = [JSON_TYPE];
  assert.equal((await edge.ask({ method: "POST", path: TURN, headers, body })).status, 202);
  const path = "/v1/codexd/sessions/ses_1/turns";
  assert.equal((await edge.ask({ method: "POST", path, headers, body })).status, 202);
  const told = [JSON_TYPE, ["Content-Length", String(LIMITS.inputBodyBytesMax + 1)]] as const;
  assert.deepEqual(codeOf(await edge.ask({ method: "POST", path: TURN, headers: told })), [413, "body_too_large"]);
});

test("what is no JSON object that can be looked at is bad_json", async (t) => {
  const edge = await startEdge(t);
  const bombs = [
    "{", "[]", Buffer.from([0x22, 0xff, 0x22]), `{"config":${"[".repeat(100_000)}`, '{"__proto__":{"purpose":"smoke"}}',
    '{"config":{"\\u005f_proto__":1}}', `{${'"a":1,'.repeat(10_000)}"a":1}`,
  ];
  for (const bomb of bombs) assert.deepEqual(codeOf(await post(edge, bomb)), [400, "bad_json"]);
  assert.deepEqual(edge.services.calls, []);
});

test("fields are refused by name", async (t) => {
  const edge = await startEdge(t);
  for (const [body, field] of [['{"token":"x"}', "token"], ['{"purpose":"x"}', "purpose"], ['{"cwd":"a"}', "cwd"]]) {
    const reply = await post(edge, body ?? "");
    assert.deepEqual(codeOf(reply), [400, "bad_request"]);
    assert.equal(JSON.parse(reply.body).detail.field, field);
  }
});

test("a GET's body is read as any other, so that it is no request of its own", async (t) => {
  const edge = await startEdge(t);
  const path = "/v1/codexd/sessions";
  assert.equal((await edge.ask({ path, headers: [JSON_TYPE], body: "{}" })).status, 200);
  assert.deepEqual(codeOf(await edge.ask({ path, headers: [JSON_TYPE], body: '{"a":1}' })), [400, "bad_request"]);
  assert.deepEqual(codeOf(await edge.ask({ path, body: "GET / HTTP/1.1\r\n\r\n" })), [415, "unsupported_media_type"]);
});

test("a client that goes in mid-body is nobody's error", async (t) => {
  const edge = await startEdge(t);
  const headers = [JSON_TYPE, ["Content-Length", "100"]] as const;
  const connection = edge.open({ method: "POST", path: "/v1/codexd/sessions", headers, body: "{" });
  await new Promise((resolve) => connection.socket.write(" ", resolve));
  connection.socket.destroy();
  await connection.closed;
  assert.equal((await edge.ask({ path: "/healthz" })).status, 200);
  assert.deepEqual(edge.log, []);
});
