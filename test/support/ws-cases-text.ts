// Conformance cases 6: UTF-8 in text messages, valid and not, and failed at the first byte that cannot be.
//
// The bad ones end with that byte, in a frame that says more is to come: whoever waits for the rest never answers.

import {
  chop, closes, CONTINUATION, fragments, more, TEXT, text, type FrameMaker, type WsCase,
} from "./ws-case.ts";

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");

const KOSME = hex("ce ba e1 bd b9 cf 83 ce bc ce b5");
const NOTE = Buffer.from("Hello-µ@ßöäüàá-UTF-8!!");

const EMPTY: WsCase[] = [
  { id: "6.1.1 an empty text", send: (f) => [f(TEXT)], answers: [text("")] },
  { id: "6.1.2 three empty fragments", send: (f) => fragmentsOf(f, ["", "", ""]), answers: [text("")] },
  { id: "6.1.3 the one between not empty", send: (f) => fragmentsOf(f, ["", "mid", ""]), answers: [text("mid")] },
];

function fragmentsOf(frame: FrameMaker, [first = "", ...rest]: readonly string[]): Buffer[] {
  const last = rest.length - 1;
  return [
    frame(more(TEXT), first), ...rest.map((part, i) => frame(i === last ? CONTINUATION : more(CONTINUATION), part)),
  ];
}

/** Number and bytes; each whole, and in fragments of one octet. */
const VALID: ReadonlyArray<readonly [string, Buffer]> = [
  ["6.2.1 to 6.2.3 signs of two bytes", NOTE], ["6.2.4, 6.5.1 to 6.5.5 κόσμε", KOSME],
  ...[
    "00", "c2 80", "e0 a0 80", "f0 90 80 80", "7f", "df bf", "ef bf bf", "f4 8f bf bf", "ed 9f bf", "ee 80 80",
    "ef bf bd", "f4 8f bf bf", "ef bb bf 61",
  ].map((bytes, i) => [`6.7 to 6.9, 6.11.${i} ${bytes}`, hex(bytes)] as const),
  ...[...Array(17).keys()].flatMap((plane) => [0xfffe, 0xffff].map((low) => {
    const sign = Buffer.from(String.fromCodePoint(plane * 0x10000 + low));
    return [`6.22 noncharacter ${sign.toString("hex")}`, sign] as const;
  })),
  ...Array.from({ length: 7 }, (_, i) => {
    const sign = Buffer.from([0xef, 0xbf, 0xb9 + i]);
    return [`6.23.${i + 1} special ${sign.toString("hex")}`, sign] as const;
  }),
];

const WHOLE: WsCase[] = VALID.flatMap(([id, bytes]) => [
  { id, send: (frame) => [frame(TEXT, bytes)], answers: [text(bytes)] },
  { id: `${id}, in octets`, send: (frame) => fragments(frame, TEXT, bytes, 1), answers: [text(bytes)] },
] satisfies WsCase[]);

/** Each ends with the first byte that cannot be. */
const IMPOSSIBLE = [
  // 6.3, 6.4: the suite's own sentence, with a surrogate and a sign beyond the last.
  `${KOSME.toString("hex")} ed a0`, `${KOSME.toString("hex")} f4 90`,
  // 6.10, 6.12: beyond four bytes, and bytes that are in no UTF-8.
  "f8", "fc", "fe", "ff", "c0", "c1", "f5", "f7",
  // 6.13, 6.14: continuations of nothing.
  "80", "bf", "80 bf", "61 80", "c3 a4 80",
  // 6.15, 6.16: sequences that end too early.
  "c3 20", "df 41", "e0 a0 20", "ef bf 20", "f0 90 80 20", "f4 8f bf 20", "e0 20", "f0 20", "c3 c3",
  // 6.18, 6.19: overlong forms.
  "e0 80", "e0 9f", "f0 80", "f0 8f",
  // 6.20, 6.21: surrogates, alone and in pairs.
  "ed a0", "ed ad", "ed ae", "ed af", "ed b0", "ed be", "ed bf",
  // Beyond U+10FFFF.
  "f4 90", "f4 bf",
] as const;

const BAD: WsCase[] = IMPOSSIBLE.flatMap((digits) => {
  const bytes = hex(digits);
  const id = `6.3 to 6.21 ${digits}`;
  const rest = Buffer.alloc(200, "x");
  return [
    {
      id: `${id}, the rest never comes`,
      send: (frame) => [cutAfter(frame(TEXT, Buffer.concat([bytes, rest])), rest.length)],
      answers: [closes(1007)],
    },
    {
      id: `${id}, in fragments that go on`,
      send: (frame) => fragments(frame, TEXT, Buffer.concat([bytes, rest]), 1).slice(0, bytes.length),
      answers: [closes(1007)],
    },
    { id: `${id}, whole`, send: (frame) => [frame(TEXT, bytes)], answers: [closes(1007)] },
    {
      id: `${id}, chopped`,
      send: (frame) => chop(cutAfter(frame(TEXT, Buffer.concat([bytes, rest])), rest.length), 1),
      answers: [closes(1007)],
    },
  ] satisfies WsCase[];
});

function cutAfter(bytes: Buffer, missing: number): Buffer {
  return bytes.subarray(0, bytes.length - missing);
}

/** 6.6, 6.14, 6.15: a message must not end within a sign. */
const BEGUN = ["ce", "ce ba e1", "ce ba e1 bd", "f0", "f0 90", "f0 90 80", "c3", "61 e2 82"] as const;

const CUT: WsCase[] = BEGUN.flatMap((digits) => {
  const bytes = hex(digits);
  return [
    { id: `6.6 ends within a sign: ${digits}`, send: (f) => [f(TEXT, bytes)], answers: [closes(1007)] },
    {
      id: `6.6 ends within a sign: ${digits}, in fragments`,
      send: (f) => [f(more(TEXT), bytes), f(CONTINUATION)],
      answers: [closes(1007)],
    },
  ] satisfies WsCase[];
});

export const TEXT_CASES: readonly WsCase[] = [...EMPTY, ...WHOLE, ...BAD, ...CUT];
