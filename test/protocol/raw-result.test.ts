// Results as text: exactly what stands in the line, and never a piece of a value or more than one.
// Every line is tried whole, cut at each character, and with more behind it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readRawAnswer, readRawResult } from "../../src/protocol/raw-result.ts";

const VALUES = [
  "{}", "[]", "null", "true", "false", "0", "-7", "1.0", "1.50e+10", '""', '"text"', '"a \\"quoted\\" }] \\\\"',
  '"\\\\\\\\"', '{"n":1.0,"id":12345678901234567890,"z":0,"a":1}', '{ "spaced" :  [ 1 , 2 ] }',
  '{"text":"}{][\\"","more":{"deep":[[[]]],"é":"\u{1f600}\\u0000"}}', '["\\\\","\\\\\\"",{"a":"\\\\"}]',
];

function resultOf(line: string): string | undefined {
  const answer = readRawAnswer(line);
  return answer === undefined ? undefined : readRawResult(line, answer.at);
}

test("a result is given as it stands, to the last digit and space", () => {
  for (const value of VALUES) assert.equal(resultOf(`{"id":7,"result":${value}}`), value);
});

test("a line that was cut off anywhere has no result", () => {
  for (const value of VALUES) {
    const line = `{"id":7,"result":${value}}`;
    for (let end = 0; end < line.length; end += 1) assert.equal(resultOf(line.slice(0, end)), undefined, line);
  }
});

test("neither has one with anything behind the value, or nothing but the brace", () => {
  const tails = [" }", ",}", ',"more":1}', "}}", "} ", "}warning", "} {}", "]}", "", '"}'];
  for (const value of VALUES) {
    for (const tail of tails) assert.equal(resultOf(`{"id":7,"result":${value}${tail}`), undefined, value + tail);
  }
  assert.equal(resultOf('{"id":7,"result":}'), undefined);
  assert.equal(resultOf('{"id":7,"result":nothing}'), undefined);
  assert.equal(resultOf(`{"id":7,"result":${"1".repeat(1000)}}`), undefined);
  assert.equal(resultOf('{"id":7,"result": {}}'), undefined, "a space before the value is left to the parser");
});

test("whose answer it is stands at the beginning; any other form is none", () => {
  assert.deepEqual(readRawAnswer('{"id":0,"result":1}'), { id: 0, at: 17 });
  assert.deepEqual(readRawAnswer('{"id":123456,"result":1}'), { id: 123_456, at: 22 });
  const others = [
    '{"id":"7","result":1}', '{"id":-7,"result":1}', '{"id":07,"result":1}', '{"id":7.5,"result":1}',
    '{"id":7, "result":1}', '{"result":1,"id":7}', '{"id":7,"error":{}}', '{"method":"m","id":7}',
    ' {"id":7,"result":1}', '{"id":12345678901234567,"result":1}', "", "[]",
  ];
  for (const line of others) assert.equal(readRawAnswer(line), undefined, line);
});

test("megabytes of backslashes, quotes and brackets are read once", () => {
  for (const piece of ["\\\\", '\\"', "\\\\\\\"", "{", "x"]) {
    const value = `{"text":"${piece.repeat(500_000)}","list":[${'"",'.repeat(1000)}0]}`;
    assert.equal(resultOf(`{"id":1,"result":${value}}`), value);
  }
});
