// A client decides: what it says is checked, written down, and only then on its way to Codex.
//
// Invariants: nothing is changed for an answer that the kind does not take; of two who decide at once one does, and the
// other hears what stands; a decision that could not be written is none.

import type { Clock } from "../../base/clock.ts";
import { DecodeError } from "../../base/decode.ts";
import { createLatch } from "../../base/latch.ts";
import { answerOf, decodeAnswer, shownAnswer, type Answer } from "../../codex/server-answers.ts";
import type { ApprovalRecord, DecideApprovalInput } from "../../core/approvals.ts";
import { CodexdError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TurnRecord } from "../../core/records.ts";
import type { CodexdStore } from "../tables.ts";
import { within } from "../wait.ts";
import type { WorkGate } from "../work-gate.ts";
import type { ApprovalLedger, LiveApproval } from "./approval-ledger.ts";
import { readApproval, requireQuestion } from "./approval-parts.ts";
import { standsError } from "./approval-records.ts";

export interface DecisionsOptions {
  readonly store: CodexdStore;
  readonly ledger: ApprovalLedger;
  readonly clock: Clock;
  readonly gate: Pick<WorkGate, "isDraining" | "onDrain">;
  /** The app-server runs elsewhere, and asks again when the connection is back. */
  readonly remote: boolean;
  /** The decision was not written: the approval waits as before. */
  readonly onUndone: (live: LiveApproval) => void;
  readonly isStopped: () => boolean;
}

/** @see ApprovalService.decide */
export type Decide = (approvalId: string, input: DecideApprovalInput) => Promise<ApprovalRecord>;

export function createDecide(options: DecisionsOptions): Decide {
  const { store, ledger, clock, gate, remote, onUndone, isStopped } = options;

  /** Rejects with what stands, once that is written; a decision that was undone meanwhile does not stand. */
  const refuseLate = async (approvalId: string): Promise<void> => {
    await store.settled();
    const stands = requireApproval(store, approvalId);
    if (stands.status !== "pending") throw standsError(stands, turnOf(store, stands));
  };

  const commit = async (
    live: LiveApproval, asked: ApprovalRecord, { decision, result: answer }: Answer,
  ): Promise<ApprovalRecord> => {
    const { approvalId } = live;
    const result = shownAnswer(asked, answer);
    const decided = { decision, decidedBy: "client", rule: null, result } as const;
    let stands: boolean;
    try {
      stands = await ledger.commit(live, decided, answer);
    } catch (error) {
      await refuseLate(approvalId);
      onUndone(live);
      throw error;
    }
    if (!stands) await refuseLate(approvalId);
    return readApproval(store, requireApproval(store, approvalId));
  };

  /** False when Codex has not asked again in time. */
  const askedAgain = async ({ waiting }: LiveApproval, ms: number): Promise<boolean> => {
    const latch = createLatch<true>();
    const wake = (): void => latch.set(true);
    waiting.add(wake);
    const leaveGate = gate.onDrain(wake);
    const woken = await within(clock, latch, ms);
    waiting.delete(wake);
    leaveGate();
    return woken === true;
  };

  return async (approvalId, input) => {
    const giveUpAt = clock.monotonic() + LIMITS.approvalAskedAgainMs;
    requireOne(input);
    for (;;) {
      if (requireApproval(store, approvalId).status !== "pending") await refuseLate(approvalId);
      const approval = requireApproval(store, approvalId);
      const asked = approval.beside === undefined ? approval
        : await requireQuestion(store, approval, input.decision === "decline");
      // Another may have decided while it was read.
      if (requireApproval(store, approvalId) !== approval) continue;
      const answer = readAnswer(asked, input);
      const live = ledger.get(approvalId);
      if (isStopped() || live === undefined) throw stopping();
      if (ledger.isConnected(live)) return commit(live, asked, answer);
      // The child is gone, and its end only has not been told yet.
      if (!remote) ledger.orphan(live, ledger.lostReason());
      else if (gate.isDraining) throw stopping();
      else if (!(await askedAgain(live, giveUpAt - clock.monotonic()))) throw notAsked(approvalId);
    }
  };
}

/** @throws {CodexdError} `not_found`. */
export function requireApproval(store: CodexdStore, approvalId: string): ApprovalRecord {
  const approval = store.tables.approval.get(approvalId);
  if (approval === undefined) throw new CodexdError("not_found", `there is no approval ${JSON.stringify(approvalId)}`);
  return approval;
}

/** @throws {DecodeError} */
function requireOne({ decision, result }: DecideApprovalInput): void {
  if (decision === undefined && result === undefined) {
    throw new DecodeError("decision", "is missing; give it, or the whole answer as result");
  }
  if (decision !== undefined && result !== undefined) {
    throw new DecodeError("result", "takes the place of decision; give one of the two");
  }
}

/** @throws {DecodeError} for what the kind does not take. */
function readAnswer(approval: ApprovalRecord, { decision, result }: DecideApprovalInput): Answer {
  if (decision !== undefined) return { decision, result: answerOf(approval, decision) };
  return decodeAnswer(approval, { ...result });
}

/** The turn that asked; null where there is none, or where it was a sub-agent's. */
function turnOf(store: CodexdStore, { turnId, sessionId }: ApprovalRecord): TurnRecord | undefined {
  for (const turn of store.tables.turn.newestFirst()) {
    if (turn.sessionId === sessionId && turn.turnId === turnId) return turn;
  }
  return undefined;
}

function stopping(): CodexdError {
  return new CodexdError("draining", "codexd is stopping: nothing was decided");
}

function notAsked(approvalId: string): CodexdError {
  const message = "the app-server is not connected, or has not asked again yet: nothing was decided; try again";
  return new CodexdError("not_ready", message, { approvalId });
}
