// One line of the journal as bytes: its fixed ends, its CRC, and how to tell a whole line from a damaged one.
//
// `{"seq":N,…,"detail":{…}` then `,"put":{…}`, `,"del":{…}` where records change, then `,"crc":"8 hex digits"}` and a
// newline. Not here: files, order and what the records mean.
//
// Invariant: the CRC covers every byte of the line before `,"crc"`; a line is verified before it is believed.

import { crc32 } from "node:zlib";

import { isObject } from "../base/decode.ts";
import type { CodexdEvent } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";

const NEWLINE = 0x0a;
const ZERO = 0x30;
const CLOSING_BRACE = 0x7d;
const HEAD = Buffer.from(`{"seq":`);
const TAIL = Buffer.from(`,"crc":"00000000"}\n`);
const CRC_AT = TAIL.indexOf("0");
const HEX = Buffer.from("0123456789abcdef");
const HEX_DIGITS = 8;
/** What tells that a line may change records; a `detail` may hold the same text. */
export const PUT = `,"put":`;
export const DEL = `,"del":`;
/** The largest seq has 16 digits; one more cannot be one. */
const SEQ_DIGITS_MAX = 16;

/** Bytes from `,"crc"` to the newline, both included. */
export const LINE_TAIL_BYTES = TAIL.length;

/** A string of `chars` UTF-16 units takes at most this many bytes as UTF-8. */
export function utf8BytesMax(chars: number): number {
  return chars * 3;
}

/** Ends the line that starts at `start` and has been written up to `end`; gives the offset after its newline. */
export function endLine(bytes: Buffer, start: number, end: number): number {
  let crc = crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
  for (let i = 0; i < LINE_TAIL_BYTES; i++) bytes[end + i] = TAIL[i] as number;
  for (let at = end + CRC_AT + HEX_DIGITS - 1; at >= end + CRC_AT; at--) {
    bytes[at] = HEX[crc & 15] as number;
    crc >>>= 4;
  }
  return end + LINE_TAIL_BYTES;
}

/**
 * The seq of the line in `bytes` from `start` up to `end` (its newline not included), or -1 when the line is not
 * whole: too short, without a seq or a CRC, or with a CRC that does not fit.
 */
export function verifyLine(bytes: Buffer, start: number, end: number): number {
  const tail = end - (LINE_TAIL_BYTES - 1);
  if (tail <= start) return -1;
  for (let i = 0; i < LINE_TAIL_BYTES - 1; i++) {
    if ((i < CRC_AT || i >= CRC_AT + HEX_DIGITS) && bytes[tail + i] !== TAIL[i]) return -1;
  }
  const crc = crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + start, tail - start));
  if (crc !== readHex(bytes, tail + CRC_AT)) return -1;
  return readSeq(bytes, start, end);
}

/** The seq that a line claims at its start, or -1; enough to search by, not to believe the line. */
export function readSeq(bytes: Buffer, start: number, end: number): number {
  for (let i = 0; i < HEAD.length; i++) {
    if (bytes[start + i] !== HEAD[i]) return -1;
  }
  let seq = 0;
  const first = start + HEAD.length;
  const last = Math.min(end, first + SEQ_DIGITS_MAX);
  let at = first;
  for (; at < last; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    seq = seq * 10 + digit;
  }
  if (at === first || bytes[at] !== 0x2c || seq > LIMITS.seqMax) return -1;
  return seq;
}

/** The offset of the next newline at or after `from`, or -1. */
export function findNewline(bytes: Buffer, from: number): number {
  return bytes.indexOf(NEWLINE, from);
}

/**
 * Whether a line that is whole is of a layout that is not known: today nothing stands between the members that are
 * objects and the CRC, and a later layout has its number there (`,"v":3`). `end` as for `verifyLine`.
 */
export function isOfNewerLayout(bytes: Buffer, end: number): boolean {
  return bytes[end - LINE_TAIL_BYTES] !== CLOSING_BRACE;
}

/** The table changes in a line, as they were put; both empty for most lines. */
export interface LineChanges {
  readonly put: Readonly<Record<string, object>>;
  readonly del: Readonly<Record<string, readonly string[]>>;
}

export interface ParsedLine {
  /** Only these: the object may also hold what is the store's own. */
  readonly event: Pick<CodexdEvent, "type" | "detail">;
  readonly changes: LineChanges;
  /** Bytes of the event's JSON without its closing brace: where the store's own part of the line begins. */
  readonly eventBytes: number;
}

const NO_CHANGES: LineChanges = { put: {}, del: {} };

/** Parses a line that has been verified; `end` is its newline's offset. */
export function parseLine(bytes: Buffer, start: number, end: number): ParsedLine {
  const text = bytes.toString("utf8", start, end);
  const line = JSON.parse(text) as CodexdEvent & { put?: unknown; del?: unknown; crc: string };
  if (!text.includes(PUT) && !text.includes(DEL)) {
    return { event: line, changes: NO_CHANGES, eventBytes: plainEventBytes(start, end) };
  }
  const { put, del, crc, ...event } = line;
  const storeOwn = JSON.stringify({ put, del, crc });
  return {
    event,
    changes: {
      put: isObject(put) ? (put as LineChanges["put"]) : {},
      del: isObject(del) ? (del as LineChanges["del"]) : {},
    },
    // What JSON.stringify has written comes out of it again byte by byte, so its length tells where the event ends:
    // `{"put":…}` is as long as `,"put":…}` is on the line.
    eventBytes: end - start - Buffer.byteLength(storeOwn),
  };
}

/** `eventBytes` of a line that changes no record; `end` is its newline's offset. */
export function plainEventBytes(start: number, end: number): number {
  return end - start - (LINE_TAIL_BYTES - 1);
}

/** The value of eight lower-case hex digits, or -1. */
function readHex(bytes: Buffer, from: number): number {
  let value = 0;
  for (let at = from; at < from + HEX_DIGITS; at++) {
    const digit = HEX.indexOf(bytes[at] as number);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}
