// Every shape that an app-server sends, and that what is none of them is noise and never an exception.
// The lines are those of real transcripts, cut down; ids start at 0, as the app-server's do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../../src/core/limits.ts";
import {
  encodeError, encodeNotification, encodeRequest, encodeResult, parseRpcLine, type RpcIncoming,
} from "../../src/protocol/json-rpc.ts";

const MESSAGES: ReadonlyArray<readonly [string, RpcIncoming]> = [
  ['{"id":0,"result":{"a":1}}', { kind: "response", id: 0, result: { a: 1 } }],
  ['{"id":"x","result":null}', { kind: "response", id: "x", result: null }],
  ['{"id":"","result":0}', { kind: "response", id: "", result: 0 }],
  ['{"id":-1,"result":[],"error":null}', { kind: "response", id: -1, result: [] }],
  ['{"jsonrpc":"2.0","id":3,"result":1}', { kind: "response", id: 3, result: 1 }],
  [
    '{"id":0,"error":{"code":-32600,"message":"no"}}',
    { kind: "error", id: 0, error: { code: -32600, message: "no", data: undefined } },
  ],
  [
    '{"id":1,"error":{"code":-32602,"message":"","data":{"max":1}}}',
    { kind: "error", id: 1, error: { code: -32602, message: "", data: { max: 1 } } },
  ],
  ['{"method":"m","id":0,"params":{"a":1}}', { kind: "request", id: 0, method: "m", params: { a: 1 } }],
  ['{"method":"m","id":"r"}', { kind: "request", id: "r", method: "m", params: {} }],
  ['{"method":"m","params":{"a":1}}', { kind: "notification", method: "m", params: { a: 1 }, emittedAtMs: null }],
  ['{"method":"m","params":null}', { kind: "notification", method: "m", params: {}, emittedAtMs: null }],
  ['{"method":"","emittedAtMs":0}', { kind: "notification", method: "", params: {}, emittedAtMs: 0 }],
  ['{"method":"m","emittedAtMs":"0"}', { kind: "notification", method: "m", params: {}, emittedAtMs: null }],
];

test("what is nested deeper than JSON could be written again is noise", () => {
  const nested = (depth: number): string => `{"method":"m","params":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
  const most = LIMITS.childJsonDepthMax - 2;
  assert.equal(parseRpcLine(nested(most)).kind, "notification");
  assert.equal(parseRpcLine(nested(most + 1)).kind, "noise");
  assert.equal(parseRpcLine(nested(1_000_000)).kind, "noise");
});

for (const [text, message] of MESSAGES) {
  test(`${text} is a ${message.kind}`, () => {
    const parsed = parseRpcLine(text);
    assert.deepEqual(parsed, message);
  });
}

const NOISE = [
  "", "not json", "{", "null", "true", "1", '"text"', "[]", '[{"id":1,"result":1}]', "{}", '{"id":1}', "\ufeff{}",
  '{"id":null,"result":1}', '{"result":1}', '{"id":true,"result":1}', '{"id":{},"method":"m"}',
  '{"id":null,"method":"m"}', '{"method":1}', '{"method":null,"id":1}', '{"method":"m","params":[1]}',
  '{"method":"m","id":1,"params":"p"}', '{"id":1,"error":"broken"}', '{"id":1,"error":{"message":"no code"}}',
  '{"id":1,"error":{"code":1}}', '{"id":null,"error":{"code":1,"message":""}}', '{"__proto__":{"method":"m"}}',
];

for (const text of NOISE) {
  test(`${JSON.stringify(text)} is noise, with its text`, () => {
    assert.deepEqual(parseRpcLine(text), { kind: "noise", text });
  });
}

test("what is sent is one line each, with what the app-server demands", () => {
  assert.equal(encodeRequest(0, "thread/start", {}), '{"id":0,"method":"thread/start","params":{}}\n');
  assert.equal(encodeNotification("initialized"), '{"method":"initialized"}\n');
  assert.equal(encodeNotification("n", { a: "x\ny" }), '{"method":"n","params":{"a":"x\\ny"}}\n');
  assert.equal(encodeResult(0, { decision: "accept" }), '{"id":0,"result":{"decision":"accept"}}\n');
  assert.equal(encodeResult("r", undefined), '{"id":"r","result":null}\n');
  assert.equal(encodeResult(1, false), '{"id":1,"result":false}\n');
  assert.equal(encodeError(7, -32601, "unsupported"), '{"id":7,"error":{"code":-32601,"message":"unsupported"}}\n');
});

test("half of a character goes out as U+FFFD, whole ones and written escapes as they are", () => {
  const line = encodeRequest(1, "m\ud800", { "\udfff": "\udc00 \ud83d\ude00 \\ud800 \\\udbff" });
  assert.equal(Buffer.from(line).toString("utf8"), line);
  const back = parseRpcLine(line.trimEnd());
  const params = { "\ufffd": "\ufffd \ud83d\ude00 \\ud800 \\\ufffd" };
  assert.deepEqual(back, { kind: "request", id: 1, method: "m\ufffd", params });
  assert.equal(encodeResult(0, { text: "\ud800" }), '{"id":0,"result":{"text":"\ufffd"}}\n');
  assert.equal(encodeNotification("n\udc00"), '{"method":"n\ufffd"}\n');
  assert.equal(encodeError(2, 1, "\ud800\ud800"), '{"id":2,"error":{"code":1,"message":"\ufffd\ufffd"}}\n');
});
