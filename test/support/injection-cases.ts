// Requests for every field of every route, each hostile in one place: made from a seed, and made smaller when one
// fails.
//
// The routes and their fields are those of the API's own description, so that a new one is covered at once. Invariant:
// the same description, seed and number give the same request.

import { createSeeded, type Seeded } from "../../scripts/seeded.ts";
import { isObject } from "../../src/base/decode.ts";
import type { JsonSchema } from "../../src/base/json-schema.ts";
import { hostileValue, hostileWord } from "./hostile-values.ts";

export type Where = "body" | "query" | "header" | "path";

export interface InjectedField {
  readonly name: string;
  readonly where: Where;
  readonly schema: JsonSchema;
}

export interface InjectedRoute {
  readonly method: string;
  /** With `{params}`. */
  readonly path: string;
  readonly fields: readonly InjectedField[];
  readonly required: readonly string[];
  readonly takesBody: boolean;
}

export interface InjectedRequest {
  readonly route: InjectedRoute;
  /** The field that was made hostile. */
  readonly target: string;
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly header: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Good values of what a schema cannot tell: what there is in the world that is asked. */
export interface Samples {
  /** By the name of the field. */
  readonly named: Readonly<Record<string, unknown>>;
  /** By the pattern that its schema has. */
  readonly patterned: Readonly<Record<string, string>>;
}

/** Stands in each text that is made, and says which one it is. */
export const MARK = /zq[0-9]+z/;

/** Of two fields of which one is to be given, the one that is left out unless it is the hostile one. */
const BESIDE: Readonly<Record<string, string>> = { input: "prompt", result: "decision" };
/** Of something that is not there, so that the request would come to nothing. */
const ALONE = ["expectedTurnId", "cursor", "sessionId", "snapshot", "follow", "after"];
/** Given wherever they are taken: without them a request would mean nothing. */
const ALWAYS = ["prompt", "decision"];

export function readRoutes(api: JsonSchema): InjectedRoute[] {
  return Object.entries(api["paths"] as Record<string, Record<string, JsonSchema>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const parameters = (operation["parameters"] ?? []) as Array<{ name: string; in: Where; schema: JsonSchema }>;
      const content = (operation["requestBody"] as JsonSchema | undefined)?.["content"] as JsonSchema | undefined;
      const schema = (content?.["application/json"] as { schema: JsonSchema } | undefined)?.schema ?? {};
      const members = Object.entries((schema["properties"] ?? {}) as Record<string, JsonSchema>);
      return {
        method: method.toUpperCase(), path, takesBody: content !== undefined,
        required: (schema["required"] ?? []) as string[],
        fields: [
          ...parameters.map((parameter) => ({ ...parameter, where: parameter.in })),
          ...members.map(([name, member]) => ({ name, where: "body" as const, schema: member })),
          // A field that nobody knows.
          { name: "unknown", where: method === "post" ? "body" as const : "query" as const, schema: { not: "known" } },
        ],
      };
    }));
}

/** The `number`th request: each field of each route has its turn before the first comes again. */
export function makeRequest(
  routes: readonly InjectedRoute[], samples: Samples, seed: number, number: number,
): InjectedRequest {
  const targets = routes.flatMap((route) => route.fields.map((field) => ({ route, field })));
  const { route, field } = targets[number % targets.length] as (typeof targets)[number];
  const chance = createSeeded(seed * 1_000_003 + number);
  let marks = 0;
  const mark = (): string => `zq${number * 1000 + marks++}z`;
  const made: Record<Where, Record<string, unknown>> = { path: {}, query: {}, header: {}, body: {} };
  for (const other of route.fields) {
    const { name, where, schema } = other;
    const beside = BESIDE[name];
    const wanted = other === field || where === "path" || route.required.includes(name)
      || (ALWAYS.includes(name) && BESIDE[field.name] !== name)
      || (beside === undefined && name !== "unknown" && !ALONE.includes(name) && chance.next() < 0.25);
    if (wanted) made[where][name] = sampleOf(name, schema, samples, chance, mark);
  }
  const name = field.name === "unknown" ? hostileWord(chance, mark()) : field.name;
  delete made[field.where]["unknown"];
  // Once in a while nothing is hostile but the company.
  if (field.name === "unknown" || chance.next() < 0.9) {
    const good = made[field.where][field.name] ?? null;
    made[field.where][name] = field.where === "body" ? spoil(good, chance, mark) : hostileWord(chance, mark());
  }
  const texts = (values: Record<string, unknown>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, wellFormed(String(value))]));
  return {
    route, target: name, path: texts(made.path), query: texts(made.query), header: headersOf(texts(made.header)),
    body: made.body,
  };
}

