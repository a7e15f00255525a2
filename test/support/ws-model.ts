// What RFC 6455 makes of a stream of bytes, read one by one: the slow and simple yardstick of ws-message.ts.
//
// It shares nothing with what it judges but the names of roles. Invariant: a violation is told by the first byte after
// which no stream could be right, so that whoever tells it later has waited for bytes that he did not need.

import type { WsRole } from "../../src/protocol/ws-frame.ts";
import type { Answer } from "./ws-case.ts";

export interface Told {
  /** How many bytes it takes to know it. */
  readonly afterBytes: number;
  readonly answer: Answer;
}

class Violation extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`close code ${code}`);
    this.code = code;
  }
}

/** All that the stream says, to its close or violation at the latest; binary messages are allowed. */
export function toldBy(stream: Uint8Array, role: WsRole, messageBytesMax: number): Told[] {
  const told: Told[] = [];
  let at = 0;
  const reader = read(role, messageBytesMax, (answer) => void told.push({ afterBytes: at, answer }));
  reader.next();
  try {
    while (at < stream.length) if (reader.next(stream[at++]!).done === true) return told;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    told.push({ afterBytes: at, answer: ["close", error.code] });
  }
  return told;
}

type Reader<T> = Generator<undefined, T, number>;

interface Message {
  readonly isText: boolean;
  readonly bytes: number[];
  readonly utf8: { take(byte: number): void; end(): void };
}

function* read(role: WsRole, messageBytesMax: number, tell: (answer: Answer) => void): Reader<void> {
  let message: Message | null = null;
  for (;;) {
    const first = yield;
    const opcode = first & 15;
    const fin = first >= 128;
    demand((first & 0x70) === 0 && [0, 1, 2, 8, 9, 10].includes(opcode) && (fin || opcode < 8));
    if (opcode < 3) demand((opcode === 0) === (message !== null));
    const room: number = opcode < 8 ? messageBytesMax - (message?.bytes.length ?? 0) : 125;
    const length = yield* readLength(role, opcode, room);
    if (opcode === 1 || opcode === 2) message = { isText: opcode === 1, bytes: [], utf8: createUtf8Model() };
    const key = [0, 0, 0, 0];
    if (role === "server") for (const i of key.keys()) key[i] = yield;
    const control: number[] = [];
    for (let i = 0; i < length; i += 1) {
      const byte = (yield) ^ key[i % 4]!;
      if (opcode < 8 && message?.isText === true) message.utf8.take(byte);
      (opcode < 8 && message !== null ? message.bytes : control).push(byte);
    }
    if (opcode === 8) return tell(["close", closeCode(control)]);
    if (opcode === 9) tell(["pong", Buffer.from(control)]);
    if (opcode >= 8 || !fin || message === null) continue;
    if (message.isText) message.utf8.end();
    tell([message.isText ? "text" : "binary", Buffer.from(message.bytes)]);
    message = null;
  }
}

function* readLength(role: WsRole, opcode: number, room: number): Reader<number> {
  const second = yield;
  demand((second >= 128) === (role === "server"));
  const short = second & 127;
  demand(opcode < 8 || short < 126);
  demand(opcode !== 8 || short !== 1);
  const bytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  if (bytes === 0) demand(short <= room, 1009);
  let known = 0n;
  for (let left = bytes - 1; left >= 0; left -= 1) {
    known = known * 256n + BigInt(yield);
    const least = known << BigInt(8 * left);
    const most = ((known + 1n) << BigInt(8 * left)) - 1n;
    demand(least < 1n << 63n && most >= (bytes === 2 ? 126n : 65_536n));
    demand(least <= BigInt(room), 1009);
  }
  return bytes === 0 ? short : Number(known);
}

function closeCode(payload: readonly number[]): number | null {
  if (payload.length === 0) return null;
  const code = payload[0]! * 256 + payload[1]!;
  const named = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  demand(named.includes(code) || (code >= 3000 && code < 5000));
  const utf8 = createUtf8Model();
  for (const byte of payload.slice(2)) utf8.take(byte);
  utf8.end();
  return code;
}

/** Unicode's table 3-7: by the lead, the range of the second byte and how many follow. */
const LEADS: ReadonlyArray<readonly [from: number, to: number, least: number, most: number, follow: number]> = [
  [0xc2, 0xdf, 0x80, 0xbf, 1], [0xe0, 0xe0, 0xa0, 0xbf, 2], [0xe1, 0xec, 0x80, 0xbf, 2], [0xed, 0xed, 0x80, 0x9f, 2],
  [0xee, 0xef, 0x80, 0xbf, 2], [0xf0, 0xf0, 0x90, 0xbf, 3], [0xf1, 0xf3, 0x80, 0xbf, 3], [0xf4, 0xf4, 0x80, 0x8f, 3],
];

function createUtf8Model(): Message["utf8"] {
  let left = 0;
  let range: readonly [number, number] = [0x80, 0xbf];
  return {
    take(byte) {
      if (left > 0) {
        demand(byte >= range[0] && byte <= range[1], 1007);
        range = [0x80, 0xbf];
        left -= 1;
      } else if (byte >= 0x80) {
        const lead = LEADS.find(([from, to]) => byte >= from && byte <= to);
        demand(lead !== undefined, 1007);
        [, , , , left] = lead;
        range = [lead[2], lead[3]];
      }
    },
    end: () => demand(left === 0, 1007),
  };
}

function demand(condition: boolean, code?: number): asserts condition;
function demand(condition: boolean, code = 1002): void {
  if (!condition) throw new Violation(code);
}
