// What a conformance case of RFC 6455 is: frames that one end sends, and what the other must answer.
//
// Numbers are those of the Autobahn test suite. Frames are made here, by hand, so that an error of the encoder's own
// cannot hide one of the receiver's. Invariant: a case says all that is answered, in order; nothing else may come.

import type { WsRole } from "../../src/protocol/ws-frame.ts";

/** What an echo answers: messages as they came, a pong for a ping, and the code of its close frame. */
export type Answer = readonly ["text" | "binary" | "pong", Buffer] | readonly ["close", number | null];

/** Makes the frame that begins with the byte `first`; masked where the end under test is a server. */
export type FrameMaker = (first: number, payload?: string | Uint8Array) => Buffer;

export interface WsCase {
  readonly id: string;
  /** In the pieces that it is written in; a case that is not about pieces has one a frame. */
  readonly send: (frame: FrameMaker) => readonly Buffer[];
  /** Where the last is no close, the case goes on with a normal close from the sender. */
  readonly answers: readonly Answer[];
}

/** First bytes of frames; `more` ones have no FIN. */
export const TEXT = 0x81;
export const BINARY = 0x82;
export const CONTINUATION = 0x80;
export const CLOSE = 0x88;
export const PING = 0x89;
export const PONG = 0x8a;
export const more = (first: number): number => first & 0x7f;

const KEY = Buffer.from("37fa213d", "hex");

export function frameMaker(role: WsRole): FrameMaker {
  return (first, payload = "") => {
    const bytes = Buffer.from(payload);
    const head = headOf(first, bytes.length);
    if (role === "client") return Buffer.concat([head, bytes]);
    head[1] = head[1]! | 0x80;
    xor(bytes, KEY);
    return Buffer.concat([head, KEY, bytes]);
  };
}

/** Not the one under test. */
export function xor(bytes: Buffer, key: Uint8Array): void {
  for (let i = 0; i < bytes.length; i += 1) bytes[i]! ^= key[i & 3]!;
}

function headOf(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, length]);
  if (length < 65536) return Buffer.from([first, 126, length >> 8, length & 255]);
  const head = Buffer.alloc(10);
  head.set([first, 127]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

export function closePayload(code: number, reason: string | Uint8Array = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}

/** All the pieces of a case, with the close that ends it. */
export function piecesOf({ send, answers }: WsCase, role: WsRole): readonly Buffer[] {
  const frame = frameMaker(role);
  const pieces = send(frame);
  return answers.at(-1)?.[0] === "close" ? pieces : [...pieces, frame(CLOSE, closePayload(1000))];
}

export function allAnswers({ answers }: WsCase): readonly Answer[] {
  return answers.at(-1)?.[0] === "close" ? answers : [...answers, ["close", 1000]];
}

export function chop(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** The frames of a message in fragments of `size` bytes; the last has FIN. */
export function fragments(frame: FrameMaker, first: number, bytes: Buffer, size: number): Buffer[] {
  const parts = chop(bytes, size);
  return parts.map((part, i) => {
    const opcode = i === 0 ? first : CONTINUATION;
    return frame(i === parts.length - 1 ? opcode : more(opcode), part);
  });
}

export const text = (payload: string | Uint8Array): Answer => ["text", Buffer.from(payload)];
export const binary = (payload: string | Uint8Array): Answer => ["binary", Buffer.from(payload)];
export const pong = (payload: string | Uint8Array): Answer => ["pong", Buffer.from(payload)];
export const closes = (code: number | null): Answer => ["close", code];
