// RFC 6455 §5 framing: frame headers in, frames out, for both roles.
//
// Sans-I/O, and it never sees a payload: the receiver in ws-message.ts takes payloads as they come and joins
// fragments. No extension is ever agreed on, so every reserved bit is a violation.
//
// Invariant: a violation throws at the first byte that proves it, before any payload has been waited for, so that a
// peer can never make us hold more than `payloadBytesMax` for one frame.

import { assert } from "../base/assert.ts";
import { LIMITS } from "../core/limits.ts";
import { encodeClosePayload, halfCode, WS_CLOSE, WsProtocolError } from "./ws-close.ts";
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

export interface FrameRules {
  readonly role: WsRole;
  /** Bytes of a message, which a data frame must not exceed. */
  readonly payloadBytesMax: number;
  /** How many of them the fragments before this frame have used up. */
  readonly heldBytes?: number;
}

/**
 * Reads the header that starts at `start`; null means that it goes on past `end`: call again with more.
 *
 * @throws {WsProtocolError} 1002 if the bytes can never become a header that is allowed, 1009 if a data frame's
 *   payload is longer than `payloadBytesMax` leaves room for.
 */
export function readFrameHeader(bytes: Buffer, start: number, end: number, rules: FrameRules): FrameHeader | null {
  if (start >= end) return null;
  const first = bytes[start]!;
  const opcode = readOpcode(first);
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
  if (opcode === OPCODE.close && short === 1) throw halfCode();

  const lengthBytes = extendedLengthBytes(short);
  const keyAt = start + 2 + lengthBytes;
  const payloadBytes = keyAt <= end
    ? readPayloadLength(bytes, start + 2, short)
    : readCutLength(bytes.subarray(start + 2, end), lengthBytes);
  const { heldBytes = 0, payloadBytesMax } = rules;
  if (heldBytes + payloadBytes > payloadBytesMax && !isControl(opcode)) throw tooBig(payloadBytesMax);
  const headerEnd = masked ? keyAt + 4 : keyAt;
  if (headerEnd > end) return null;
  const maskKey = masked ? bytes.readUInt32BE(keyAt) : null;
  return { fin: (first & FIN) !== 0, opcode, payloadBytes, maskKey, headerBytes: headerEnd - start };
}

/**
 * What the first byte of a frame says.
 *
 * @throws {WsProtocolError} 1002 where no frame may begin with it.
 */
export function readOpcode(first: number): Opcode {
  if ((first & RESERVED) !== 0) throw violation("reserved bits are set and no extension was agreed on");
  const opcode = first & 0x0f;
  if (!isOpcode(opcode)) throw violation(`opcode ${opcode} is reserved`);
  if (isControl(opcode) && (first & FIN) === 0) throw violation("a control frame must not be fragmented");
  return opcode;
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

/**
 * The whole frame in a new buffer; `payload` is left as it is. @throws for a control frame that has more than 125 bytes
 * or is a fragment, as no peer may take it.
 */
export function encodeFrame(opcode: Opcode, payload: Uint8Array, options: EncodeOptions = {}): Buffer {
  if (isControl(opcode)) {
    assert(payload.length <= LIMITS.wsControlPayloadBytesMax, "a control frame has too many bytes to be sent");
    assert(options.fin !== false, "a control frame must not be sent in fragments");
  }
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

/**
 * A null `code` gives a close frame without payload, which is how one without a code is answered; a reason is cut to
 * 123 bytes. @throws for a code that must not be sent.
 */
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
    if (length < LENGTH_16) throw notMinimal();
    return length;
  }
  const high = bytes.readUInt32BE(at);
  if (high > 0x7fff_ffff) throw beyond63Bits();
  const length = high * 2 ** 32 + bytes.readUInt32BE(at + 4);
  if (length <= 0xffff) throw notMinimal();
  return length;
}

/** The least that a length can be whose first bytes are `known`; throws where nothing that follows makes it right. */
function readCutLength(known: Buffer, lengthBytes: number): number {
  if (known.length === 0) return 0;
  if (lengthBytes === 8 && known[0]! > 0x7f) throw beyond63Bits();
  const missing = 256 ** (lengthBytes - known.length);
  const least = known.reduce((sum, byte) => sum * 256 + byte, 0) * missing;
  if (least + missing - 1 < (lengthBytes === 2 ? LENGTH_16 : 2 ** 16)) throw notMinimal();
  return least;
}

function notMinimal(): WsProtocolError {
  return violation("a length must be encoded in the fewest bytes");
}

function beyond63Bits(): WsProtocolError {
  return violation("the highest bit of a length must be 0");
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
