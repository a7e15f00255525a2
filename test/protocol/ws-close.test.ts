// Which close codes may be on the wire, exactly; and that a long reason still fits its frame.
// What the receiver does with a payload that is refused stands in ws-message.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeClosePayload, encodeClosePayload, isCloseCode, WsProtocolError } from "../../src/protocol/ws-close.ts";

test("the codes that are allowed are these, and no other", () => {
  const allowed = Array.from({ length: 65_536 }, (_, code) => code).filter(isCloseCode);
  const wanted = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  for (let code = 3000; code <= 4999; code += 1) wanted.push(code);
  assert.deepEqual(allowed, wanted);
});

test("a payload is nothing, or a code and perhaps a reason", () => {
  assert.deepEqual(decodeClosePayload(Buffer.alloc(0)), { code: null, reason: "" });
  assert.deepEqual(decodeClosePayload(Buffer.from("03e8", "hex")), { code: 1000, reason: "" });
  assert.deepEqual(decodeClosePayload(Buffer.from("0fa2c3a4", "hex")), { code: 4002, reason: "ä" });
});

for (const [hex, closeCode] of [
  ["03", 1002], ["0000", 1002], ["03e7", 1002], ["03ec", 1002], ["03ed", 1002], ["03ee", 1002], ["03f7", 1002],
  ["07d0", 1002], ["0bb7", 1002], ["1388", 1002], ["ffff", 1002], ["03e8ff", 1007], ["03e8c3", 1007],
] as const) {
  test(`the close payload ${hex} is answered with ${closeCode}`, () => {
    assert.throws(() => decodeClosePayload(Buffer.from(hex, "hex")), (error) => {
      return error instanceof WsProtocolError && error.closeCode === closeCode;
    });
  });
}

test("a reason is cut between characters at 123 bytes", () => {
  assert.equal(encodeClosePayload(null, "ignored").length, 0);
  assert.equal(encodeClosePayload(1000, "").toString("hex"), "03e8");
  assert.equal(encodeClosePayload(1013, "x".repeat(123)).length, 125);
  assert.equal(encodeClosePayload(1013, "x".repeat(124)).length, 125);
  const cut = decodeClosePayload(encodeClosePayload(1013, `${"x".repeat(121)}€`));
  assert.equal(cut.reason, "x".repeat(121));
  assert.throws(() => encodeClosePayload(1006, ""), /must not be sent/);
});
