// Says where a value does not fit a JSON Schema: the few keywords that codexd's own schemas have, all others refused.
//
// Deliberately strict where tests want it: with `closed` an object has no members but those that its schema names.

import { isObject } from "../../src/base/decode.ts";
import type { JsonSchema } from "../../src/base/json-schema.ts";

export interface CheckOptions {
  /** What `$ref` finds, by the last part of its path. */
  readonly schemas?: Readonly<Record<string, JsonSchema>>;
  readonly closed?: boolean;
}

const NOTES = ["description", "default", "format"];

/** One line for each place that does not fit; none when all does. */
export function misfits(value: unknown, schema: JsonSchema, options: CheckOptions = {}, at = ""): string[] {
  const { $ref } = schema;
  if (typeof $ref === "string") {
    const name = $ref.split("/").at(-1) ?? "";
    const found = options.schemas?.[name];
    return found === undefined ? [`${at}: no schema ${name}`] : misfits(value, found, options, at);
  }
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    if (NOTES.includes(keyword)) return [];
    const check = CHECKS[keyword];
    if (check === undefined) throw new Error(`unknown keyword ${keyword}`);
    return check({ value, wanted, schema, options, at });
  });
}

interface Case {
  readonly value: unknown;
  readonly wanted: unknown;
  readonly schema: JsonSchema;
  readonly options: CheckOptions;
  readonly at: string;
}

type Check = (given: Case) => string[];

const when = (wrong: boolean, problem: string): string[] => (wrong ? [problem] : []);

const CHECKS: Readonly<Record<string, Check>> = {
  type: ({ value, wanted, at }) => {
    const types = Array.isArray(wanted) ? wanted : [wanted];
    return when(!types.some((type) => isOfType(value, type)), `${at}: is no ${types.join(" or ")}`);
  },
  enum: ({ value, wanted, at }) => when(!(wanted as unknown[]).includes(value), `${at}: is none of the words`),
  const: ({ value, wanted, at }) => when(value !== wanted, `${at}: is not ${String(wanted)}`),
  minimum: ({ value, wanted, at }) => when(typeof value === "number" && value < Number(wanted), `${at}: is too small`),
  maximum: ({ value, wanted, at }) => when(typeof value === "number" && value > Number(wanted), `${at}: is too large`),
  minLength: ({ value, wanted, at }) => {
    return when(typeof value === "string" && value.length < Number(wanted), `${at}: is too short`);
  },
  maxLength: ({ value, wanted, at }) => {
    return when(typeof value === "string" && value.length > Number(wanted), `${at}: is too long`);
  },
  pattern: ({ value, wanted, at }) => {
    return when(typeof value === "string" && !new RegExp(String(wanted), "u").test(value), `${at}: has another form`);
  },
  minItems: ({ value, wanted, at }) => {
    return when(Array.isArray(value) && value.length < Number(wanted), `${at}: has too few`);
  },
  maxItems: ({ value, wanted, at }) => {
    return when(Array.isArray(value) && value.length > Number(wanted), `${at}: has too many`);
  },
  items: ({ value, wanted, options, at }) => {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item, i) => misfits(item, wanted as JsonSchema, options, `${at}[${i}]`));
  },
  anyOf: ({ value, wanted, options, at }) => {
    const all = (wanted as JsonSchema[]).map((schema) => misfits(value, schema, options, at));
    return all.some((found) => found.length === 0) ? [] : all.flat();
  },
  required: ({ value, wanted, at }) => {
    if (!isObject(value)) return [];
    const missing = (wanted as string[]).filter((name) => !Object.hasOwn(value, name));
    return missing.map((name) => `${at}.${name}: is missing`);
  },
  properties: ({ value, wanted, schema, options, at }) => {
    if (!isObject(value)) return [];
    const known = wanted as Readonly<Record<string, JsonSchema>>;
    const closed = options.closed === true && schema["additionalProperties"] === undefined;
    return Object.entries(value).flatMap(([name, member]) => {
      const found = known[name];
      if (found !== undefined) return misfits(member, found, options, `${at}.${name}`);
      return when(closed, `${at}.${name}: is not described`);
    });
  },
  additionalProperties: ({ value, wanted, schema, options, at }) => {
    if (!isObject(value)) return [];
    const known = Object.keys((schema["properties"] ?? {}) as object);
    const others = Object.entries(value).filter(([name]) => !known.includes(name));
    if (wanted === false) return others.map(([name]) => `${at}.${name}: is not allowed`);
    return others.flatMap(([name, member]) => misfits(member, wanted as JsonSchema, options, `${at}.${name}`));
  },
};

function isOfType(value: unknown, type: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}
