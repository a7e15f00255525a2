// Approvals in a list: what each asks, how old it is, and what has become of it.
//
// What it is about in full is approval-card.ts's. Pure. Invariant: as there, nothing of Codex's is left out or made to
// look like something else.

import { isObject } from "../base/decode.ts";
import type { ApprovalRecord } from "../core/approvals.ts";
import { changeName, changeText, factRow, factRows } from "./approval-card.ts";
import { resultWord } from "./approval-form.ts";
import { oneLine, visible } from "./event-text.ts";
import type { Screen } from "./screen.ts";

export interface ApprovalTextOptions {
  readonly paint: Screen["paint"];
  /** Wall time in milliseconds, for its age. */
  readonly now: number;
  /** With the changes of files themselves, not only their names. */
  readonly diffs: boolean;
}

/** Several lines, the last with a newline too. */
export function approvalText(approval: ApprovalRecord, { paint, now, diffs }: ApprovalTextOptions): string {
  const { approvalId, kind, createdAt, status, summary, sessionId } = approval;
  const state = status === "pending" ? [] : [outcomeText(approval)];
  const head = [visible(approvalId), kind.replaceAll("_", " "), ageText(createdAt, now), ...state].join("  ");
  return [
    `${paint("bold", head)}\n`,
    `  ${visible(oneLine(summary))}\n`,
    ...factRows(approval),
    ...(approval.changes ?? []).map((change) => (diffs ? changeText(change, paint) : `  ${changeName(change)}\n`)),
    ...(approval.questions ?? []).filter(isObject).map(questionText),
    ...(sessionId === null ? [] : [factRow("session", sessionId)]),
    ...(status === "pending" ? [factRow("takes", takenBy(approval))] : []),
  ].join("");
}

/** How it has been decided, such as `was declined by rule no-network`; of a pending one, that it waits. */
export function outcomeText({ status, decision, decidedBy, rule, orphanedBy }: ApprovalRecord): string {
  if (status === "pending") return "waits for a decision";
  if (status === "orphaned") return `can no longer be decided (${orphanedBy ?? "orphaned"})`;
  const who = decidedBy === "rule" ? `rule ${visible(oneLine(rule ?? ""))}` : WHO[decidedBy ?? "elsewhere"];
  return `was ${DONE[decision ?? "answered"]} by ${who}`;
}

/** What has been done by a word. */
export const DONE: Readonly<Record<NonNullable<ApprovalRecord["decision"]>, string>> = {
  accept: "accepted",
  acceptForSession: "accepted for the session",
  decline: "declined",
  cancel: "cancelled",
  answered: "answered",
};

const WHO = {
  client: "a client", default: "--approval-default", timeout: "its timeout", elsewhere: "another client of Codex",
} as const;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** As people say it, in what still has two digits or nearly so; a clock that was set back makes it none. */
function ageText(createdAt: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(createdAt)) / 1000));
  if (seconds < 2 * MINUTE) return `${seconds} s ago`;
  if (seconds < 2 * HOUR) return `${Math.round(seconds / MINUTE)} min ago`;
  return seconds < 2 * DAY ? `${Math.round(seconds / HOUR)} h ago` : `${Math.round(seconds / DAY)} days ago`;
}

function takenBy(approval: ApprovalRecord): string {
  const { allowedDecisions } = approval;
  if (allowedDecisions.includes("accept")) return allowedDecisions.join(", ");
  const whole = `codexd approve ID --result ${resultWord(approval)}`;
  return allowedDecisions.length === 0 ? `a whole answer: ${whole}` : `${allowedDecisions.join(", ")}; or ${whole}`;
}

/** Questions are Codex's own objects: what is not there is left out. */
function questionText({ id, question, options }: Record<string, unknown>): string {
  const choices = Array.isArray(options) ? options.filter(isObject) : [];
  const rows = choices.map(({ label, description }) => {
    const about = typeof description === "string" && description !== "" ? `: ${description}` : "";
    return factRow("", `- ${oneLine(`${label}${about}`)}`);
  });
  return [factRow("asks", oneLine(`${question} (${id})`)), ...rows].join("");
}
