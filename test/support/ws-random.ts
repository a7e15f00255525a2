// Streams of WebSocket frames by chance: mostly right, with every kind of wrong among them, and cut by chance.
//
// Frames are made by hand, so that they can be wrong. Invariant: the same random numbers give the same stream.

import type { WsRole } from "../../src/protocol/ws-frame.ts";
import { BINARY, chop, CLOSE, closePayload, CONTINUATION, more, PING, PONG, TEXT, xor } from "./ws-case.ts";

export type Random = () => number;

/** Where lengths change their form, the views of the mask begin, and a control frame ends. */
const SIZES = [0, 0, 1, 1, 2, 3, 7, 8, 9, 124, 125, 126, 127, 128, 129, 135, 255, 256, 1000];
const RARE_SIZES = [65_535, 65_536, 65_537];
const CODES = [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000];
const SIGNS = ["a", "z", "\0", "\u007f", "\u0080", "ä", "\u07ff", "\u0800", "€", "\ud7ff", "\ufeff", "\uffff", "😀"];
/** Bytes that break UTF-8 in most places. */
const BREAKERS = [0x80, 0xbf, 0xc0, 0xc1, 0xe0, 0xed, 0xa0, 0xf0, 0x90, 0xf4, 0xf5, 0xff];

/** Some frames for an end of that role, none of them longer than a message of `messageBytesMax` is twice. */
export function randomStream(random: Random, role: WsRole, messageBytesMax: number): Buffer {
  const parts: Buffer[] = [];
  const maker = new Maker(random, role, messageBytesMax, parts);
  const steps = 1 + below(random, 6);
  for (let i = 0; i < steps; i += 1) maker.step();
  if (chance(random, 0.5)) maker.close();
  const stream = Buffer.concat(parts);
  if (chance(random, 0.1) && stream.length > 0) stream[below(random, stream.length)]! ^= 1 << below(random, 8);
  return chance(random, 0.1) ? stream.subarray(0, below(random, stream.length + 1)) : stream;
}

/** Whole, in octets, in pieces of one size, or in pieces of any size. */
export function randomPieces(random: Random, stream: Buffer): Buffer[] {
  const way = below(random, 4);
  if (way === 0 || stream.length === 0) return [stream];
  if (way === 1 && stream.length < 2000) return chop(stream, 1);
  if (way === 2) return chop(stream, Math.max(1 + below(random, 40), stream.length >> 8));
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length;) {
    const size = chance(random, 0.5) ? 1 + below(random, 12) : below(random, stream.length + 1);
    pieces.push(stream.subarray(at, at += size));
  }
  return pieces;
}

class Maker {
  readonly #random: Random;
  readonly #role: WsRole;
  readonly #messageBytesMax: number;
  readonly #parts: Buffer[];

  constructor(random: Random, role: WsRole, messageBytesMax: number, parts: Buffer[]) {
    this.#random = random;
    this.#role = role;
    this.#messageBytesMax = messageBytesMax;
    this.#parts = parts;
  }

  step(): void {
    if (this.#chance(0.2)) this.#control();
    else if (this.#chance(0.07)) this.#wrong();
    else this.#message();
  }

  close(): void {
    const code = this.#pick(this.#chance(0.7) ? CODES.slice(0, 8) : CODES);
    const reason = this.#chance(0.5) ? this.#text(below(this.#random, 60)) : Buffer.alloc(0);
    const payload = this.#chance(0.2) ? Buffer.alloc(below(this.#random, 2)) : closePayload(code, reason);
    this.#put(CLOSE, payload.subarray(0, 125));
  }

  #message(): void {
    const first = this.#chance(0.6) ? TEXT : BINARY;
    const bytes = first === TEXT ? this.#text(this.#size()) : Buffer.alloc(this.#size(), below(this.#random, 256));
    const count = this.#chance(0.5) ? 1 : 1 + below(this.#random, 5);
    let at = 0;
    for (let i = 0; i < count; i += 1) {
      const end = i === count - 1 ? bytes.length : at + below(this.#random, bytes.length - at + 1);
      const opcode = i === 0 ? first : CONTINUATION;
      this.#put(i === count - 1 ? opcode : more(opcode), bytes.subarray(at, end));
      at = end;
      if (this.#chance(0.1)) this.#control();
    }
  }

  #control(): void {
    this.#put(this.#chance(0.5) ? PING : PONG, Buffer.alloc(this.#pick([0, 1, 4, 124, 125]), "p"));
  }

  /** A frame that is wrong, or only where it stands. */
  #wrong(): void {
    const first = this.#pick([CONTINUATION, TEXT, BINARY, more(PING), 0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f]);
    const mask = this.#chance(0.9) ? this.#maskBit : this.#maskBit ^ 0x80;
    const length = this.#pick([
      [126, 0, 125], [126, 0, 126], [127, 0, 0, 0, 0, 0, 0, 255, 255], [127, 0, 0, 0, 0, 0, 1, 0, 0],
      [127, 128, 0, 0, 0, 0, 0, 0, 0], [127, 127, 255, 255, 255, 255, 255, 255, 255], [126, 255, 255], [5], [0],
    ]);
    this.#parts.push(Buffer.from([first, length[0]! | mask, ...length.slice(1)]));
  }

  #put(first: number, payload: Buffer): void {
    const length = payload.length;
    const head = length < 126 ? [length]
      : length < 65_536 ? [126, length >> 8, length & 255]
      : [127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
    head[0]! |= this.#maskBit;
    this.#parts.push(Buffer.from([first, ...head]));
    const bytes = Buffer.from(payload);
    if (this.#role === "server") {
      const key = Buffer.from([0, 0, 0, 0].map(() => below(this.#random, 256)));
      xor(bytes, key);
      this.#parts.push(key);
    }
    this.#parts.push(bytes);
  }

  /** Valid, but for a byte here and there. */
  #text(bytes: number): Buffer {
    let text = this.#chance(0.3) ? "x".repeat(bytes >> 1) : "";
    while (text.length < bytes && text.length < 300) text += this.#pick(SIGNS);
    const encoded = Buffer.from(text);
    const cut = this.#chance(0.95) ? encoded : encoded.subarray(0, below(this.#random, encoded.length + 1));
    if (this.#chance(0.05) && cut.length > 0) cut[below(this.#random, cut.length)] = this.#pick(BREAKERS);
    return cut;
  }

  get #maskBit(): number {
    return this.#role === "server" ? 0x80 : 0;
  }

  #size(): number {
    const limit = this.#messageBytesMax;
    if (this.#chance(0.05)) return limit + this.#pick([-1, 0, 1]);
    return this.#chance(0.03) ? Math.min(this.#pick(RARE_SIZES), 2 * limit) : this.#pick(SIZES);
  }

  #chance(share: number): boolean {
    return chance(this.#random, share);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[below(this.#random, choices.length)]!;
  }
}

function below(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}

function chance(random: Random, share: number): boolean {
  return random() < share;
}
