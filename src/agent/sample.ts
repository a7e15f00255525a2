// A value that fits a JSON schema, for turns and runs that ask for one.
//
// Deliberately a small part of JSON Schema: types, properties, items, enum, const, the first of alternatives, lengths
// and bounds in their plain form. Invariant: it ends for every schema, and every text that it makes up says who did.

import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";

const TEXT = "made up by codexd's embedded agent, which is no model";

/** A value for `schema`, an object as `outputSchema` takes it; null where it asks for what is not known here. */
export function sampleOf(schema: unknown): unknown {
  const budget = { nodes: LIMITS.agentSampleNodesMax };
  return sample(schema, 0, budget);
}

function sample(schema: unknown, depth: number, budget: { nodes: number }): unknown {
  budget.nodes -= 1;
  if (!isObject(schema) || depth > LIMITS.agentSampleDepthMax || budget.nodes < 0) return null;
  if (schema["const"] !== undefined) return schema["const"];
  const choices = schema["enum"];
  if (Array.isArray(choices) && choices.length > 0) return choices[0] as unknown;
  for (const word of ["anyOf", "oneOf", "allOf"]) {
    const alternatives = schema[word];
    if (Array.isArray(alternatives) && alternatives.length > 0) return sample(alternatives[0], depth + 1, budget);
  }
  const make = MAKERS.get(typeOf(schema));
  return make === undefined ? null : make(schema, (inner) => sample(inner, depth + 1, budget));
}

type Maker = (schema: Record<string, unknown>, sampleInner: (schema: unknown) => unknown) => unknown;

const MAKERS: ReadonlyMap<unknown, Maker> = new Map<unknown, Maker>([
  ["object", ({ properties }, sampleInner) => {
    const entries = Object.entries(isObject(properties) ? properties : {});
    return Object.fromEntries(entries.map(([name, inner]) => [name, sampleInner(inner)]));
  }],
  ["array", ({ minItems, items }, sampleInner) => {
    const length = Math.min(Math.max(numberOr(minItems, 1), 1), LIMITS.agentSampleNodesMax);
    return Array.from({ length }, () => sampleInner(items));
  }],
  ["string", ({ maxLength }) => TEXT.slice(0, numberOr(maxLength, TEXT.length))],
  ["integer", ({ minimum }) => Math.ceil(numberOr(minimum, 0))],
  ["number", ({ minimum }) => numberOr(minimum, 0)],
  ["boolean", () => false],
  ["null", () => null],
]);

/** The first of several types; what has properties is an object though it does not say so. */
function typeOf({ type, properties }: Record<string, unknown>): unknown {
  if (type === undefined && isObject(properties)) return "object";
  return Array.isArray(type) ? (type[0] as unknown) : type;
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}
