// `Idempotency-Key` on the wire: what a request's key is bound to, and the answer that says it was given before.
//
// Deliberately without memory: what was answered is the service's matter (service/idempotency/idempotency.ts).
// Invariant: the same request gives the same hash, however its JSON is laid out and in whatever order its members come.

import { hash } from "node:crypto";
import { isObject } from "../base/decode.ts";
import { CodexdError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { IdempotencyService, KeyedRequest, Keeping } from "../service/idempotency/idempotency.ts";
import type { KeptForm } from "../service/idempotency/kept-forms.ts";
import type { RequestBody } from "./body.ts";
import type { HeaderFields } from "./headers.ts";
import type { Answer, DataAnswer } from "./route.ts";

export const IDEMPOTENCY_KEY = "Idempotency-Key";
export const IDEMPOTENCY_REPLAYED = "Idempotency-Replayed";

/**
 * Does the work and answers with what it gives; where the request bears a key that has an answer, with that one, as
 * `answer` tells it. The work puts its answer beside what it makes, unless it makes nothing that is written.
 */
export type Once = <R extends object>(
  form: KeptForm<R>, work: (keeping?: Keeping<R>) => Promise<R>, answer: (result: R) => DataAnswer,
) => Promise<Answer>;

/** @param keyed null for a request without a key. */
export function createOnce(idempotency: IdempotencyService, keyed: KeyedRequest | null): Once {
  return async (form, work, answer) => {
    if (keyed === null) return answer(await work());
    const { result, replayed } = await idempotency.once(keyed, form, work);
    return replayed ? { ...answer(result), headers: { [IDEMPOTENCY_REPLAYED]: "true" } } : answer(result);
  };
}

/**
 * The key of a request, and what it is bound to; null where it has none.
 *
 * @param target method, path and query.
 * @throws {CodexdError} `bad_request` or `duplicate_header`, with the name of the header.
 */
export function readKey(headers: HeaderFields, target: () => string, body: RequestBody): KeyedRequest | null {
  const name = IDEMPOTENCY_KEY.toLowerCase();
  const key = headers.get(name);
  if (key === null) return null;
  if (headers.times(name) > 1) {
    throw new CodexdError("duplicate_header", `${IDEMPOTENCY_KEY}: must not come more than once`);
  }
  if (!/^[!-~]+$/.test(key) || key.length > LIMITS.idempotencyKeyCharsMax) {
    const most = LIMITS.idempotencyKeyCharsMax;
    throw new CodexdError("bad_request", `${IDEMPOTENCY_KEY}: must be 1 to ${most} visible ASCII characters`);
  }
  return { key, request: target(), bodyHash: hash("sha256", canonicalBytes(body), "hex") };
}

function canonicalBytes({ json, raw }: RequestBody): string | Buffer {
  if (raw === null) return JSON.stringify(sorted(json));
  return Buffer.concat([Buffer.from(`${raw.mediaType}\n`), raw.bytes]);
}

/** The members of each object in the order of their names. A body's depth is bounded where it is parsed. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name): [string, unknown] => [name, sorted(value[name])]));
}
