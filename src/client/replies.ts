// What an answer means: the envelope taken off, refusals as errors.
//
// Invariant: an answer that is not codexd's is `bad_reply` and never taken for data. What is inside `data` is the
// daemon's word and not checked member by member, since it may be newer than the client.

import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { clientError, CodexdClientError } from "./errors.ts";
import type { WireReply } from "./wire.ts";

export interface TextReply {
  readonly status: number;
  readonly text: string;
  /** Who answered, for messages. */
  readonly from: string;
}

/** Reads the whole body. @throws (rejects) {CodexdClientError} `reply_too_large`, and the wire's. */
export async function readText({ status, from, body }: WireReply): Promise<TextReply> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    parts.push(part);
    bytes += part.length;
    if (bytes > LIMITS.clientReplyBytesMax) {
      throw clientError("reply_too_large", `the answer is larger than ${LIMITS.clientReplyBytesMax} bytes`, { status });
    }
  }
  return { status, from, text: Buffer.concat(parts).toString("utf8") };
}

/** The `data` of a success. @throws {CodexdClientError} for a refusal, `bad_reply` for what is none of codexd's. */
export function dataOf(reply: TextReply): Record<string, unknown> {
  const body = objectOf(reply);
  const data = body["data"];
  if (body["ok"] === true && isObject(data)) return data;
  throw clientError("bad_reply", `${reply.from} answered ${reply.status} without data`, { status: reply.status });
}

/** The JSON object of a success, whatever is in it. @throws {CodexdClientError} as `dataOf`. */
export function objectOf(reply: TextReply): Record<string, unknown> {
  const body = parseJson(reply.text);
  if (isSuccess(reply) && isObject(body)) return body;
  throw refusalOf(reply);
}

export function isSuccess({ status }: { readonly status: number }): boolean {
  return status >= 200 && status < 300;
}

/** An answer that is no success, as an error. */
export function refusalOf({ status, text, from }: TextReply): CodexdClientError {
  const body = parseJson(text);
  if (!isObject(body) || typeof body["message"] !== "string" || typeof body["error"] !== "string") {
    return clientError("bad_reply", `${from} answered: HTTP status ${status}`, { status });
  }
  const { error, message, detail } = body;
  return new CodexdClientError(error, message, { status, detail: isObject(detail) ? detail : undefined });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Plain text is an answer too; who needs JSON sees that there is none.
    return undefined;
  }
}
