// Uploads: the bytes themselves or base64 in JSON, and nothing else; within their limits, whole.
//
// The service is a double: what it makes of the bytes is tested in test/service.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import { CodexdError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { startEdge, type EdgeUnderTest } from "../support/edge-under-test.ts";
import type { RawReply, RequestParts } from "../support/raw-http.ts";

const UPLOADS = "/v1/codexd/uploads";
const OF_SESSION = `${UPLOADS}?session=ses_1`;
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0x00]);

type Headers = ReadonlyArray<readonly [string, string]>;
const typed = (type: string): Headers => [["Content-Type", type]];

function post(edge: EdgeUnderTest, body: string | Buffer, headers: Headers, path = OF_SESSION): Promise<RawReply> {
  return edge.ask({ method: "POST", path, headers, body });
}

const codeOf = (reply: RawReply): unknown => [reply.status, JSON.parse(reply.body).error];
const fieldOf = (reply: RawReply): unknown => [reply.status, JSON.parse(reply.body).detail.field];

test("an image is uploaded as its bytes, with the token or on the socket", async (t) => {
  const edge = await startEdge(t);
  const seen: Buffer[] = [];
  const { create } = edge.services.uploads;
  edge.services.uploads.create = async (input) => {
    seen.push(input.bytes);
    return create(input);
  };
  for (const type of ["image/png", "image/jpeg", "image/gif", "image/webp", "IMAGE/PNG; charset=binary"]) {
    const reply = await post(edge, PNG, typed(type));
    const { data } = JSON.parse(reply.body);
    assert.deepEqual([reply.status, data.upload.sessionId, data.upload.bytes], [201, "ses_1", PNG.length]);
    assert.equal(data.upload.mediaType, type.split(";")[0]?.toLowerCase());
  }
  assert.ok(seen.every((bytes) => bytes.equals(PNG)));
  const plain: RequestParts = { method: "POST", path: OF_SESSION, headers: typed("image/png"), body: PNG };
  assert.equal((await edge.askPlain(plain)).status, 401);
  assert.equal((await edge.askPlain(plain, edge.unix)).status, 201);
});

test("an image is uploaded as base64 in JSON, whose session the path may repeat", async (t) => {
  const edge = await startEdge(t);
  const data = PNG.toString("base64");
  for (const [path, body] of [
    [UPLOADS, { sessionId: "ses_1", data }],
    [OF_SESSION, { sessionId: "ses_1", data, mediaType: null }],
    [UPLOADS, { sessionId: "ses_1", data, mediaType: "image/gif" }],
  ] as const) {
    assert.equal((await post(edge, JSON.stringify(body), typed("application/json"), path)).status, 201);
  }
  const passed = { sessionId: "ses_1", bytes: PNG.length };
  assert.deepEqual(edge.services.callsOf("uploads.create"), [
    [{ ...passed, mediaType: null }], [{ ...passed, mediaType: null }], [{ ...passed, mediaType: "image/gif" }],
  ]);
});

test("whose it is has to be said, once or the same twice", async (t) => {
  const edge = await startEdge(t);
  const json = JSON.stringify({ sessionId: "ses_2", data: PNG.toString("base64") });
  const missing = await post(edge, PNG, typed("image/png"), UPLOADS);
  assert.deepEqual(fieldOf(missing), [400, "session"]);
  assert.match(JSON.parse(missing.body).message, /\?session=ses_/);
  assert.deepEqual(fieldOf(await post(edge, json, typed("application/json"))), [400, "session"]);
  assert.deepEqual(fieldOf(await post(edge, "{}", typed("application/json"))), [400, "sessionId"]);
  assert.deepEqual(fieldOf(await post(edge, PNG, typed("image/png"), `${UPLOADS}?session=`)), [400, "session"]);
  assert.deepEqual(fieldOf(await post(edge, PNG, typed("image/png"), `${OF_SESSION}&name=x`)), [400, "name"]);
  assert.deepEqual(edge.services.calls, []);
});

test("what is no image and no JSON is 415, with what is taken here; elsewhere an image is wrong too", async (t) => {
  const edge = await startEdge(t);
  const simple = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
  for (const headers of [...[...simple, "image/svg+xml", "image/png, text/plain"].map(typed), []]) {
    const reply = await post(edge, PNG, headers);
    assert.deepEqual(codeOf(reply), [415, "unsupported_media_type"]);
    const { message, detail } = JSON.parse(reply.body);
    assert.match(message, /image\/png, image\/jpeg, image\/gif, image\/webp, or JSON.*-H 'Content-Type: image\/png'/);
    assert.deepEqual(detail, { header: "Content-Type: image/png" });
  }
  const elsewhere = await post(edge, PNG, typed("image/png"), "/v1/codexd/sessions");
  assert.deepEqual(codeOf(elsewhere), [415, "unsupported_media_type"]);
  assert.match(JSON.parse(elsewhere.body).message, /must be JSON/);
  assert.deepEqual(edge.services.calls, []);
});

test("an empty file is one too, which the service refuses, not an empty object", async (t) => {
  const edge = await startEdge(t);
  edge.services.failures.set("uploads.create", new DecodeError("", "an image has at least 1 byte"));
  for (const headers of [typed("image/png"), [...typed("image/png"), ["Content-Length", "0"] as const]]) {
    const reply = await post(edge, "", headers);
    assert.deepEqual(codeOf(reply), [400, "bad_request"]);
  }
  const passed = { sessionId: "ses_1", mediaType: "image/png", bytes: 0 };
  assert.deepEqual(edge.services.callsOf("uploads.create"), [[passed], [passed]]);
});

test("16 MiB are taken, one byte more is 413, unread where it is told", async (t) => {
  const edge = await startEdge(t, { limits: { lingerMs: 20 } });
  const most = Buffer.alloc(LIMITS.uploadBytesMax);
  assert.equal((await post(edge, most, typed("image/png"))).status, 201);
  const json = JSON.stringify({ sessionId: "ses_1", data: most.toString("base64"), mediaType: "image/png" });
  assert.equal((await post(edge, json, typed("application/json"), UPLOADS)).status, 201);
  for (const [type, limit] of [
    ["image/png", LIMITS.uploadBytesMax], ["application/json", LIMITS.uploadJsonBytesMax],
  ] as const) {
    const told = await post(edge, "", [...typed(type), ["Content-Length", String(limit + 1)]]);
    assert.deepEqual([codeOf(told), JSON.parse(told.body).detail], [[413, "body_too_large"], { limit }]);
  }
  const chunked = Buffer.concat([
    Buffer.from(`${(LIMITS.uploadBytesMax + 1).toString(16)}\r\n`), most, Buffer.from("x\r\n0\r\n\r\n"),
  ]);
  const untold = await post(edge, chunked, [...typed("image/png"), ["Transfer-Encoding", "chunked"]]);
  assert.deepEqual(codeOf(untold), [413, "body_too_large"]);
  assert.deepEqual(edge.services.callsOf("uploads.create").length, 2);
});

test("what the service refuses has its status", async (t) => {
  const edge = await startEdge(t);
  for (const [thrown, status, code] of [
    [new CodexdError("session_closed", "closed"), 409, "session_closed"],
    [new CodexdError("not_found", "no session ses_1"), 404, "not_found"],
    [new CodexdError("storage_full", "no space left"), 503, "storage_full"],
  ] as const) {
    edge.services.failures.set("uploads.create", thrown);
    assert.deepEqual(codeOf(await post(edge, PNG, typed("image/png"))), [status, code]);
  }
});
