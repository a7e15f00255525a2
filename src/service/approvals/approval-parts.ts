// What of an approval's record is too long for a line of the journal: what Codex asks, and what it is answered.
//
// The store writes it beside the line and reads it back: a question may have many megabytes, and thousands of approvals
// are in memory and in each checkpoint. Deliberately not less than all for whoever decides: people, rules and answers
// are given the whole question. Invariants: what waits can be read whole; of what is over that is very long only its
// beginning is kept, and says so.

import { isWithheld, WITHHELD_ANSWER } from "../../codex/server-answers.ts";
import type { ApprovalPart, ApprovalRecord } from "../../core/approvals.ts";
import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { BesideSpec } from "../../store/types.ts";
import { cutText, isLonger, shortList, shortMembers } from "../long-values.ts";
import type { CodexdStore } from "../tables.ts";

type Question = Pick<ApprovalRecord, "params" | "command" | "cwd" | "permissions" | "questions" | "changes">;

/** Of each member of a question that is cut: of its changes twice as much. */
const ROOM = LIMITS.inlineExcerptBytesMax;

const QUESTIONS: readonly ApprovalPart[] = ["question", "longQuestion"];

export const APPROVAL_PARTS: BesideSpec<ApprovalRecord> = {
  cut(approval) {
    const parts: Record<string, object> = {};
    let record = approval;
    const beside: ApprovalPart[] = [];
    const there = (approval.beside ?? []).find((part) => QUESTIONS.includes(part));
    const question = questionOf(approval);
    if (there !== undefined) {
      // It was kept for who decides.
      if (there === "question" || approval.status === "pending") beside.push(there);
    } else if (isLonger(question, LIMITS.inlineApprovalBytesMax)) {
      record = { ...record, ...shortQuestion(question) };
      const part = isLonger(question, LIMITS.overApprovalBytesMax) ? "longQuestion" : "question";
      if (part === "question" || approval.status === "pending") {
        beside.push(part);
        parts[part] = question;
      }
    }
    const { result } = approval;
    if (result !== null && approval.beside?.includes("answer") === true) {
      beside.push("answer");
    } else if (result !== null && isLonger(result, LIMITS.inlineAnswerBytesMax)) {
      record = { ...record, result: shortAnswer(result) };
      beside.push("answer");
      parts["answer"] = { result };
    }
    const { beside: before = [], ...told } = record;
    if (beside.length === 0) return { record: before.length === 0 ? record : told, parts };
    return { record: { ...told, beside }, parts };
  },

  partsOf: ({ beside = [] }) => beside,

  /** Still says which parts lie beside it that could not be read. */
  join(approval, parts) {
    const { beside = [], ...told } = approval;
    const missing = beside.filter((part) => parts[part] === undefined);
    const whole = Object.assign({}, told, ...beside.map((part) => parts[part] ?? {})) as ApprovalRecord;
    return missing.length === 0 ? whole : { ...whole, beside: missing };
  },
};

/** All of it, as far as it can be read. */
export async function readApproval(
  store: Pick<CodexdStore, "readWhole">, approval: ApprovalRecord,
): Promise<ApprovalRecord> {
  if (approval.beside === undefined) return approval;
  const { beside: _, ...told } = await store.readWhole("approval", approval);
  return told;
}

/** With all of the question, but for one that is to be declined. @throws (rejects) {CodexdError} `internal_error`. */
export async function requireQuestion(
  store: Pick<CodexdStore, "readWhole">, approval: ApprovalRecord, isDeclined: boolean,
): Promise<ApprovalRecord> {
  const whole = await store.readWhole("approval", approval);
  if (isDeclined || whole.beside?.some((part) => QUESTIONS.includes(part)) !== true) return whole;
  const { approvalId } = approval;
  throw new CodexdError(
    "internal_error",
    `what approval ${approvalId} asks cannot be read: its file in the logs directory is missing or damaged; nothing ` +
      "was decided, and it can only be declined",
    { approvalId },
  );
}

function questionOf({ params, command, cwd, permissions, questions, changes }: ApprovalRecord): Question {
  return { params, command, cwd, permissions, questions, changes };
}

function shortQuestion({ params, command, cwd, permissions, questions, changes }: Question): Question {
  return {
    params: { ...shortMembers(params, ROOM), truncated: true },
    command: command === null ? null : cutText(command, ROOM),
    cwd: cwd === null ? null : cutText(cwd, ROOM),
    permissions: permissions === null || !isLonger(permissions, ROOM) ? permissions
      : { ...shortMembers(permissions, ROOM), truncated: true },
    questions: questions === null ? null : shortList(questions, ROOM),
    changes: changes === null ? null : shortList(changes, 2 * ROOM),
  };
}

/** One that was written down without its secrets says so still: it must not be given to Codex. */
function shortAnswer(result: NonNullable<ApprovalRecord["result"]>): NonNullable<ApprovalRecord["result"]> {
  return { ...(isWithheld(result) ? WITHHELD_ANSWER : shortMembers(result, ROOM)), truncated: true };
}
