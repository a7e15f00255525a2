// What becomes of the approvals that come up while a turn is followed: asked at the terminal, answered by the word that
// the command line gives, or left to others.
//
// One at a time, in the order in which Codex asked. Invariants: an approval that somebody else has decided is not asked
// about any more, and who did so is said; one that nobody here answers stays pending, with how to answer it.

import { joinAborts } from "../base/abort.ts";
import type { CodexdClient } from "../client/api.ts";
import { CodexdClientError } from "../client/errors.ts";
import type { ApprovalDecision, ApprovalRecord, DecideApprovalInput } from "../core/approvals.ts";
import { errorMessage } from "../core/errors.ts";
import type { EventDetail } from "../core/event.ts";
import { resultWord } from "./approval-form.ts";
import { DONE } from "./approval-text.ts";
import { askApproval } from "./ask-approval.ts";
import type { CliIo } from "./command.ts";
import { oneLine, visible } from "./event-text.ts";
import type { Screen } from "./screen.ts";

export const APPROVE_MODES = ["ask", "accept", "decline"] as const;
export type ApproveMode = (typeof APPROVE_MODES)[number];

export interface ApprovalDeskOptions {
  readonly client: CodexdClient;
  readonly io: CliIo;
  readonly screen: Screen;
  readonly mode: ApproveMode;
  /** Somebody is there to be asked. */
  readonly attended: boolean;
  /** The flags by which another command finds the same daemon, with a space before each. */
  readonly where: string;
}

export interface ApprovalDesk {
  /** Takes `approval.requested`, `approval.resolved` and `approval.orphaned`. */
  take(type: string, detail: EventDetail): void;
  /** Withdraws what is asked; what comes from now on is left to others. Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

export function createApprovalDesk(options: ApprovalDeskOptions): ApprovalDesk {
  const { screen } = options;
  const closing = new AbortController();
  const open = new Map<string, Case>();
  let work = Promise.resolve();

  const request = (approvalId: string): void => {
    if (open.has(approvalId) || closing.signal.aborted) return;
    const withdrawal = joinAborts([closing.signal]);
    const entry: Case = { approvalId, withdrawal, mine: false, settledAs: null, result: null };
    open.set(approvalId, entry);
    work = work.then(() => handle(entry, options)).catch((error: unknown) => {
      if (withdrawal.signal.aborted) return;
      tellWaiting(entry, oneLine(errorMessage(error)), options);
    }).finally(withdrawal.release);
  };

  const settle = (approvalId: string, text: string): void => {
    const entry = open.get(approvalId);
    open.delete(approvalId);
    // The answer to one's own decision may still be on its way, and may say that it came too late.
    if (entry?.mine === true) {
      entry.settledAs = text;
      return;
    }
    entry?.withdrawal.abort(new Error(text));
    screen.note(text);
  };

  return {
    take(type, detail) {
      const approvalId = String(detail["approvalId"]);
      if (type === "approval.requested") request(approvalId);
      else settle(approvalId, settledText(type, approvalId, detail));
    },
    close() {
      closing.abort(new Error("the turn is over"));
      return work;
    },
  };
}

/** One approval from its request to its end. */
interface Case {
  readonly approvalId: string;
  readonly withdrawal: ReturnType<typeof joinAborts>;
  /** A decision of this command's is on its way, or has been taken. */
  mine: boolean;
  /** How it was told to have ended meanwhile. */
  settledAs: string | null;
  /** The whole answer that it takes, where no word says yes to it. */
  result: string | null;
}

async function handle(entry: Case, options: ApprovalDeskOptions): Promise<void> {
  const { client, io, screen } = options;
  const { signal } = entry.withdrawal;
  if (signal.aborted) return;
  const approval = await client.getApproval(entry.approvalId, { signal });
  // A rule may have been faster; its event tells.
  if (approval.status !== "pending" || signal.aborted) return;
  entry.result = approval.allowedDecisions.includes("accept") ? null : resultWord(approval);
  const word = wordFor(options.mode, approval);
  if (word !== null) {
    screen.note(`${DONE[word]}: ${visible(oneLine(approval.summary))}`);
    return decide(entry, { decision: word }, options);
  }
  const asked = options.attended ? await askApproval(approval, { io, screen, signal }) : "ended";
  if (typeof asked === "object") return decide(entry, asked, options);
  tellWaiting(entry, options.attended ? null : `Codex asks: ${visible(oneLine(approval.summary))}`, options);
}

/** Null where a person has to say it. */
function wordFor(mode: ApproveMode, { allowedDecisions }: ApprovalRecord): ApprovalDecision | null {
  if (mode === "ask") return null;
  const words: readonly ApprovalDecision[] = mode === "accept" ? ["accept"] : ["decline", "cancel"];
  return words.find((word) => allowedDecisions.includes(word)) ?? null;
}

async function decide(entry: Case, input: DecideApprovalInput, { client, screen }: ApprovalDeskOptions): Promise<void> {
  entry.mine = true;
  try {
    // Not to be withdrawn any more: it counts, or the daemon says why it does not.
    await client.decideApproval(entry.approvalId, input);
  } catch (error) {
    entry.mine = false;
    const late = error instanceof CodexdClientError && error.status === 409;
    if (!late) throw error;
    // Where its event has not come yet, that says it.
    if (entry.settledAs !== null) screen.note(entry.settledAs);
  }
}

/** With the two lines that answer it, to paste. */
function tellWaiting({ approvalId, result }: Case, why: string | null, options: ApprovalDeskOptions): void {
  const { screen, where } = options;
  screen.note(`${why === null ? "" : `${why}; `}${approvalId} waits for one of`);
  screen.remark(`  codexd approve${where} ${approvalId}${result === null ? "" : ` --result ${result}`}\n`);
  screen.remark(`  codexd deny${where} ${approvalId}\n`);
}

const DECIDERS: ReadonlyMap<unknown, string> = new Map([
  ["client", "by another client"],
  ["default", "by --approval-default"],
  ["timeout", "because its time was up"],
  ["elsewhere", "by another client of the app-server"],
]);

function settledText(type: string, approvalId: string, { decision, decidedBy, rule }: EventDetail): string {
  if (type === "approval.orphaned") return `${approvalId} cannot be answered any more`;
  const done = Object.entries(DONE).find(([word]) => word === decision)?.[1] ?? DONE.answered;
  const by = decidedBy === "rule" ? `by the rule ${visible(oneLine(String(rule)))}` : DECIDERS.get(decidedBy);
  return [`${approvalId} was ${done}`, by].filter((part) => part !== undefined).join(" ");
}
