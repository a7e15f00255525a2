// RFC 6455 §5 framing: frame headers in, frames out, for both roles.
//
// Sans-I/O, and it never sees a payload: the receiver in ws-message.ts takes payloads as they come and joins
// fragments. No extension is ever agreed on, so every reserved bit is a violation.
//
// Invariant: a violation throws at the first byte that proves it, before any payload has been waited for, so that a
// peer can never make us hold more than `payloadBytesMax` for one frame.

import { LIMITS } from "../core/limits.ts";
import { encodeClosePayload, WS_CLOSE, WsProtocolError } from "./ws-close.ts";
import { applyMask } from "./ws-mask.ts";

export const OPCODE = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

/** Which end reads: a server takes only masked frames, a client only unmasked ones (§5.1). */
export type WsRole = "server" | "client";

export interface FrameHeader {
  readonly fin: boolean;
  readonly opcode: Opcode;
  readonly payloadBytes: number;
  /** The key's first byte is the highest; null in a frame that is not masked. */
  readonly maskKey: number | null;
  /** Bytes of the header itself. */
  readonly headerBytes: number;
}

/** Two bytes, a length of eight, a key of four. */
export const FRAME_HEADER_BYTES_MAX = 14;

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const KNOWN_OPCODES: ReadonlySet<number> = new Set(Object.values(OPCODE));

/**
 * Reads the header that starts at `start`; null means that it goes on past `end`: call again with more.
 *
 * @throws {WsProtocolError} 1002 if the bytes can never become a header that is allowed, 1009 if a data frame's
 *   payload is longer than `payloadBytesMax`.
 */
export function readFrameHeader(
  bytes: Buffer, start: number, end: number, rules: { role: WsRole; payloadBytesMax: number },
): FrameHeader | null {
  if (start >= end) return null;
  const first = bytes[start]!;
  const fin = (first & FIN) !== 0;
  const opcode = readOpcode(first, fin);
  if (start + 1 >= end) return null;
  const second = bytes[start + 1]!;
  const masked = (second & MASKED) !== 0;
  if (masked !== (rules.role === "server")) {
    throw violation(masked ? "a server must not mask its frames" : "a client must mask its frames");
  }
  const short = second & ~MASKED;
  if (isControl(opcode) && short > LIMITS.wsControlPayloadBytesMax) {
    throw violation(`a control frame has at most ${LIMITS.wsControlPayloadBytesMax} bytes`);
  }

  const keyAt = start + 2 + extendedLengthBytes(short);
  if (keyAt > end) return null;
  const payloadBytes = readPayloadLength(bytes, start + 2, short);
  if (payloadBytes > rules.payloadBytesMax && !isControl(opcode)) throw tooBig(rules.payloadBytesMax);
  const headerEnd = masked ? keyAt + 4 : keyAt;
  if (headerEnd > end) return null;
  const maskKey = masked ? bytes.readUInt32BE(keyAt) : null;
  return { fin, opcode, payloadBytes, maskKey, headerBytes: headerEnd - start };
}

export function isControl(opcode: Opcode): boolean {
  return opcode >= OPCODE.close;
}

/** The error of a message that is longer than it may be. */
export function tooBig(bytesMax: number): WsProtocolError {
  return new WsProtocolError(WS_CLOSE.tooBig, `a message has at most ${bytesMax} bytes`);
}

export interface EncodeOptions {
  /** A client gives one, new for each frame; a server none. */
  readonly maskKey?: number;
  /** False for a fragment that others follow. */
  readonly fin?: boolean;
}

/** The whole frame in a new buffer; `payload` is left as it is. */
export function encodeFrame(opcode: Opcode, payload: Uint8Array, options: EncodeOptions = {}): Buffer {
  const frame = allocateFrame(opcode, payload.length, options);
  frame.set(payload, frame.length - payload.length);
  return maskPayload(frame, payload.length, options);
}

