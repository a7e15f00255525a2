// What an approval wants to know beyond a yes or no, as fields that a person fills in one after the other.
//
// Two sources, one shape: the questions of Codex, and the schema of an MCP server's form. Pure; who asks stands in
// ask-approval.ts. Invariant: a form that cannot be filled in here is no form, so that nobody sends half of one.

import { isObject } from "../base/decode.ts";
import type { ApprovalRecord } from "../core/approvals.ts";
import { visible } from "./event-text.ts";
import { shellWord } from "./started-text.ts";

export interface FormOption {
  readonly label: string;
  readonly description: string;
  /** What is answered with it. */
  readonly value: unknown;
}

export interface FormField {
  /** What it is called in the answer. */
  readonly id: string;
  readonly heading: string;
  readonly question: string;
  readonly options: readonly FormOption[];
  /** Of what is typed and is no option's number: the value, or undefined where it is none. Null: only options. */
  readonly parse: ((text: string) => unknown) | null;
  /** What `parse` takes, for people. */
  readonly takes: string;
  /** May be left empty; then it is no part of the answer. */
  readonly optional: boolean;
}

export interface ApprovalForm {
  readonly fields: readonly FormField[];
  /** The whole result, of the values by the fields' ids. */
  readonly result: (values: ReadonlyMap<string, unknown>) => Record<string, unknown>;
}

/** Null where there is nothing to fill in, or it has a shape that is not known here. */
export function formOf(approval: ApprovalRecord): ApprovalForm | null {
  if (approval.kind === "user_input") return questionForm(approval.questions ?? []);
  if (approval.kind !== "mcp_elicitation" || approval.allowedDecisions.includes("accept")) return null;
  return schemaForm(approval.params["requestedSchema"]);
}

/** What `--result` takes for it as a word of a shell, with what is to be filled in left open; `JSON` without a form. */
export function resultWord(approval: ApprovalRecord): string {
  const form = formOf(approval);
  if (form === null) return "JSON";
  return visible(shellWord(JSON.stringify(form.result(new Map(form.fields.map(({ id }) => [id, "…"]))))));
}

function questionForm(questions: readonly unknown[]): ApprovalForm | null {
  const fields = questions.map(questionField).filter((field) => field !== null);
  if (fields.length === 0 || fields.length < questions.length) return null;
  return {
    fields,
    result: (values) => ({
      answers: Object.fromEntries([...values].map(([id, value]) => [id, { answers: [String(value)] }])),
    }),
  };
}

function questionField(question: unknown): FormField | null {
  if (!isObject(question) || typeof question["id"] !== "string") return null;
  const given = Array.isArray(question["options"]) ? question["options"].filter(isObject) : [];
  const options = given.map(({ label, description }) => (
    { label: String(label), description: textOf(description), value: label }
  ));
  const free = options.length === 0 || question["isOther"] === true;
  const secret = question["isSecret"] === true ? " (it is seen as you type it)" : "";
  return {
    id: question["id"], heading: textOf(question["header"]), question: `${textOf(question["question"])}${secret}`,
    options, parse: free ? (text) => text : null, takes: "your own words", optional: false,
  };
}

function schemaForm(schema: unknown): ApprovalForm | null {
  if (!isObject(schema) || !isObject(schema["properties"])) return null;
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const entries = Object.entries(schema["properties"]);
  const fields = entries.map(([id, property]) => propertyField(id, property, !required.includes(id)));
  const known = fields.filter((field) => field !== null);
  if (known.length === 0 || known.length < fields.length) return null;
  return { fields: known, result: (values) => ({ action: "accept", content: Object.fromEntries(values) }) };
}

/** By JSON Schema's `type`: what is taken, and how it is read. */
const TYPES: ReadonlyMap<unknown, Pick<FormField, "parse" | "takes">> = new Map([
  ["string", { parse: (text: string): unknown => text, takes: "text" }],
  ["number", { parse: (text: string): unknown => numberOf(text), takes: "a number" }],
  ["integer", {
    parse: (text: string): unknown => (Number.isInteger(numberOf(text)) ? numberOf(text) : undefined),
    takes: "a whole number",
  }],
]);

function propertyField(id: string, property: unknown, optional: boolean): FormField | null {
  if (!isObject(property)) return null;
  const { title, description, type } = property;
  const about = { id, heading: textOf(title) || id, question: textOf(description), optional };
  const options = type === "boolean" ? YES_OR_NO : choicesOf(property);
  if (options.length > 0) return { ...about, options, parse: null, takes: "a number" };
  const known = TYPES.get(type);
  return known === undefined ? null : { ...about, options, ...known };
}

const YES_OR_NO: readonly FormOption[] = [
  { label: "yes", description: "", value: true },
  { label: "no", description: "", value: false },
];

/** An `enum` with its `enumNames`, or `oneOf` with titles, as MCP has them. */
function choicesOf({ enum: words, enumNames: names, oneOf }: Record<string, unknown>): FormOption[] {
  if (Array.isArray(oneOf)) {
    return oneOf.filter(isObject).map(({ const: value, title }) => (
      { label: textOf(title) || String(value), description: "", value }
    ));
  }
  if (!Array.isArray(words)) return [];
  const titles = Array.isArray(names) ? names : [];
  return words.map((value, i) => ({ label: textOf(titles[i]) || String(value), description: "", value }));
}

function numberOf(text: string): number | undefined {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? undefined : value;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
