// Conformance cases 7: the close handshake and its codes; and, by no number, what a header alone gives away.
//
// The latter end with the first byte that proves the violation: what is claimed never comes.

import {
  BINARY, CLOSE, closePayload, closes, CONTINUATION, more, PING, TEXT, text, type WsCase,
} from "./ws-case.ts";

const HELLO = "Hello World!";
const ended = closes(1000);

const ORDER: WsCase[] = [
  {
    id: "7.1.1 a message, then close",
    send: (f) => [f(TEXT, HELLO), f(CLOSE, closePayload(1000))],
    answers: [text(HELLO), ended],
  },
  {
    id: "7.1.2 two closes",
    send: (f) => [f(CLOSE, closePayload(1000)), f(CLOSE, closePayload(1001))],
    answers: [ended],
  },
  { id: "7.1.3 ping after close", send: (f) => [f(CLOSE, closePayload(1000)), f(PING, "late")], answers: [ended] },
  { id: "7.1.4 text after close", send: (f) => [f(CLOSE, closePayload(1000)), f(TEXT, "late")], answers: [ended] },
  {
    id: "7.1.5 close within a message",
    send: (f) => [f(more(TEXT), "1"), f(CLOSE, closePayload(1000)), f(CONTINUATION, "2")],
    answers: [ended],
  },
  {
    id: "7.1.6 a long message, close, ping",
    send: (f) => [f(TEXT, Buffer.alloc(262_144, "B")), f(CLOSE, closePayload(1000)), f(PING)],
    answers: [text(Buffer.alloc(262_144, "B")), ended],
  },
];

const PAYLOADS: WsCase[] = [
  { id: "7.3.1 without a code", send: (f) => [f(CLOSE)], answers: [closes(null)] },
  { id: "7.3.2 half a code", send: (f) => [f(CLOSE, "a")], answers: [closes(1002)] },
  { id: "7.3.3 a code alone", send: (f) => [f(CLOSE, closePayload(1000))], answers: [ended] },
  { id: "7.3.4 with a reason", send: (f) => [f(CLOSE, closePayload(1000, HELLO))], answers: [ended] },
  {
    id: "7.3.5 the longest reason",
    send: (f) => [f(CLOSE, closePayload(1000, Buffer.alloc(123, "*")))],
    answers: [ended],
  },
  {
    id: "7.3.6 a longer reason",
    send: (f) => [f(CLOSE, closePayload(1000, Buffer.alloc(124, "*")))],
    answers: [closes(1002)],
  },
  {
    id: "7.5.1 a reason that is not UTF-8",
    send: (f) => [f(CLOSE, closePayload(1000, Buffer.from("cebae1bdb9cf83cebcceb5eda080656469746564", "hex")))],
    answers: [closes(1007)],
  },
];

const ALLOWED = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];
const FORBIDDEN = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];

const CODES: WsCase[] = [
  ...ALLOWED.map((code, i): WsCase => ({
    id: `7.7.${i + 1} code ${code}`, send: (f) => [f(CLOSE, closePayload(code))], answers: [closes(code)],
  })),
  ...FORBIDDEN.map((code): WsCase => ({
    id: `7.9, 7.13 code ${code}`, send: (f) => [f(CLOSE, closePayload(code, "x"))], answers: [closes(1002)],
  })),
];

/** A masking bit as the role demands, with a length that a header must not have. */
function header(first: number, second: number, rest: string): WsCase["send"] {
  return (frame) => {
    const maskBit = frame(TEXT)[1]! & 0x80;
    return [Buffer.concat([Buffer.from([first, second | maskBit]), Buffer.from(rest, "hex")])];
  };
}

const LENGTHS: WsCase[] = [
  ["two bytes for 125", TEXT, 126, "007d", 1002],
  ["two bytes for 0, by the first that can tell", BINARY, 126, "0000", 1002],
  ["eight bytes for 65535", TEXT, 127, "000000000000ffff", 1002],
  ["eight bytes, six of them zero", TEXT, 127, "000000000000", 1002],
  ["eight bytes, the highest bit set", TEXT, 127, "80", 1002],
  ["eight bytes for more than is taken, by their first", TEXT, 127, "01", 1009],
  ["one byte more than 16 MiB", BINARY, 127, "0000000001000001", 1009],
  ["a ping with a longer length", PING, 126, "", 1002],
  ["a close with the longest length", CLOSE, 127, "", 1002],
].map(([id, first, second, rest, code]): WsCase => ({
  id: `length: ${id}`, send: header(Number(first), Number(second), String(rest)), answers: [closes(Number(code))],
}));

const LIMITS: WsCase[] = [
  {
    id: "limit: fragments of more than 16 MiB together, by the header of the last",
    send: (f) => [
      f(more(BINARY), Buffer.alloc(2 ** 23)), f(more(CONTINUATION), Buffer.alloc(2 ** 23)), header(0x80, 1, "")(f)[0]!,
    ],
    answers: [closes(1009)],
  },
];

/** The second byte alone says it; an end masks what only the other should. */
const MASKS: WsCase[] = [TEXT, BINARY, PING, CLOSE].map((first) => ({
  id: `mask: the wrong way, first byte ${first}`,
  send: (frame) => [Buffer.from([first, (frame(TEXT)[1]! & 0x80) ^ 0x80])],
  answers: [closes(1002)],
}));

const UNMASKING: WsCase[] = [0x00000000, 0xffffffff].map((key) => ({
  id: `mask: key ${key.toString(16)}`,
  send: (frame) => {
    if (frame(TEXT)[1] === 0) return [frame(TEXT, "abcde")];
    const bits = key & 255;
    const keyBytes = Buffer.alloc(4, bits);
    return [Buffer.concat([Buffer.from([TEXT, 0x85]), keyBytes, Buffer.from("abcde").map((byte) => byte ^ bits)])];
  },
  answers: [text("abcde")],
}));

export const CLOSE_CASES: readonly WsCase[] = [
  ...ORDER, ...PAYLOADS, ...CODES, ...LENGTHS, ...MASKS, ...UNMASKING,
];
export const LIMIT_CASES: readonly WsCase[] = LIMITS;
