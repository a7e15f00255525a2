// The words in which the answers of operations are described: envelopes, pages, and who refuses what.
//
// Deliberately not the operations themselves, nor the schemas of records.

import type { JsonSchema } from "../base/json-schema.ts";
import type { ErrorCode } from "../core/errors.ts";
import { listOf, ref, TEXT_OR_NULL } from "./openapi-schema.ts";

export const TAGS = {
  health: "Whether it serves, and figures about it.",
  sessions: "Durable handles on Codex threads.",
  turns: "Prompts to a session, and their receipts.",
  approvals: "What Codex asks, and what is decided.",
  runs: "`codex exec` processes.",
  codex: "All else that Codex can do: its threads, and any of its methods.",
  events: "Everything that happens, in one order.",
} as const;

export interface AnswerDescription {
  readonly description: string;
  /** By media type. */
  readonly content: Readonly<Record<string, JsonSchema>>;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "header";
  readonly description: string;
  readonly schema: JsonSchema;
}

export interface Operation {
  readonly operationId: string;
  readonly tag: keyof typeof TAGS;
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerDescription>>;
  /** Beyond what every route refuses. */
  readonly refuses?: readonly ErrorCode[];
  /** Beyond those of the route's own query. */
  readonly parameters?: readonly Parameter[];
}

export const JSON_CONTENT = "application/json";

/** Of all that asks the app-server. */
export const CHILD_ERRORS = [
  "wrong_mode", "app_server_error", "child_failed", "child_restarted", "not_ready", "timeout",
] as const;

type Members = Readonly<Record<string, JsonSchema>>;

/** The success envelope around these members, and around those of `more` where there is something to say. */
export function data(description: string, members: Members, more: Members = {}): AnswerDescription {
  const properties = { ...members, ...more };
  return enveloped(description, { type: "object", properties, required: Object.keys(members) });
}

export function enveloped(description: string, schema: JsonSchema): AnswerDescription {
  const envelope = { type: "object", properties: { ok: { const: true }, data: schema }, required: ["ok", "data"] };
  return { description, content: { [JSON_CONTENT]: envelope } };
}

export function bare(description: string, members: Members, required: readonly string[]): AnswerDescription {
  return { description, content: { [JSON_CONTENT]: { type: "object", properties: members, required } } };
}

/** @param name the member with the records. @param item the name of their schema. */
export function page(name: string, item: string): AnswerDescription {
  return data("A page.", { [name]: listOf(ref(item)), nextCursor: TEXT_OR_NULL });
}
