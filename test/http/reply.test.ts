// Envelopes and errors.
//
// Pure: what goes on the wire is read back where it is bytes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import { createLogger, silentLogger } from "../../src/base/log.ts";
import { CodexdError, ERROR_STATUS, type ErrorCode } from "../../src/core/errors.ts";
import { rawRefusal, refusal, refusalOf, refusalText, successText } from "../../src/http/reply.ts";
import { parseReply } from "../support/raw-http.ts";

test("replies are JSON with two spaces and a newline", () => {
  assert.equal(successText({ a: 1 }), '{\n  "ok": true,\n  "data": {\n    "a": 1\n  }\n}\n');
  const refused = refusal("not_found", "no such route");
  assert.equal(refusalText(refused), '{\n  "ok": false,\n  "error": "not_found",\n  "message": "no such route"\n}\n');
  assert.deepEqual(JSON.parse(refusalText(refusal("timeout", "m", {}, { a: 1 }))).detail, { a: 1 });
});

test("every code has its status from the table, and its detail goes along", () => {
  for (const [code, status] of Object.entries(ERROR_STATUS)) {
    const refused = refusalOf(new CodexdError(code as ErrorCode, "m", { a: 1 }), silentLogger);
    assert.deepEqual([refused.status, refused.code, refused.message, refused.detail], [status, code, "m", { a: 1 }]);
  }
});

test("a decode error names its field", () => {
  const refused = refusalOf(new DecodeError("input[0]", "must be a string"), silentLogger);
  assert.deepEqual([refused.status, refused.code], [400, "bad_request"]);
  assert.deepEqual([refused.message, refused.detail], ["input[0]: must be a string", { field: "input[0]" }]);
});

test("anything else is internal_error, its cause in the log alone", () => {
  for (const thrown of [new Error("secret cause"), "secret cause", new CodexdError("internal_error", "known")]) {
    const lines: string[] = [];
    const log = createLogger({ level: "info", write: (line) => lines.push(line), now: () => 0 });
    const refused = refusalOf(thrown, log);
    assert.deepEqual([refused.status, refused.code], [500, "internal_error"]);
    assert.ok(!refusalText(refused).includes("secret cause"));
    assert.match(lines.join(), /secret cause|known/);
  }
  const bare = new Error("no stack");
  delete bare.stack;
  assert.equal(refusalOf(bare, silentLogger).code, "internal_error");
});

test("a reply for a bare socket is a whole one, and closes", () => {
  const refused = refusal("unauthorized", "é");
  const reply = parseReply(Buffer.from(rawRefusal(refused, { body: true })).toString("latin1"), false);
  assert.equal(reply?.status, 401);
  assert.equal(reply.headers["connection"], "close");
  assert.equal(reply.headers["www-authenticate"], 'Bearer realm="codexd"');
  assert.equal(reply.headers["x-content-type-options"], "nosniff");
  assert.equal(JSON.parse(reply.body).message, "é");
  assert.ok(rawRefusal(refused, { body: false }).endsWith("\r\n\r\n"));
});
