// Conformance cases 9 and 10: messages up to 16 MiB, whole, in fragments and chopped; a thousand small ones.
//
// Deliberately not every size of the suite: the least, the greatest, and one between.

import {
  BINARY, binary, chop, fragments, TEXT, text, type Answer, type WsCase,
} from "./ws-case.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

interface Kind {
  readonly name: string;
  readonly first: number;
  readonly answer: (payload: Uint8Array) => Answer;
  readonly fill: string;
}

const TEXTS: Kind = { name: "text", first: TEXT, answer: text, fill: "BAsd7&jh23" };
const BYTES: Kind = { name: "binary", first: BINARY, answer: binary, fill: "\x00\xfe23\x00\xff\x8000" };

/** One message at a time: all of them together would take hundreds of megabytes. */
function sized(
  id: string, { name, first, answer, fill }: Kind, size: number, cut: (frame: Buffer) => Buffer[],
): WsCase {
  const payload = (): Buffer => Buffer.alloc(size, fill, "latin1");
  return {
    id: `${id} ${name} of ${size / KIB} KiB`,
    send: (frame) => cut(frame(first, payload())),
    get answers() {
      return [answer(payload())];
    },
  };
}

function inFragments(id: string, { name, first, answer, fill }: Kind, bytes: number, size: number): WsCase {
  const payload = (): Buffer => Buffer.alloc(bytes, fill, "latin1");
  return {
    id: `${id} ${name} of ${bytes / KIB} KiB in fragments of ${size}`,
    send: (frame) => fragments(frame, first, payload(), size),
    get answers() {
      return [answer(payload())];
    },
  };
}

function aThousand(id: string, { name, first, answer, fill }: Kind, size: number): WsCase {
  const payload = Buffer.alloc(size, fill, "latin1");
  return {
    id: `${id} a thousand ${name} messages of ${size}`,
    send: (frame) => Array.from({ length: 1000 }, () => frame(first, payload)),
    answers: Array.from({ length: 1000 }, () => answer(payload)),
  };
}

/** By their numbers in the suite. */
const WHOLE = { 1: 64, 3: 1024, 6: 16_384 };
const FRAGMENTS = { 1: 64, 3: KIB, 6: 64 * KIB, 9: 4 * MIB };
const CHOPS = { 1: 64, 6: 2048 };
const SMALL = { 1: 0, 2: 16, 6: 4096 };

export const LARGE_CASES: readonly WsCase[] = [TEXTS, BYTES].flatMap((kind, i) => [
  ...Object.entries(WHOLE).map(([n, size]) => sized(`9.${1 + i}.${n}`, kind, size * KIB, (frame) => [frame])),
  ...Object.entries(FRAGMENTS).map(([n, size]) => inFragments(`9.${3 + i}.${n}`, kind, 4 * MIB, size)),
  ...Object.entries(CHOPS).map(([n, size]) => {
    return sized(`9.${5 + i}.${n} chopped by ${size},`, kind, MIB, (frame) => chop(frame, size));
  }),
  ...Object.entries(SMALL).map(([n, size]) => aThousand(`9.${7 + i}.${n}`, kind, size)),
  inFragments("10.1.1", kind, 64 * KIB, 1300),
]);
