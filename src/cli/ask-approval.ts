// Asks the person at the terminal what to decide, and gives the answer.
//
// Nothing is sent from here. Invariants: only what the approval allows is offered, and only what was typed behind the
// question counts; a line that is no answer is asked for again, the end of input is none.

import type { ApprovalDecision, ApprovalRecord, DecideApprovalInput } from "../core/approvals.ts";
import { approvalCard } from "./approval-card.ts";
import { formOf, type ApprovalForm, type FormField } from "./approval-form.ts";
import type { CliIo } from "./command.ts";
import { visible } from "./event-text.ts";
import type { Screen } from "./screen.ts";

export interface AskParts {
  readonly io: CliIo;
  readonly screen: Screen;
  /** Aborts when nobody needs the answer any more. */
  readonly signal: AbortSignal;
}

/** `left`: it is left to others. `ended`: there is nobody to ask any more. */
export type Asked = DecideApprovalInput | "left" | "ended";

interface Choice {
  readonly key: string;
  readonly decision: ApprovalDecision;
  readonly means: string;
}

const CHOICES: readonly Choice[] = [
  { key: "y", decision: "accept", means: "yes, once" },
  { key: "a", decision: "acceptForSession", means: "yes, also for the rest of the session" },
  { key: "n", decision: "decline", means: "no" },
  { key: "c", decision: "cancel", means: "no, and end the turn" },
];

/** Codex goes on with the turn after it, and tells the server that nobody has answered. */
const DISMISS = "no answer: dismiss it";

function choicesFor({ kind, allowedDecisions }: ApprovalRecord): Choice[] {
  const allowed = CHOICES.filter(({ decision }) => allowedDecisions.includes(decision));
  if (kind !== "mcp_elicitation") return allowed;
  return allowed.map((choice) => (choice.decision === "cancel" ? { ...choice, means: DISMISS } : choice));
}

/** @throws (rejects) the signal's reason. */
export async function askApproval(approval: ApprovalRecord, parts: AskParts): Promise<Asked> {
  const { screen } = parts;
  screen.remark(approvalCard(approval, screen.paint));
  const form = formOf(approval);
  const choices = choicesFor(approval);
  // A question is its own form: nobody has to say first that it will be answered.
  if (form !== null && approval.kind === "user_input") return fillIn(form, choices, parts);
  const rows = choices.map(({ key, means }): readonly [string, string] => [key, means]);
  if (form !== null) rows.unshift(["y", "yes, and fill in what it asks for"]);
  // Where nothing here says yes, somebody else may be able to.
  if (!rows.some(([key]) => key === "y")) rows.push(LEAVE);
  for (const [key, means] of rows) screen.remark(`  [${screen.paint("bold", key)}] ${means}\n`);
  for (;;) {
    const line = await readAnswer(`${rows.map(([key]) => key).join("/")}? `, parts);
    if (line === null) return "ended";
    const word = line.toLowerCase();
    const key = word === "yes" ? "y" : word === "no" ? "n" : word;
    if (!rows.some(([known]) => known === key)) continue;
    if (key === "s") return "left";
    const choice = choices.find((known) => known.key === key);
    if (choice !== undefined) return { decision: choice.decision };
    if (form !== null) return fillIn(form, choices, parts);
  }
}

const LEAVE = ["s", "leave it to others"] as const;

/** Between the fields a key behind a slash is a way out. */
async function fillIn(form: ApprovalForm, choices: readonly Choice[], parts: AskParts): Promise<Asked> {
  const { screen } = parts;
  const exits = choices.filter(({ decision }) => decision === "decline" || decision === "cancel");
  const rows = [...exits.map(({ key, means }): readonly [string, string] => [key, means]), LEAVE];
  for (const [key, means] of rows) screen.remark(`  [${screen.paint("bold", `/${key}`)}] ${means}\n`);
  const values = new Map<string, unknown>();
  for (const field of form.fields) {
    const answer = await fillField(field, exits, parts);
    if (answer === null) return "ended";
    if (answer.exit === "s") return "left";
    if (answer.exit !== undefined) return { decision: answer.exit };
    if (answer.value !== undefined) values.set(field.id, answer.value);
  }
  return { result: form.result(values) };
}

/** A value, undefined where an optional field is left empty, or a way out. */
interface Filled {
  readonly value?: unknown;
  readonly exit?: ApprovalDecision | "s";
}

/** Null at the end of input. */
async function fillField(field: FormField, exits: readonly Choice[], parts: AskParts): Promise<Filled | null> {
  const { options, parse, optional } = field;
  parts.screen.remark(fieldText(field, parts.screen));
  const ways = [
    ...(options.length === 0 ? [] : [`1 to ${options.length}`]),
    ...(parse === null ? [] : [field.takes]),
    ...(optional ? ["empty for none"] : []),
  ];
  for (;;) {
    const line = await readAnswer(`${ways.join(", or ")}: `, parts);
    if (line === null) return null;
    if (line === "" && optional) return {};
    if (line === "/s") return { exit: "s" };
    const exit = exits.find(({ key }) => line === `/${key}`);
    if (exit !== undefined) return { exit: exit.decision };
    const option = /^\d+$/.test(line) ? options[Number(line) - 1] : undefined;
    if (option !== undefined) return { value: option.value };
    const value = line === "" ? undefined : parse?.(line);
    if (value !== undefined) return { value };
  }
}

function fieldText({ heading, question, options }: FormField, { paint }: Screen): string {
  const title = [heading, question].filter((text) => text !== "").map(oneVisibleLine);
  const rows = options.map(({ label, description }, i) => {
    const more = description === "" ? "" : `: ${oneVisibleLine(description)}`;
    return `    ${i + 1}. ${oneVisibleLine(label)}${more}\n`;
  });
  return `  ${paint("bold", title.join(": "))}\n${rows.join("")}`;
}

function oneVisibleLine(text: string): string {
  return visible(text).replaceAll("\n", " ");
}

async function readAnswer(question: string, { io, screen, signal }: AskParts): Promise<string | null> {
  screen.asking();
  const line = await io.readLine(signal, question);
  // The end of input leaves the question's line open.
  if (line !== null) screen.answered();
  return line === null ? null : line.trim();
}
