// The fields that several requests share: what a word, a path, a text or a bag of metadata may be.
//
// Deliberately not whole requests (service/inputs.ts, run-inputs.ts). Invariant: what passes here can stand in a
// command line or name a file without becoming anything else: no leading dash, no NUL, no relative path.

import { anyObject, DecodeError, described, mismatch, record, string, type Decoder } from "../base/decode.ts";
import { ANY_OBJECT_SCHEMA, mapSchema, STRING_SCHEMA } from "../base/json-schema.ts";
import { LIMITS } from "./limits.ts";

/** Model, profile and their like reach command lines and files elsewhere, so their alphabet is closed. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9_.:/@-]*$/;

/** The name of a model, a profile, an effort: at most `LIMITS.nameCharsMax` characters. */
export const word: Decoder<string> = described((value: unknown, path: string) => {
  if (typeof value !== "string" || !WORD.test(value) || value.length > LIMITS.nameCharsMax) {
    throw mismatch(path, value, `letters, digits and _.:/@- (first a letter or digit, ${LIMITS.nameCharsMax} at most)`);
  }
  return value;
}, { type: "string", pattern: WORD.source, maxLength: LIMITS.nameCharsMax });

export const absolutePath: Decoder<string> = described((value: unknown, path: string) => {
  if (typeof value !== "string" || !value.startsWith("/") || value.includes("\0")) {
    throw mismatch(path, value, "an absolute path");
  }
  if (Buffer.byteLength(value) > LIMITS.pathBytesMax) {
    throw new DecodeError(path, `must be at most ${LIMITS.pathBytesMax} bytes`);
  }
  return value;
}, { type: "string", pattern: "^/", maxLength: LIMITS.pathBytesMax });

/** An object that Codex takes as a policy, at most `LIMITS.policyBytesMax` bytes as JSON. */
export const policy: Decoder<Record<string, unknown>> = described((value: unknown, path: string) => {
  const members = anyObject(value, path);
  if (Buffer.byteLength(JSON.stringify(members)) > LIMITS.policyBytesMax) {
    throw new DecodeError(path, `must be at most ${LIMITS.policyBytesMax} bytes of JSON`);
  }
  return members;
}, ANY_OBJECT_SCHEMA);

/** A map of strings, at most `LIMITS.metadataBytesMax` bytes as JSON. */
export const metadata: Decoder<Record<string, string>> = described((value: unknown, path: string) => {
  const map = record(string)(value, path);
  if (Buffer.byteLength(JSON.stringify(map)) > LIMITS.metadataBytesMax) {
    throw new DecodeError(path, `must be at most ${LIMITS.metadataBytesMax} bytes of JSON`);
  }
  return map;
}, mapSchema(STRING_SCHEMA));

/**
 * Looks at each character once, without a pattern over the whole, which would overflow the stack of the engine on a
 * text of megabytes.
 *
 * @throws {DecodeError} for what is not base64 with its padding (RFC 4648 §4); the empty text is.
 */
export function checkBase64(text: string, path: string): void {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const body = text.slice(0, text.length - padding);
  if (text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(body)) return;
  throw new DecodeError(path, "must be base64 with its padding and without line breaks (`base64 -w0 FILE`)");
}

/**
 * Codex counts characters, of which JavaScript's string may have two for one.
 *
 * @throws {DecodeError} for a text of more than `LIMITS.inputTextCharsMax` of them.
 */
export function checkText(text: string, path: string): void {
  if (text.length <= LIMITS.inputTextCharsMax) return;
  let chars = 0;
  for (const _ of text) chars += 1;
  if (chars > LIMITS.inputTextCharsMax) {
    throw new DecodeError(path, `must be at most ${LIMITS.inputTextCharsMax} characters, got ${chars}`);
  }
}
