// What decoders say of themselves, against what they do.
//
// Each value is shown to both: the schema must take what the decoder takes, and refuse what it refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  anyObject, array, boolean, DecodeError, described, either, integer, nonEmptyString, object, oneOf, optional, record,
  required, string, type Decoder,
} from "../../src/base/decode.ts";
import { nullable, withOptional, type JsonSchema } from "../../src/base/json-schema.ts";
import { misfits } from "../support/schema-check.ts";

const VALUES: readonly unknown[] = [
  undefined, null, true, false, 0, 1, 2, 3, 1.5, -1, "", "a", "b", "word", [], ["a"], [1], ["a", 1], {}, { a: 1 },
  { a: "x" }, { a: "x", b: 1 }, { a: "x", b: null }, { a: null }, { a: "x", c: 1 }, { b: 1 },
];

const DECODERS: Readonly<Record<string, Decoder<unknown>>> = {
  string, nonEmptyString, boolean, anyObject,
  integer: integer(1, 2),
  oneOf: oneOf("a", "b"),
  array: array(string),
  arrayOfSome: array(nonEmptyString, 1),
  record: record(string),
  either: either(string, array(integer(1, 1), 1), "either"),
  object: object<{ a: string; b?: number | undefined }>({ a: required(string), b: optional(integer(0, 9)) }),
  optionalWord: object<{ a?: "x" | undefined }>({ a: optional(oneOf("x")) }),
  optionalEither: object<{ a?: string | number | undefined }>({
    a: optional(either(nonEmptyString, integer(1, 1), "either")),
  }),
  nothing: object<Record<string, never>>({}),
};

function takes(decode: Decoder<unknown>, value: unknown): boolean {
  try {
    decode(value, "");
    return true;
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return false;
  }
}

test("the schema of a decoder takes what the decoder takes, and nothing else", () => {
  for (const [name, decode] of Object.entries(DECODERS)) {
    const { schema } = decode;
    assert.ok(schema !== undefined, name);
    for (const value of VALUES) {
      // JSON has no undefined.
      if (value === undefined) continue;
      assert.equal(misfits(value, schema).length === 0, takes(decode, value), `${name} ${JSON.stringify(value)}`);
    }
  }
});

test("a decoder that nobody has described takes anything, wherever it stands", () => {
  const plain: Decoder<unknown> = (value) => value;
  assert.deepEqual(object<{ a: unknown; b?: unknown }>({ a: required(plain), b: optional(plain) }).schema, {
    type: "object", properties: { a: {}, b: {} }, required: ["a"], additionalProperties: false,
  });
  assert.deepEqual(array(plain).schema, { type: "array", items: {} });
  assert.deepEqual(record(plain).schema, { type: "object", additionalProperties: {} });
  assert.deepEqual(either(plain, plain, "it").schema, { anyOf: [{}, {}] });
});

test("a description changes nothing of what a function does", () => {
  const double = described((value: number) => value * 2, { type: "number" });
  assert.deepEqual([double(2), double.schema], [4, { type: "number" }]);
});

test("nullable adds null, whatever the form", () => {
  const forms: readonly JsonSchema[] = [
    { type: "string" }, { type: "string", enum: ["a"] }, { anyOf: [{ type: "string" }, { type: "object" }] },
    { $ref: "#/x/Word" }, {},
  ];
  const schemas = { Word: { type: "string" } };
  for (const schema of forms) {
    assert.deepEqual(misfits(null, nullable(schema), { schemas }), [], JSON.stringify(schema));
    assert.deepEqual(misfits("a", nullable(schema), { schemas }), []);
  }
  assert.equal(misfits("b", nullable({ type: "string", enum: ["a"] })).length, 1);
});

test("withOptional takes one field out of those that must be there", () => {
  const { schema = {} } = object<{ a: string; b: string }>({ a: required(string), b: required(string) });
  assert.deepEqual(misfits({ b: "x", a: null }, withOptional(schema, "a")), []);
  assert.equal(misfits({ a: "x" }, withOptional(schema, "a")).length, 1);
  const none = withOptional(withOptional(schema, "a"), "b");
  assert.equal("required" in none, false);
  assert.deepEqual(withOptional({ type: "object" }, "a"), { type: "object" });
});
