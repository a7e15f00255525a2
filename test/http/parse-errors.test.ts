// The parser's codes in codexd's words.
//
// That Node really gives these codes is tested in connections.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRefusal } from "../../src/http/parse-errors.ts";

function parsed(code: string | undefined, reason?: string): [number, string] {
  const error = Object.assign(new Error("x"), { ...(code && { code }), ...(reason && { reason }) });
  const { status, code: given } = parseRefusal(error);
  return [status, given];
}

test("each code of the parser has a status", () => {
  assert.deepEqual(parsed("HPE_HEADER_OVERFLOW"), [431, "headers_too_large"]);
  assert.deepEqual(parsed("HPE_CHUNK_EXTENSIONS_OVERFLOW"), [413, "body_too_large"]);
  assert.deepEqual(parsed("HPE_INVALID_VERSION"), [505, "http_version_not_supported"]);
  assert.deepEqual(parsed("HPE_PAUSED_H2_UPGRADE"), [505, "http_version_not_supported"]);
  assert.deepEqual(parsed("HPE_INVALID_URL"), [400, "bad_target"]);
  assert.deepEqual(parsed("ERR_HTTP_REQUEST_TIMEOUT"), [408, "request_timeout"]);
  assert.deepEqual(parsed("HPE_UNEXPECTED_CONTENT_LENGTH", "Duplicate Content-Length"), [400, "duplicate_header"]);
  assert.deepEqual(parsed("HPE_INVALID_METHOD", "Invalid method encountered"), [400, "bad_request"]);
  assert.deepEqual(parsed(undefined), [400, "bad_request"]);
});
