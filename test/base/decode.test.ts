// Each decoder: what it takes, unchanged; what it refuses, with the path and a sentence.
//
// One table of what is taken and one of what is refused, so that a new decoder is one row in each.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as decode from "../../src/base/decode.ts";
import { DecodeError, type Decoder } from "../../src/base/decode.ts";

const accepted: ReadonlyArray<readonly [string, Decoder<unknown>, readonly unknown[]]> = [
  ["string", decode.string, ["", "text"]],
  ["nonEmptyString", decode.nonEmptyString, [" ", "text"]],
  ["boolean", decode.boolean, [true, false]],
  ["integer", decode.integer(0, 10), [0, -0, 5, 10]],
  ["oneOf", decode.oneOf("asc", "desc"), ["asc", "desc"]],
  ["array", decode.array(decode.string), [[], ["a", "b"]]],
  ["array with a least length", decode.array(decode.string, 1), [["a"]]],
  ["anyObject", decode.anyObject, [{}, { a: 1 }, Object.create(null)]],
  ["record", decode.record(decode.string), [{}, { a: "1", b: "2" }]],
  ["either", decode.either(decode.string, decode.anyObject, "text or an object"), ["a", { b: 1 }]],
];

for (const [name, decoder, values] of accepted) {
  test(`${name} gives back what it takes`, () => {
    for (const value of values) assert.deepEqual(decoder(value, ""), value);
  });
}

const textOrArray = decode.either(decode.string, decode.array(decode.boolean), "text or an array");

const refused: ReadonlyArray<readonly [Decoder<unknown>, unknown, string]> = [
  [decode.string, 1, "x: must be a string, got 1"],
  [decode.string, undefined, "x: must be a string, got nothing"],
  [decode.nonEmptyString, "", 'x: must be a non-empty string, got ""'],
  [decode.nonEmptyString, null, "x: must be a non-empty string, got null"],
  [decode.boolean, "true", 'x: must be true or false, got "true"'],
  [decode.boolean, 1, "x: must be true or false, got 1"],
  [decode.integer(0, 10), -1, "x: must be a whole number from 0 to 10, got -1"],
  [decode.integer(0, 10), 11, "x: must be a whole number from 0 to 10, got 11"],
  [decode.integer(0, 10), 1.5, "x: must be a whole number from 0 to 10, got 1.5"],
  [decode.integer(0, 10), "5", 'x: must be a whole number from 0 to 10, got "5"'],
  [decode.integer(0, 10), NaN, "x: must be a whole number from 0 to 10, got null"],
  [decode.oneOf("asc", "desc"), "up", 'x: must be one of asc, desc, got "up"'],
  [decode.array(decode.string), { length: 0 }, "x: must be an array, got an object"],
  [decode.array(decode.string, 1), [], "x: must have at least 1 element"],
  [decode.array(decode.string), ["a", 2], "x[1]: must be a string, got 2"],
  [decode.anyObject, [], "x: must be an object, got an array"],
  [decode.anyObject, null, "x: must be an object, got null"],
  [decode.record(decode.string), { a: "1", b: 2 }, "x.b: must be a string, got 2"],
  [textOrArray, 5, "x: must be text or an array, got 5"],
  [textOrArray, [true, 1], "x[1]: must be true or false, got 1"],
  [decode.string, 12n, "x: must be a string, got 12n"],
  [decode.string, () => 1, "x: must be a string, got function"],
];

for (const [decoder, value, message] of refused) {
  test(`refused: ${message}`, () => {
    assert.throws(() => decoder(value, "x"), (error) => error instanceof DecodeError && error.message === message);
  });
}

test("an error knows its path, and says only the problem where there is none", () => {
  const error = decode.mismatch("", true, "a string");
  assert.equal(error.path, "");
  assert.equal(error.name, "DecodeError");
  assert.equal(error.message, "must be a string, got true");
  assert.equal(decode.mismatch("input[0].text", 1, "a string").path, "input[0].text");
});

