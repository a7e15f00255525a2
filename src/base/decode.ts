// unknown -> T, with the path of what was wrong: small decoders that compose.
//
// Invariants: a decoder never coerces; it gives back what it was shown, or throws a DecodeError that names the
// field, says what was there, and what it takes. Its `schema` says the same as it does, as far as JSON Schema can.

import {
  ANY_OBJECT_SCHEMA, anyOfSchema, arraySchema, mapSchema, objectSchema, STRING_SCHEMA, type JsonSchema,
} from "./json-schema.ts";

/** A value is not of the wanted shape. `path` is like `input[0].text`, empty for the value itself. */
export class DecodeError extends Error {
  readonly path: string;

  constructor(path: string, problem: string) {
    super(path === "" ? problem : `${path}: ${problem}`);
    this.name = "DecodeError";
    this.path = path;
  }
}

export interface Decoder<T> {
  /** @throws {DecodeError} when `value` is not a T. */
  (value: unknown, path: string): T;
  /** What it takes, for the description of the API; without one it is described as taking anything. */
  readonly schema?: JsonSchema;
}

/** Says of a decoder what it takes; it does what it did. */
export function described<F extends (...args: never[]) => unknown>(
  decode: F, schema: JsonSchema,
): F & { readonly schema: JsonSchema } {
  return Object.assign(decode, { schema });
}

export const string: Decoder<string> = described((value: unknown, path: string) => {
  if (typeof value !== "string") throw mismatch(path, value, "a string");
  return value;
}, STRING_SCHEMA);

export const nonEmptyString: Decoder<string> = described((value: unknown, path: string) => {
  if (typeof value !== "string" || value === "") throw mismatch(path, value, "a non-empty string");
  return value;
}, { type: "string", minLength: 1 });

export const boolean: Decoder<boolean> = described((value: unknown, path: string) => {
  if (typeof value !== "boolean") throw mismatch(path, value, "true or false");
  return value;
}, { type: "boolean" });

/** A whole number from `min` to `max`, both included. */
export function integer(min: number, max: number): Decoder<number> {
  return described((value: unknown, path: string) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      throw mismatch(path, value, `a whole number from ${min} to ${max}`);
    }
    return value;
  }, { type: "integer", minimum: min, maximum: max });
}

export function oneOf<const T extends string>(...words: readonly T[]): Decoder<T> {
  return described((value: unknown, path: string) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw mismatch(path, value, `one of ${words.join(", ")}`);
    return word;
  }, { type: "string", enum: words });
}

export function array<T>(item: Decoder<T>, itemsMin = 0): Decoder<T[]> {
  return described((value: unknown, path: string) => {
    if (!Array.isArray(value)) throw mismatch(path, value, "an array");
    if (value.length < itemsMin) throw new DecodeError(path, `must have at least ${itemsMin} element`);
    return value.map((element, i) => item(element, `${path}[${i}]`));
  }, arraySchema(item.schema, itemsMin));
}

/** Any JSON object, its members unread. */
export const anyObject: Decoder<Record<string, unknown>> = described((value: unknown, path: string) => {
  if (!isObject(value)) throw mismatch(path, value, "an object");
  return value;
}, ANY_OBJECT_SCHEMA);

export function record<T>(item: Decoder<T>): Decoder<Record<string, T>> {
  return described((value: unknown, path: string) => {
    const entries = Object.entries(anyObject(value, path));
    return Object.fromEntries(entries.map(([key, member]) => [key, item(member, join(path, shownName(key)))]));
  }, mapSchema(item.schema));
}

/** Tries each decoder in turn; when none fits, says `expected`. */
export function either<A, B>(first: Decoder<A>, second: Decoder<B>, expected: string): Decoder<A | B> {
  return described((value: unknown, path: string) => {
    try {
      return first(value, path);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
    try {
      return second(value, path);
    } catch (error) {
      // An error below this value says more than that the value itself does not fit.
      if (error instanceof DecodeError && error.path !== path) throw error;
      throw mismatch(path, value, expected);
    }
  }, anyOfSchema(first.schema, second.schema));
}

export type Shape<T> = { readonly [K in keyof T]-?: Field<T[K]> };
export interface Field<T> {
  readonly decode: Decoder<T>;
  readonly optional: boolean;
}

export function required<T>(decode: Decoder<T>): Field<T> {
  return { decode, optional: false };
}

/** Absent and null both mean that the field was left out: the result has no such member. */
export function optional<T>(decode: Decoder<T>): Field<T | undefined> {
  return { decode, optional: true };
}

/** An object of exactly these fields: an unknown one is refused by name, with the names that there are. */
export function object<T extends object>(shape: Shape<T>): Decoder<T> {
  const names = Object.keys(shape) as Array<keyof T & string>;
  const known = new Set<string>(names);
  return described((value: unknown, path: string) => {
    const source = anyObject(value, path);
    for (const key of Object.keys(source)) {
      if (!known.has(key)) {
        const takes = names.length === 0 ? "no fields are taken here" : `the fields are ${names.join(", ")}`;
        throw new DecodeError(join(path, shownName(key)), `unknown field; ${takes}`);
      }
    }
    const result: Partial<T> = {};
    for (const name of names) {
      const field: Field<T[typeof name]> = shape[name];
      const member = Object.hasOwn(source, name) ? source[name] : undefined;
      if (member !== undefined && (member !== null || !field.optional)) {
        result[name] = field.decode(member, join(path, name));
      } else if (!field.optional) {
        throw new DecodeError(join(path, name), "is required");
      }
    }
    return result as T;
  }, objectSchema(shape));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `must be <expected>, got <what it is>`; long values are cut, so that a message stays a line. */
export function mismatch(path: string, value: unknown, expected: string): DecodeError {
  return new DecodeError(path, `must be ${expected}, got ${describe(value)}`);
}

/** A name that the peer has chosen, for a message: cut at 100 characters, as JSON text unless it is a plain word. */
export function shownName(name: string): string {
  const cut = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return /^[A-Za-z0-9_.-]+$/.test(name) ? cut : JSON.stringify(cut);
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (isObject(value)) return "an object";
  const text = typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? typeof value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