/** Lone surrogates go out as U+FFFD: a text frame is UTF-8, whatever the string holds. */
export function encodeTextFrame(text: string, options: EncodeOptions = {}): Buffer {
  const payloadBytes = Buffer.byteLength(text, "utf8");
  const frame = allocateFrame(OPCODE.text, payloadBytes, options);
  frame.write(text, frame.length - payloadBytes, "utf8");
  return maskPayload(frame, payloadBytes, options);
}

/** A null `code` gives a close frame without payload, which is how one without a code is answered. */
export function encodeCloseFrame(code: number | null, reason: string, options: EncodeOptions = {}): Buffer {
  return encodeFrame(OPCODE.close, encodeClosePayload(code, reason), options);
}

/** Bytes of the header of an unmasked frame; the minimal one that §5.2 demands. */
export function frameHeaderBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_16) return 2;
  return payloadBytes <= 0xffff ? 4 : 10;
}

/**
 * Writes the header of a final, unmasked frame and gives the offset after it, where the payload belongs. Thousands of
 * messages are framed into one buffer with this, none of them allocating.
 */
export function writeServerFrameHeader(target: Buffer, offset: number, opcode: Opcode, payloadBytes: number): number {
  target[offset] = FIN | opcode;
  if (payloadBytes < LENGTH_16) {
    target[offset + 1] = payloadBytes;
    return offset + 2;
  }
  if (payloadBytes <= 0xffff) {
    target[offset + 1] = LENGTH_16;
    return target.writeUInt16BE(payloadBytes, offset + 2);
  }
  target[offset + 1] = LENGTH_64;
  target.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), offset + 2);
  return target.writeUInt32BE(payloadBytes >>> 0, offset + 6);
}

function readOpcode(first: number, fin: boolean): Opcode {
  if ((first & RESERVED) !== 0) throw violation("reserved bits are set and no extension was agreed on");
  const opcode = first & 0x0f;
  if (!isOpcode(opcode)) throw violation(`opcode ${opcode} is reserved`);
  if (isControl(opcode) && !fin) throw violation("a control frame must not be fragmented");
  return opcode;
}

function isOpcode(opcode: number): opcode is Opcode {
  return KNOWN_OPCODES.has(opcode);
}

function extendedLengthBytes(short: number): number {
  if (short < LENGTH_16) return 0;
  return short === LENGTH_16 ? 2 : 8;
}

function readPayloadLength(bytes: Buffer, at: number, short: number): number {
  if (short < LENGTH_16) return short;
  if (short === LENGTH_16) {
    const length = bytes.readUInt16BE(at);
    if (length < LENGTH_16) throw violation("a length must be encoded in the fewest bytes");
    return length;
  }
  const high = bytes.readUInt32BE(at);
  if (high > 0x7fff_ffff) throw violation("the highest bit of a length must be 0");
  const length = high * 2 ** 32 + bytes.readUInt32BE(at + 4);
  if (length <= 0xffff) throw violation("a length must be encoded in the fewest bytes");
  return length;
}

function allocateFrame(opcode: Opcode, payloadBytes: number, { maskKey, fin = true }: EncodeOptions): Buffer {
  const headerBytes = frameHeaderBytes(payloadBytes) + (maskKey === undefined ? 0 : 4);
  const frame = Buffer.allocUnsafe(headerBytes + payloadBytes);
  const keyAt = writeServerFrameHeader(frame, 0, opcode, payloadBytes);
  if (!fin) frame[0] = opcode;
  if (maskKey !== undefined) {
    frame[1] = frame[1]! | MASKED;
    frame.writeUInt32BE(maskKey, keyAt);
  }
  return frame;
}

function maskPayload(frame: Buffer, payloadBytes: number, { maskKey }: EncodeOptions): Buffer {
  if (maskKey !== undefined) applyMask(frame.subarray(frame.length - payloadBytes), maskKey, 0);
  return frame;
}

function violation(message: string): WsProtocolError {
  return new WsProtocolError(WS_CLOSE.protocolError, message);
}
