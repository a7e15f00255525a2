// A request's body: read within its limit, then as a JSON object.
//
// Deliberately ignorant of fields; those are the route's decoder's matter. An empty body counts as `{}`.
// Invariant: no more than the route's bytes are ever held, and what tells a greater length is refused unread.

import type { IncomingMessage } from "node:http";
import { CodexdError } from "../core/errors.ts";
import { isMediaType, type HeaderFields } from "./headers.ts";
import { parseJsonObject } from "./json-object.ts";

/** The caller is gone, or was refused in mid-body by the parser: there is nobody to answer. */
export class HungUp extends Error {
  constructor() {
    super("the connection ended before the request did");
    this.name = "HungUp";
  }
}

export interface BodyOptions {
  readonly bytesMax: number;
  /** Called before the first byte is awaited, and never for a request that its headers refuse. */
  beforeRead(): void;
}

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
export async function readJsonBody(
  request: IncomingMessage, headers: HeaderFields, options: BodyOptions,
): Promise<Record<string, unknown>> {
  const told = Number(headers.get("content-length") ?? 0);
  if (!hasBody(headers)) return {};
  const isJson = isMediaType(headers.get("content-type"), "application/json");
  if (told > 0 && !isJson) throw wrongType();
  if (told > options.bytesMax) throw tooLarge(options.bytesMax);
  options.beforeRead();
  const bytes = await readBytes(request, isJson ? options.bytesMax : null);
  return bytes.length === 0 ? {} : parseJsonObject(bytes);
}

/** @param bytesMax null where not one byte may come, since its type was not told. */
function readBytes(request: IncomingMessage, bytesMax: number | null): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (settle: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      request.pause();
      settle();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytesMax === null) return finish(() => reject(wrongType()));
      if (bytes > bytesMax) return finish(() => reject(tooLarge(bytesMax)));
      chunks.push(chunk);
    };
    const onEnd = (): void => finish(() => resolve(Buffer.concat(chunks, bytes)));
    const onClose = (): void => finish(() => reject(new HungUp()));
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}

function wrongType(): CodexdError {
  const header = "Content-Type: application/json";
  return new CodexdError("unsupported_media_type", `a body must be JSON: send -H '${header}'`, { header });
}

function tooLarge(bytesMax: number): CodexdError {
  return new CodexdError("body_too_large", `the body must have at most ${bytesMax} bytes`, { limit: bytesMax });
}
