// Headers byte by byte: every length form on both sides of its border, and every way to break the rules.
// Frames are in hex as they are on the wire; the examples are those of RFC 6455.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WsProtocolError } from "../../src/protocol/ws-close.ts";
import {
  encodeCloseFrame, encodeFrame, encodeTextFrame, frameHeaderBytes, OPCODE, readFrameHeader, writeServerFrameHeader,
  type FrameHeader, type WsRole,
} from "../../src/protocol/ws-frame.ts";

function read(hex: string, role: WsRole = "client", payloadBytesMax = 2 ** 40): FrameHeader | null {
  const bytes = Buffer.from(hex, "hex");
  return readFrameHeader(bytes, 0, bytes.length, { role, payloadBytesMax });
}

function refuses(hex: string, closeCode: number, role: WsRole = "client", payloadBytesMax = 2 ** 40): void {
  assert.throws(() => read(hex, role, payloadBytesMax), (error) => {
    return error instanceof WsProtocolError && error.closeCode === closeCode;
  }, hex);
}

test("RFC 6455 §5.7: the examples", () => {
  assert.equal(encodeTextFrame("Hello").toString("hex"), "810548656c6c6f");
  assert.equal(encodeTextFrame("Hello", { maskKey: 0x37fa213d }).toString("hex"), "818537fa213d7f9f4d5158");
  assert.equal(encodeFrame(OPCODE.text, Buffer.from("Hel"), { fin: false }).toString("hex"), "010348656c");
  assert.equal(encodeFrame(OPCODE.continuation, Buffer.from("lo")).toString("hex"), "80026c6f");
  assert.equal(encodeFrame(OPCODE.ping, Buffer.from("Hello")).toString("hex"), "890548656c6c6f");
  assert.deepEqual(read("818537fa213d7f9f4d5158", "server"), {
    fin: true, opcode: OPCODE.text, payloadBytes: 5, maskKey: 0x37fa213d, headerBytes: 6,
  });
  assert.deepEqual(read("0103"), { fin: false, opcode: OPCODE.text, payloadBytes: 3, maskKey: null, headerBytes: 2 });
});

test("each length is written in the fewest bytes, and read back", () => {
  for (const [payloadBytes, hex] of [
    [0, "8200"], [125, "827d"], [126, "827e007e"], [65_535, "827effff"], [65_536, "827f0000000000010000"],
    [2 ** 32 + 1, "827f0000000100000001"],
  ] as const) {
    const header = Buffer.alloc(12);
    const end = writeServerFrameHeader(header, 1, OPCODE.binary, payloadBytes);
    assert.equal(end - 1, frameHeaderBytes(payloadBytes));
    assert.equal(header.toString("hex", 1, end), hex);
    assert.equal(read(hex)?.payloadBytes, payloadBytes);
  }
});

test("a header that goes on past the bytes at hand is asked for again, at every cut", () => {
  for (const [hex, role] of [
    ["818537fa213d", "server"], ["81fe01000a0b0c0d", "server"], ["82ff00000000000100000a0b0c0d", "server"],
    ["8105", "client"], ["827e0100", "client"], ["827f0000000000010000", "client"],
  ] as const) {
    const bytes = Buffer.from(`ff${hex}ff`, "hex");
    const end = 1 + hex.length / 2;
    for (let cut = 1; cut < end; cut += 1) {
      assert.equal(readFrameHeader(bytes, 1, cut, { role, payloadBytesMax: 2 ** 20 }), null);
    }
    const header = readFrameHeader(bytes, 1, end, { role, payloadBytesMax: 2 ** 20 });
    assert.equal(header?.headerBytes, end - 1);
  }
});

test("reserved bits, reserved opcodes and fragmented control frames are refused at the first byte", () => {
  for (const first of ["c1", "a1", "91", "f1"]) refuses(first, 1002);
  for (const opcode of ["3", "4", "5", "6", "7", "b", "c", "d", "e", "f"]) refuses(`8${opcode}`, 1002);
  for (const opcode of ["8", "9", "a"]) refuses(`0${opcode}`, 1002);
});

test("masking goes by role, and is judged at the second byte", () => {
  refuses("8101", 1002, "server");
  refuses("8181", 1002, "client");
  assert.equal(read("8101", "client")?.maskKey, null);
  assert.equal(read("818100000000", "server")?.maskKey, 0);
});

test("a control frame has 125 bytes at most", () => {
  assert.equal(read("897d")?.payloadBytes, 125);
  for (const hex of ["897e", "8a7e", "887f", "89fe"]) refuses(hex, 1002, hex.startsWith("89f") ? "server" : "client");
});

test("half a close code is refused by its length", () => {
  refuses("8801", 1002);
  refuses("8881", 1002, "server");
  assert.equal(read("8802")?.payloadBytes, 2);
  assert.equal(read("8901")?.payloadBytes, 1);
});

test("no control frame is sent that a peer must refuse", () => {
  assert.equal(encodeFrame(OPCODE.pong, Buffer.alloc(125)).length, 127);
  assert.throws(() => encodeFrame(OPCODE.pong, Buffer.alloc(126)), /too many bytes/);
  assert.throws(() => encodeFrame(OPCODE.ping, Buffer.alloc(0), { fin: false }), /in fragments/);
});

test("a length in more bytes than it needs is refused, and one above 2^63", () => {
  for (const hex of ["817e0000", "817e007d", "817f0000000000000000", "817f000000000000ffff"]) refuses(hex, 1002);
  refuses("817f8000000000000000", 1002);
  refuses("817fffffffffffffffff", 1002);
});

test("a payload above the limit is refused by its header, before the mask has come", () => {
  assert.equal(read("81fe03e800000000", "server", 1000)?.payloadBytes, 1000);
  refuses("81fe03e9", 1009, "server", 1000);
  refuses("817f0000000100000000", 1009, "client", 1000);
  assert.equal(read("897d", "client", 10)?.payloadBytes, 125, "control frames have a limit of their own");
});

test("a string with a lone surrogate becomes a valid text frame", () => {
  assert.equal(encodeTextFrame("a\ud800b").toString("hex"), "810561efbfbd62");
});

test("masking leaves the caller's payload alone", () => {
  const payload = Buffer.from("Hello");
  encodeFrame(OPCODE.text, payload, { maskKey: 0x01020304 });
  assert.equal(payload.toString(), "Hello");
});

test("close frames", () => {
  assert.equal(encodeCloseFrame(1000, "bye").toString("hex"), "880503e8627965");
  assert.equal(encodeCloseFrame(null, "").toString("hex"), "8800");
  assert.equal(encodeCloseFrame(1001, "", { maskKey: 0 }).toString("hex"), "88820000000003e9");
});

/** The bytes before the last can still become a header; with the last, they cannot. */
for (const [hex, closeCode] of [
  ["7e00", 0], ["7e007d", 1002], ["7f80", 1002], ["7f0000000000", 0], ["7f000000000000", 1002],
  ["7f00000001", 0], ["7f0000000101", 1009], ["7f01", 1009], ["7f0000000100000001", 1009],
] as const) {
  test(`a length is refused by the first byte that proves it: ${hex}`, () => {
    const whole = `81${hex}`;
    if (closeCode === 0) return assert.equal(read(whole, "client", 2 ** 32), null);
    assert.equal(read(whole.slice(0, -2), "client", 2 ** 32), null);
    refuses(whole, closeCode, "client", 2 ** 32);
  });
}
