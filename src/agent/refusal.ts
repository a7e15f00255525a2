// What the embedded agent refuses, in Codex's words, and how it reads the parameters of a request.
//
// Codex gives nearly every refusal the same code, so that the message is what tells them apart; codexd reads it.

import { isObject } from "../base/decode.ts";

/** JSON-RPC's "invalid request", which Codex uses for nearly everything. */
const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;

/** What a method throws to be answered with an error. */
export class Refusal extends Error {
  readonly code: number;

  constructor(message: string, code: number = INVALID_REQUEST) {
    super(message);
    this.name = "Refusal";
    this.code = code;
  }
}

export type Params = Readonly<Record<string, unknown>>;

/** @throws {Refusal} when it is missing or no text. */
export function requiredText(params: Params, name: string): string {
  const text = optionalText(params, name);
  if (text === null) throw new Refusal(`Invalid request: missing field \`${name}\``);
  return text;
}

/** Null for what is absent or null. @throws {Refusal} when it is no text. */
export function optionalText(params: Params, name: string): string | null {
  const value = params[name] ?? null;
  if (value !== null && typeof value !== "string") throw wrongType(name, "a string");
  return value;
}

/** @throws {Refusal} when it is missing or no list of objects. */
export function inputItems(params: Params): Array<Record<string, unknown>> {
  const { input } = params;
  if (input === undefined) throw new Refusal("Invalid request: missing field `input`");
  if (!Array.isArray(input) || !input.every(isObject)) throw wrongType("input", "a sequence of input items");
  return input;
}

/** All texts of an input, a line each. */
export function textOf(input: ReadonlyArray<Record<string, unknown>>): string {
  return input.flatMap(({ text }) => (typeof text === "string" ? [text] : [])).join("\n");
}

export function wrongType(name: string, expected: string): Refusal {
  return new Refusal(`Invalid request: invalid type for field \`${name}\`, expected ${expected}`);
}
