// A request's body: read within its limit, then as a JSON object, or as the bytes that a route takes as they are.
//
// Deliberately ignorant of fields; those are the route's decoder's matter. An empty body counts as `{}`.
// Invariant: no more than the route's bytes are ever held, and what tells a greater length is refused unread.

import type { IncomingMessage } from "node:http";
import { CodexdError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { readBodyBytes, type Intake } from "./body-bytes.ts";
import { isMediaType, type HeaderFields } from "./headers.ts";
import { parseJsonObject } from "./json-object.ts";

const JSON_TYPE = "application/json";

/** A body that is not JSON. */
export interface RawBody {
  /** One of those that its route takes. */
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/**
 * What a route takes beside JSON. None of the types may be one that a page can send across origins without being asked
 * (`text/plain`, a form): they are as much a part of the defence as the one of JSON.
 */
export interface RawBodyRule {
  readonly types: readonly string[];
  readonly bytesMax: number;
}

/** `raw` is null where the body was JSON, and then `json` is it. */
export interface RequestBody {
  readonly json: Record<string, unknown>;
  readonly raw: RawBody | null;
}

export interface BodyOptions {
  readonly intake: Intake;
  /** Of JSON. */
  readonly bytesMax: number;
  /** Null where only JSON is taken. */
  readonly raw: RawBodyRule | null;
  /** Called before the first byte is awaited, and never for a request that its headers refuse. */
  beforeRead(): void;
}

export const EMPTY_BODY: RequestBody = { json: {}, raw: null };

/** Whether the headers tell of one; an empty one counts as none. */
export function hasBody(headers: HeaderFields): boolean {
  return Number(headers.get("content-length") ?? 0) !== 0 || headers.get("transfer-encoding") !== null;
}

/**
 * A GET may have a body too; it is read as any other, so that nothing unread stays on the connection.
 *
 * @throws {CodexdError} `unsupported_media_type`, `body_too_large`, `bad_json`; the rest of the body is then unread.
 * @throws {HungUp}
 */
export async function readBody(
  request: IncomingMessage, headers: HeaderFields, { intake, bytesMax, raw, beforeRead }: BodyOptions,
): Promise<RequestBody> {
  // Most requests have none, and few routes take anything but JSON.
  if (raw === null && !hasBody(headers)) return EMPTY_BODY;
  const told = Number(headers.get("content-length") ?? 0);
  const sent = headers.get("content-type");
  const mediaType = [JSON_TYPE, ...(raw?.types ?? [])].find((type) => isMediaType(sent, type)) ?? null;
  const rawType = mediaType === JSON_TYPE ? null : mediaType;
  if (!hasBody(headers)) {
    // An empty file has been sent, not an empty object.
    return rawType === null ? EMPTY_BODY : { json: {}, raw: { mediaType: rawType, bytes: Buffer.alloc(0) } };
  }
  const limit = rawType === null || raw === null ? bytesMax : raw.bytesMax;
  if (told > 0 && mediaType === null) throw wrongType(raw);
  if (told > limit) throw tooLarge(limit);
  const bytes = await readBodyBytes(request, {
    intake, toldBytes: told, bytesMax: limit, beforeRead,
    refuse: (count, chunks) => {
      // Without a told length an empty body needs no type; one byte of any other does.
      if (mediaType === null) return wrongType(raw);
      if (count > limit) return tooLarge(limit);
      return chunks > LIMITS.bodyChunksMax ? tooManyChunks() : null;
    },
  });
  if (rawType !== null) return { json: {}, raw: { mediaType: rawType, bytes } };
  return bytes.length === 0 ? EMPTY_BODY : { json: parseJsonObject(bytes), raw: null };
}

function wrongType(rule: RawBodyRule | null): CodexdError {
  const header = `Content-Type: ${rule?.types[0] ?? JSON_TYPE}`;
  const takes = rule === null ? "JSON" : `${rule.types.join(", ")}, or JSON (${JSON_TYPE})`;
  return new CodexdError("unsupported_media_type", `a body must be ${takes}: send -H '${header}'`, { header });
}

function tooLarge(bytesMax: number): CodexdError {
  return new CodexdError("body_too_large", `the body must have at most ${bytesMax} bytes`, { limit: bytesMax });
}

function tooManyChunks(): CodexdError {
  const limit = LIMITS.bodyChunksMax;
  const message = `the body must come in at most ${limit} chunks: send larger ones`;
  return new CodexdError("body_too_large", message, { limit });
}
