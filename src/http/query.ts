// Query text -> typed fields, by the route's own list.
//
// Invariant: an unknown or a repeated parameter is refused by name, as an unknown field of a body is.

import { DecodeError, integer, mismatch, nonEmptyString, shownName, type Decoder } from "../base/decode.ts";
import type { JsonSchema } from "../base/json-schema.ts";
import { LIMITS } from "../core/limits.ts";

export interface QueryField<T> {
  /** Takes the decoded text; null where the parameter did not come. */
  readonly decode: (text: string | null, name: string) => T;
  /** What it takes, for people. */
  readonly takes: string;
  /** Of the value where it came. */
  readonly schema: JsonSchema;
}

export type QueryShape<T> = { readonly [K in keyof T]-?: QueryField<T[K]> };

const NOTHING: ReadonlyMap<string, string> = new Map();

/**
 * @param query what follows the `?`; its percent-encoding must be valid. An empty value is not the same as none.
 * @throws {DecodeError} with the parameter's name.
 */
export function decodeQuery<T extends object>(query: string, shape: QueryShape<T>): T {
  const sent = query === "" ? NOTHING : readPairs(query, shape);
  const result: Partial<T> = {};
  for (const name of Object.keys(shape) as Array<keyof T & string>) {
    const field: QueryField<T[typeof name]> = shape[name];
    result[name] = field.decode(sent.get(name) ?? null, name);
  }
  return result as T;
}

function readPairs(query: string, shape: object): ReadonlyMap<string, string> {
  const sent = new Map<string, string>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = plain(equals === -1 ? pair : pair.slice(0, equals));
    if (!Object.hasOwn(shape, name)) throw new DecodeError(shownName(name), unknownParameter(Object.keys(shape)));
    if (sent.has(name)) throw new DecodeError(name, "must not come more than once");
    sent.set(name, equals === -1 ? "" : plain(pair.slice(equals + 1)));
  }
  return sent;
}

/** A whole number from `min` to `max`, `whenAbsent` where it did not come. */
export function numberField<D extends number | null>(
  decode: Decoder<number>, whenAbsent: D, takes: string,
): QueryField<number | D> {
  return {
    takes,
    schema: { ...decode.schema, ...(whenAbsent === null ? {} : { default: whenAbsent }) },
    decode(text, name) {
      if (text === null) return whenAbsent;
      // Only plain digits are a number here: `Number` would also take "", "1e3" and "0x1".
      return decode(/^[0-9]{1,16}$/.test(text) ? Number(text) : text, name);
    },
  };
}

/** Text that `decode` takes, null where it did not come. */
export function textField<T>(decode: Decoder<T>, takes: string): QueryField<T | null> {
  return { takes, schema: decode.schema ?? {}, decode: (text, name) => (text === null ? null : decode(text, name)) };
}

/** `1` is true; absent and `0` are false. */
export function flagField(takes: string): QueryField<boolean> {
  return {
    takes,
    schema: { type: "integer", enum: [0, 1], default: 0 },
    decode(text, name) {
      if (text !== null && text !== "0" && text !== "1") throw mismatch(name, text, "0 or 1");
      return text === "1";
    },
  };
}

/** Of every list. */
export const PAGE_SHAPE = {
  limit: numberField(integer(1, LIMITS.pageMax), LIMITS.pageDefault, `records on a page: 1 to ${LIMITS.pageMax}`),
  cursor: textField(nonEmptyString, "the nextCursor of the page before"),
};

function unknownParameter(names: readonly string[]): string {
  if (names.length === 0) return "unknown query parameter; none are taken here";
  return `unknown query parameter; there are ${names.join(", ")}`;
}

function plain(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
