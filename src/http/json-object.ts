// Bytes -> a JSON object that is safe to look at: bounded in depth, keys and elements, without a key `__proto__`.
//
// Deliberately before any decoder of fields: what is refused here was never a request of ours.
// Invariant: all three are counted on the bytes, so that a bomb is refused before it is built.

import { isUtf8 } from "node:buffer";
import { isObject } from "../base/decode.ts";
import { CodexdError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

/** @throws {CodexdError} `bad_json`, with what is wrong. */
export function parseJsonObject(bytes: Buffer): Record<string, unknown> {
  if (!isUtf8(bytes)) throw new CodexdError("bad_json", "the body is not valid UTF-8");
  checkStructure(bytes);
  const text = bytes.toString("utf8");
  const value = parse(text);
  if (!isObject(value)) throw new CodexdError("bad_json", "the body must be a JSON object");
  refuseProto(value);
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `{` and `[` open, `}` and `]` close; a colon outside of strings stands behind each key. */
const OPEN_CURLY = 0x7b;
const OPEN_SQUARE = 0x5b;
const CLOSE_CURLY = 0x7d;
const CLOSE_SQUARE = 0x5d;
const COLON = 0x3a;
/** Stands before each element and member but the first. */
const COMMA = 0x2c;

/** Counts on text that may not be JSON at all: whether it is, the parser says. */
function checkStructure(bytes: Buffer): void {
  let depth = 0;
  let keys = 0;
  let elements = 1;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = stringEnd(bytes, i + 1);
    } else if (byte === OPEN_CURLY || byte === OPEN_SQUARE) {
      depth += 1;
      if (depth > LIMITS.jsonDepthMax) {
        throw new CodexdError("bad_json", `the body is nested deeper than ${LIMITS.jsonDepthMax}`);
      }
    } else if (byte === CLOSE_CURLY || byte === CLOSE_SQUARE) {
      depth -= 1;
    } else if (byte === COLON) {
      keys += 1;
      if (keys > LIMITS.jsonKeysMax) {
        throw new CodexdError("bad_json", `the body has more than ${LIMITS.jsonKeysMax} keys`);
      }
    } else if (byte === COMMA) {
      elements += 1;
      if (elements > LIMITS.jsonElementsMax) {
        throw new CodexdError("bad_json", `the body has more than ${LIMITS.jsonElementsMax} elements`);
      }
    }
  }
}

/** The index of the quote that ends the string whose first byte is at `start`, or the end of the bytes. */
function stringEnd(bytes: Buffer, start: number): number {
  const quote = bytes.indexOf(QUOTE, start);
  if (quote === -1) return bytes.length;
  let before = quote - 1;
  while (before >= start && bytes[before] === BACKSLASH) before -= 1;
  // An even number of backslashes before the quote escape each other and leave the quote alone.
  if ((quote - before) % 2 === 1) return quote;
  // Where one is escaped there may be millions: looking for each by itself would take ten times as long.
  let i = quote + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CodexdError("bad_json", "the body is not JSON", undefined, { cause: error });
  }
}

/** Looks at parsed keys, since `__proto__` may be written with escapes. Depth and elements have their bounds by now. */
function refuseProto(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__")) throw new CodexdError("bad_json", "the body has a key __proto__");
  for (const member of Object.values(value)) refuseProto(member);
}
