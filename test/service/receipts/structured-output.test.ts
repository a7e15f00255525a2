// An answer as the value that it is: what parses, and what each answer that does not parse says of itself.
// When it is read, and into which record, is shown with whole turns and runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import { readStructuredOutput } from "../../../src/service/receipts/structured-output.ts";

const read = (message: string | null, ended = "the turn failed") => readStructuredOutput({}, message, ended);

test("nothing is read where no form was asked for", () => {
  const nothing = { structuredOutput: null, structuredOutputError: null };
  assert.deepEqual(readStructuredOutput(null, '{"a":1}', ""), nothing);
  assert.deepEqual(readStructuredOutput(undefined, null, ""), nothing);
});

test("any JSON is a value, null too", () => {
  for (const value of [{ a: [1, "x"] }, [], "text", 0, false, null]) {
    assert.deepEqual(read(JSON.stringify(value)), { structuredOutput: value, structuredOutputError: null });
  }
});

test("what does not parse is said, and a fence is not taken off", () => {
  for (const message of ["", "hello", '```json\n{"a":1}\n```', '{"a":1} and more']) {
    const { structuredOutput, structuredOutputError } = read(message);
    assert.equal(structuredOutput, null);
    assert.match(structuredOutputError ?? "", /^the answer is not JSON: ./);
  }
});

test("without an answer it is said how it ended", () => {
  assert.equal(read(null, "the turn was interrupted").structuredOutputError,
    "there is no answer: the turn was interrupted before it gave one");
});

test("what no later writer could write is not taken", () => {
  const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  assert.equal(read(nested(LIMITS.jsonDepthMax)).structuredOutputError, null);
  for (const depth of [LIMITS.jsonDepthMax + 1, 100_000]) {
    assert.deepEqual(read(nested(depth)), {
      structuredOutput: null, structuredOutputError: `the answer is nested deeper than ${LIMITS.jsonDepthMax}`,
    });
  }
});
