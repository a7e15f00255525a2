// The words in which the schemas of answers are written.
//
// Deliberately small. Invariant: `record` names every field of its type and no other, or the compiler refuses it, so
// that no record can grow a field that the description of the API does not know.

import { nullable, type JsonSchema } from "../base/json-schema.ts";

export const TEXT: JsonSchema = { type: "string" };
export const TEXT_OR_NULL: JsonSchema = nullable(TEXT);
export const FLAG: JsonSchema = { type: "boolean" };
export const INTEGER: JsonSchema = { type: "integer" };
export const INTEGER_OR_NULL: JsonSchema = nullable(INTEGER);
export const ANYTHING: JsonSchema = {};
export const ANY_OBJECT: JsonSchema = { type: "object" };
export const ANY_OBJECT_OR_NULL: JsonSchema = nullable(ANY_OBJECT);
export const TIME: JsonSchema = { type: "string", format: "date-time" };
export const TIME_OR_NULL: JsonSchema = nullable(TIME);
export const TEXTS: JsonSchema = { type: "array", items: TEXT };
/** A body that is no JSON. */
export const BYTES: JsonSchema = { type: "string", format: "binary" };
export const TEXT_MAP: JsonSchema = { type: "object", additionalProperties: TEXT };

export function words(list: readonly string[]): JsonSchema {
  return { type: "string", enum: list };
}

export function listOf(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

export function ref(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

export function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: "null" }] };
}

/** Every field is always there; later versions may add some. */
export function record<T extends object>(
  description: string, properties: { readonly [K in keyof Required<T>]: JsonSchema },
): JsonSchema {
  return { type: "object", description, properties, required: Object.keys(properties) };
}
