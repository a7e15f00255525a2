// Header fields and media types.
//
// Pure: values in, answers out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isMediaType, listsMediaType, readHeaders } from "../../src/http/headers.ts";

test("fields are found in any case, counted, and the first of several is the one given", () => {
  const headers = readHeaders(["HOST", "a", "host", "b", "X-One", ""]);
  assert.equal(headers.count, 3);
  assert.equal(headers.get("host"), "a");
  assert.equal(headers.times("host"), 2);
  assert.equal(headers.get("x-one"), "");
  assert.equal(headers.get("origin"), null);
  assert.equal(headers.times("origin"), 0);
});

test("a media type is the whole value before its parameters", () => {
  assert.ok(isMediaType("application/json", "application/json"));
  assert.ok(isMediaType(" Application/JSON ; charset=utf-8", "application/json"));
  assert.ok(!isMediaType("text/plain;a=,application/json", "application/json"));
  assert.ok(!isMediaType("text/plain, application/json", "application/json"));
  assert.ok(!isMediaType("application/jsonp", "application/json"));
  assert.ok(!isMediaType(null, "application/json"));
});

test("a list names each of its media types", () => {
  assert.ok(listsMediaType("text/html, application/x-ndjson;q=0.9", "application/x-ndjson"));
  assert.ok(!listsMediaType("*/*", "application/x-ndjson"));
  assert.ok(!listsMediaType(null, "application/x-ndjson"));
});
