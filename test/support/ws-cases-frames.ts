// Conformance cases 1 to 5: sizes, pings and pongs, reserved bits, opcodes, and fragmentation.
//
// The suite's variants of a case that differ in how it is cut (whole, by frames, by octets) are one here: whoever runs
// the cases cuts each in all those ways.

import {
  BINARY, binary, chop, CLOSE, closePayload, closes, CONTINUATION, more, PING, PONG, pong, TEXT, text, type WsCase,
} from "./ws-case.ts";

const HELLO = "Hello, world!";
const ODD = Buffer.from("00fffefdfcfb00ff", "hex");
const LONGEST = Buffer.alloc(125, 0xfe);
const refused = closes(1002);

const SIZES = [0, 125, 126, 127, 128, 65535, 65536];

const SIZED: WsCase[] = SIZES.flatMap((size, i) => {
  const stars = Buffer.alloc(size, "*");
  const ones = Buffer.alloc(size, 0xfe);
  return [
    { id: `1.1.${i + 1} text of ${size}`, send: (frame) => [frame(TEXT, stars)], answers: [text(stars)] },
    { id: `1.2.${i + 1} binary of ${size}`, send: (frame) => [frame(BINARY, ones)], answers: [binary(ones)] },
  ] satisfies WsCase[];
});

const CHOPPED: WsCase[] = [
  {
    id: "1.1.8 text of 65536, chopped by 997",
    send: (frame) => chop(frame(TEXT, Buffer.alloc(65536, "*")), 997),
    answers: [text(Buffer.alloc(65536, "*"))],
  },
  {
    id: "1.2.8 binary of 65536, chopped by 997",
    send: (frame) => chop(frame(BINARY, Buffer.alloc(65536, 0xfe)), 997),
    answers: [binary(Buffer.alloc(65536, 0xfe))],
  },
];

const TEN = Array.from({ length: 10 }, (_, i) => `payload-${i}`);

const PINGS: WsCase[] = [
  { id: "2.1 ping without payload", send: (frame) => [frame(PING)], answers: [pong("")] },
  { id: "2.2 ping with text", send: (frame) => [frame(PING, HELLO)], answers: [pong(HELLO)] },
  { id: "2.3 ping with bytes", send: (frame) => [frame(PING, ODD)], answers: [pong(ODD)] },
  { id: "2.4, 2.6 ping of 125", send: (frame) => [frame(PING, LONGEST)], answers: [pong(LONGEST)] },
  { id: "2.5 ping of 126", send: (frame) => [frame(PING, Buffer.alloc(126, 0xfe))], answers: [refused] },
  { id: "2.7 pong without payload", send: (frame) => [frame(PONG)], answers: [] },
  { id: "2.8 pong with payload", send: (frame) => [frame(PONG, "unasked")], answers: [] },
  {
    id: "2.9 pong, then ping",
    send: (frame) => [frame(PONG, "unasked"), frame(PING, "ours")],
    answers: [pong("ours")],
  },
  {
    id: "2.10, 2.11 ten pings",
    send: (frame) => TEN.map((payload) => frame(PING, payload)),
    answers: TEN.map(pong),
  },
];

/** Reserved bits in place of the first byte's, by kind of frame; with and without a good message before. */
const RESERVED: WsCase[] = [
  ["3.1", TEXT | 0x40, HELLO], ["3.2 to 3.4", TEXT | 0x20, HELLO], ["3.3", TEXT | 0x30, HELLO],
  ["3.4", TEXT | 0x40, ""], ["3.5", BINARY | 0x50, ODD], ["3.6", PING | 0x60, HELLO],
  ["3.7", CLOSE | 0x70, closePayload(1000)],
].flatMap(([id, first, payload]) => afterNothingAndMore(`${id} reserved bits`, Number(first), payload as string));

const OPCODES: WsCase[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode, i) => {
  const id = `4.${opcode < 8 ? 1 : 2}.${(i % 5) + 1} opcode ${opcode}`;
  return ["", HELLO].flatMap((payload) => afterNothingAndMore(`${id} of ${payload.length}`, 0x80 | opcode, payload));
});

function afterNothingAndMore(id: string, first: number, payload: string | Uint8Array): WsCase[] {
  return [
    { id, send: (frame) => [frame(first, payload), frame(PING)], answers: [refused] },
    {
      id: `${id}, after a message`,
      send: (frame) => [frame(TEXT, HELLO), frame(first, payload), frame(PING)],
      answers: [text(HELLO), refused],
    },
    { id: `${id}, its first byte alone`, send: (frame) => [frame(first, payload).subarray(0, 1)], answers: [refused] },
  ];
}

const ONE = "fragment1";
const TWO = "fragment2";
const BOTH = text(ONE + TWO);

const FRAGMENTED: WsCase[] = [
  { id: "5.1 ping in fragments", send: (f) => [f(more(PING), ONE), f(CONTINUATION, TWO)], answers: [refused] },
  { id: "5.2 pong in fragments", send: (f) => [f(more(PONG), ONE), f(CONTINUATION, TWO)], answers: [refused] },
  { id: "5.3 to 5.5 text in two", send: (f) => [f(more(TEXT), ONE), f(CONTINUATION, TWO)], answers: [BOTH] },
  {
    id: "5.6 to 5.8 a ping between",
    send: (f) => [f(more(TEXT), ONE), f(PING, "p"), f(CONTINUATION, TWO)],
    answers: [pong("p"), BOTH],
  },
  {
    id: "5.9 to 5.11 a last continuation of nothing",
    send: (f) => [f(CONTINUATION, "non-continuation"), f(TEXT, HELLO)],
    answers: [refused],
  },
  {
    id: "5.12 to 5.14 a continuation of nothing",
    send: (f) => [f(more(CONTINUATION), "non-continuation"), f(TEXT, HELLO)],
    answers: [refused],
  },
  { id: "5.12 its first byte alone", send: () => [Buffer.from([0])], answers: [refused] },
  {
    id: "5.15 a continuation after the end",
    send: (f) => [f(more(TEXT), ONE), f(CONTINUATION, TWO), f(more(CONTINUATION), "3"), f(TEXT, "4")],
    answers: [BOTH, refused],
  },
  {
    id: "5.16 continuations of nothing, again and again",
    send: (f) => [1, 2].flatMap(() => [f(more(CONTINUATION), ONE), f(more(TEXT), TWO), f(CONTINUATION, "3")]),
    answers: [refused],
  },
  {
    id: "5.17 last continuations of nothing, again and again",
    send: (f) => [1, 2].flatMap(() => [f(CONTINUATION, ONE), f(more(TEXT), TWO), f(CONTINUATION, "3")]),
    answers: [refused],
  },
  { id: "5.18 a message in a message", send: (f) => [f(more(TEXT), ONE), f(TEXT, TWO)], answers: [refused] },
  {
    id: "5.18 its first byte alone",
    send: (f) => [f(more(TEXT), ONE), Buffer.from([BINARY])],
    answers: [refused],
  },
  {
    id: "5.19, 5.20 five fragments with pings between",
    send: (f) => [
      f(more(TEXT), "1"), f(more(CONTINUATION), "2"), f(PING, "one"), f(more(CONTINUATION), "3"),
      f(more(CONTINUATION), "4"), f(PING, "two"), f(CONTINUATION, "5"),
    ],
    answers: [pong("one"), pong("two"), text("12345")],
  },
];

export const FRAME_CASES: readonly WsCase[] = [
  ...SIZED, ...CHOPPED, ...PINGS, ...RESERVED, ...OPCODES, ...FRAGMENTED,
];