/** As UTF-8 would have it. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** What an HTTP client can put on the wire at all. */
function headersOf(headers: Record<string, string>): Record<string, string> {
  const sendable = /^[\t\x20-\x7e\x80-\xff]*$/;
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => sendable.test(value)));
}

function sampleOf(name: string, schema: JsonSchema, samples: Samples, chance: Seeded, mark: () => string): unknown {
  const within = (inner: unknown, of = name): unknown => sampleOf(of, inner as JsonSchema, samples, chance, mark);
  if (Object.hasOwn(samples.named, name)) return samples.named[name];
  const { anyOf, properties, items, pattern, minimum } = schema;
  if (Array.isArray(anyOf)) return within(pick(anyOf.filter((option) => option.type !== "null"), chance));
  if (Array.isArray(schema["enum"])) return pick(schema["enum"].filter((word) => word !== null), chance);
  const type = Array.isArray(schema["type"]) ? schema["type"][0] : schema["type"];
  if (type === "integer") return Number(minimum ?? 0) + Math.floor(chance.next() * 20);
  if (type === "boolean") return chance.next() < 0.5;
  if (type === "array") return [within(items), ...(chance.next() < 0.3 ? [within(items)] : [])];
  if (isObject(properties)) {
    const needed = (schema["required"] ?? []) as string[];
    const given = Object.entries(properties).filter(([key]) => needed.includes(key) || chance.next() < 0.3);
    return Object.fromEntries(given.map(([key, member]) => [key, within(member, key)]));
  }
  if (type === "object") return chance.next() < 0.5 ? {} : { [`KEY_${mark()}`]: `value ${mark()}` };
  const known = typeof pattern === "string" ? samples.patterned[pattern] : "text MARK";
  return (known ?? "word-MARK").replace("MARK", mark());
}

/** The value with something hostile in its place, or somewhere within it. */
function spoil(good: unknown, chance: Seeded, mark: () => string): unknown {
  const isInner = chance.next() < 0.6;
  if (isInner && Array.isArray(good) && good.length > 0) {
    const at = Math.floor(chance.next() * good.length);
    return good.map((item, i) => (i === at ? spoil(item, chance, mark) : item as unknown));
  }
  if (isInner && isObject(good)) {
    const keys = Object.keys(good);
    if (keys.length === 0 || chance.next() < 0.4) return { ...good, [hostileWord(chance, mark())]: mark() };
    const at = pick(keys, chance);
    return { ...good, [at]: spoil(good[at], chance, mark) };
  }
  if (typeof good === "string" && chance.next() < 0.7) return hostileWord(chance, mark());
  return hostileValue(chance, mark());
}

function pick<T>(values: readonly T[], chance: Seeded): T {
  return values[Math.floor(chance.next() * values.length)] as T;
}

/** A request that still fails and from which nothing more can be taken. `fails` may be asked some hundred times. */
export async function shrink(
  request: InjectedRequest, fails: (request: InjectedRequest) => Promise<boolean>,
): Promise<InjectedRequest> {
  let smallest = request;
  for (let asked = 0; asked < 500;) {
    let next: InjectedRequest | undefined;
    for (const candidate of smaller(smallest)) {
      asked += 1;
      if (await fails(candidate)) {
        next = candidate;
        break;
      }
    }
    if (next === undefined) break;
    smallest = next;
  }
  return smallest;
}

function* smaller(request: InjectedRequest): Generator<InjectedRequest> {
  for (const part of ["body", "query", "header"] as const) {
    for (const value of smallerValues(request[part])) yield { ...request, [part]: value };
  }
}

function* smallerValues(value: unknown): Generator<unknown> {
  if (typeof value === "string" && value.length > 1) {
    yield value.slice(0, value.length >> 1);
    yield value.slice(value.length >> 1);
    if (value.length < 20) yield value.slice(1);
    if (value.length < 20) yield value.slice(0, -1);
  }
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) {
      yield value.toSpliced(at, 1);
      for (const less of smallerValues(item)) yield value.with(at, less);
    }
  } else if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      const { [name]: _, ...others } = value;
      yield others;
      for (const less of smallerValues(name)) yield { ...others, [String(less)]: member };
      for (const less of smallerValues(member)) yield { ...value, [name]: less };
    }
  }
}
