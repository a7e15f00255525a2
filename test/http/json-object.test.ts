// What a body may be as JSON, on both sides of every bound.
//
// Pure: bytes in, an object or `bad_json` out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../src/core/errors.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { parseJsonObject } from "../../src/http/json-object.ts";

function refused(text: string | Buffer, message: RegExp): void {
  assert.throws(() => parseJsonObject(Buffer.from(text)), (error) => {
    return error instanceof CodexdError && error.code === "bad_json" && message.test(error.message);
  }, String(text).slice(0, 80));
}

/** An object `depth` deep in all. */
function nested(depth: number): string {
  return `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}

function keys(count: number): string {
  return `{${Array.from({ length: count }, (_, i) => `"k${i}":0`).join(",")}}`;
}

test("objects are given as they are", () => {
  const text = '{"a":[1,{"b":"\\\\","c":"\\"{[:"}],"d":"é𝄞","e":null}';
  assert.deepEqual(parseJsonObject(Buffer.from(text)), JSON.parse(text));
  assert.deepEqual(parseJsonObject(Buffer.from(" {} ")), {});
});

test("what is not UTF-8, not JSON or not an object is refused", () => {
  refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /UTF-8/);
  for (const text of ["{", "}", "{'a':1}", '{"a":1}}', '{"a', '"\\', "\ufeff{}", "undefined", "{a:1}"]) {
    refused(text, /not JSON/);
  }
  for (const text of ["[]", "1", "null", '"x"', "true"]) refused(text, /must be a JSON object/);
});

test("depth has its bound, and brackets in strings do not count", () => {
  parseJsonObject(Buffer.from(nested(LIMITS.jsonDepthMax)));
  refused(nested(LIMITS.jsonDepthMax + 1), /deeper than 64/);
  refused("[".repeat(500_000), /deeper than 64/);
  parseJsonObject(Buffer.from(`{"a":"${"[{".repeat(1000)}"}`));
  parseJsonObject(Buffer.from(`{"a":[${"[],".repeat(1000)}[]]}`));
});

test("keys have their bound, repeated ones count, and colons in strings do not", () => {
  parseJsonObject(Buffer.from(keys(LIMITS.jsonKeysMax)));
  refused(keys(LIMITS.jsonKeysMax + 1), /more than 10000 keys/);
  refused(`{${'"a":0,'.repeat(LIMITS.jsonKeysMax)}"a":0}`, /more than 10000 keys/);
  parseJsonObject(Buffer.from(`{"a":"${":".repeat(20_000)}"}`));
});

test("elements have their bound, wherever they stand, and commas in strings do not count", () => {
  const zeros = (count: number): string => `{"a":[${"0,".repeat(count - 1)}0]}`;
  parseJsonObject(Buffer.from(zeros(LIMITS.jsonElementsMax)));
  refused(zeros(LIMITS.jsonElementsMax + 1), /more than 100000 elements/);
  refused(`{"a":[${"[],".repeat(LIMITS.jsonElementsMax)}[]]}`, /more than 100000 elements/);
  refused(`{"a":[${`[${"0,".repeat(999)}0],`.repeat(101)}0]}`, /more than 100000 elements/);
  parseJsonObject(Buffer.from(`{"a":"${",".repeat(200_000)}"}`));
});

test("a key __proto__ is refused however it is written, as a value it is not", () => {
  refused('{"__proto__":{"isAdmin":true}}', /__proto__/);
  refused('{"a":[{"\\u005f_proto__":1}]}', /__proto__/);
  refused('{"a":{"b":{"__pro\\u0074o__":null}}}', /__proto__/);
  const harmless = { a: "__proto__", constructor: 1 };
  assert.deepEqual(parseJsonObject(Buffer.from(JSON.stringify(harmless))), harmless);
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
});