test("a long value is cut at 60 characters, a shorter one is whole", () => {
  assert.equal(decode.mismatch("", "a".repeat(58), "x").message, `must be x, got "${"a".repeat(58)}"`);
  assert.equal(decode.mismatch("", "a".repeat(59), "x").message, `must be x, got "${"a".repeat(59)}…`);
});

interface Input {
  name: string;
  count?: number | undefined;
  inner?: { flag: boolean } | undefined;
}

const input = decode.object<Input>({
  name: decode.required(decode.nonEmptyString),
  count: decode.optional(decode.integer(1, 9)),
  inner: decode.optional(decode.object<{ flag: boolean }>({ flag: decode.required(decode.boolean) })),
});

test("an object has its fields and no other member, absent where they were left out or null", () => {
  assert.deepEqual(input({ name: "a", count: 3, inner: { flag: false } }, ""), {
    name: "a", count: 3, inner: { flag: false },
  });
  assert.deepEqual(Object.keys(input({ name: "a", count: null, inner: undefined }, "")), ["name"]);
});

const badObjects: ReadonlyArray<readonly [unknown, string]> = [
  [[], "must be an object, got an array"],
  [{}, "name: is required"],
  [{ name: undefined }, "name: is required"],
  [{ name: null }, "name: must be a non-empty string, got null"],
  [{ name: "a", count: 0 }, "count: must be a whole number from 1 to 9, got 0"],
  [{ name: "a", inner: {} }, "inner.flag: is required"],
  [{ name: "a", inner: { flag: 1 } }, "inner.flag: must be true or false, got 1"],
  [{ name: "a", nmae: "b" }, "nmae: unknown field; the fields are name, count, inner"],
  [{ name: "a", inner: { flag: true, f: 1 } }, "inner.f: unknown field; the fields are flag"],
  [JSON.parse('{"name":"a","__proto__":{"count":1}}'), "__proto__: unknown field; the fields are name, count, inner"],
  [Object.create({ name: "inherited" }), "name: is required"],
];

for (const [value, message] of badObjects) {
  test(`an object is refused: ${message}`, () => {
    assert.throws(() => input(value, ""), { name: "DecodeError", message });
  });
}

test("an unknown name is cut at 100 characters, and is JSON text unless it is a plain word", () => {
  const shown = (name: string): string => {
    try {
      input({ name: "a", [name]: 1 }, "");
    } catch (error) {
      return (error as DecodeError).path;
    }
    return assert.fail(`${name} was taken`);
  };
  assert.equal(shown("aZ_0.-"), "aZ_0.-");
  assert.equal(shown("a".repeat(100)), "a".repeat(100));
  assert.equal(shown("a".repeat(101)), `${"a".repeat(100)}…`);
  assert.equal(shown("a b\n"), '"a b\\n"');
  assert.equal(shown(""), '""');
  assert.equal(shown(`<${"a".repeat(100)}`), `"<${"a".repeat(99)}…"`);
  const path = `x."${"é".repeat(100)}…"`;
  assert.throws(() => decode.record(decode.string)({ ["é".repeat(101)]: 1 }, "x"), { path });
});

test("an object without fields says so", () => {
  assert.throws(() => decode.object({})({ a: 1 }, ""), { message: "a: unknown field; no fields are taken here" });
});

test("either lets a bug in a decoder through as it is, whichever of the two it is in", () => {
  const broken: Decoder<string> = () => {
    throw new TypeError("a bug");
  };
  assert.throws(() => decode.either(broken, decode.string, "text")(1, ""), TypeError);
  assert.throws(() => decode.either(decode.string, broken, "text")(1, "x"), { message: "x: must be text, got 1" });
});

test("isObject is true for objects alone", () => {
  assert.deepEqual([{}, [], null, "a", 1].map(decode.isObject), [true, false, false, false, false]);
});
