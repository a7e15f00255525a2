// JSON Schema (2020-12) as plain values: the few words of it that decoders need to say what they take.
//
// Deliberately not a validator: decoders validate, and a schema only describes them. Invariant: schemas are values,
// never changed once made, and say nothing that the decoder beside them does not do.

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

export const STRING_SCHEMA: JsonSchema = { type: "string" };
export const ANY_OBJECT_SCHEMA: JsonSchema = { type: "object" };
/** What nobody has described: anything. */
const ANYTHING: JsonSchema = {};

export function arraySchema(items: JsonSchema = ANYTHING, itemsMin = 0): JsonSchema {
  return { type: "array", items, ...(itemsMin === 0 ? {} : { minItems: itemsMin }) };
}

/** An object whose members all have the same form. */
export function mapSchema(member: JsonSchema = ANYTHING): JsonSchema {
  return { type: "object", additionalProperties: member };
}

export function anyOfSchema(first: JsonSchema = ANYTHING, second: JsonSchema = ANYTHING): JsonSchema {
  return { anyOf: [first, second] };
}

/** An object of exactly these fields; an optional one may also be null, which means that it was left out. */
export function objectSchema(
  shape: Readonly<Record<string, { readonly decode: { readonly schema?: JsonSchema }; readonly optional: boolean }>>,
): JsonSchema {
  const fields = Object.entries(shape);
  const properties = fields.map(([name, { decode, optional }]) => {
    const schema = decode.schema ?? ANYTHING;
    return [name, optional ? nullable(schema) : schema];
  });
  const required = fields.filter(([, { optional }]) => !optional).map(([name]) => name);
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

/** The same or null. */
export function nullable(schema: JsonSchema): JsonSchema {
  const { type, enum: words, anyOf } = schema;
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: "null" }] };
  if (Object.keys(schema).length === 0) return schema;
  if (typeof type !== "string") return anyOfSchema(schema, { type: "null" });
  return { ...schema, type: [type, "null"], ...(Array.isArray(words) ? { enum: [...words, null] } : {}) };
}

/** An object's schema with a field that need not be there. */
export function withOptional(schema: JsonSchema, field: string): JsonSchema {
  const { required, properties, ...rest } = schema;
  if (!Array.isArray(required) || typeof properties !== "object" || properties === null) return schema;
  const left = required.filter((name) => name !== field);
  const members = Object.entries(properties as Readonly<Record<string, JsonSchema>>);
  const changed = members.map(([name, member]) => [name, name === field ? nullable(member) : member]);
  return { ...rest, properties: Object.fromEntries(changed), ...(left.length === 0 ? {} : { required: left }) };
}
