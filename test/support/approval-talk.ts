// How the end-to-end tests talk about approvals: a turn that asks, what waits, a decision, and what all of codexd
// says of it in the end.

import assert from "node:assert/strict";
import type { ApprovalRecord, DecideApprovalInput } from "../../src/core/approvals.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { Daemon, Refusal, Reply } from "./daemon.ts";
import { readJournal } from "./journal-reader.ts";

export interface Asked {
  readonly session: SessionRecord;
  readonly submissionId: string;
  readonly approval: ApprovalRecord;
}

/** A session whose Codex asks before it does what its sandbox does not allow. */
export async function askingSession(daemon: Daemon, more: Record<string, unknown> = {}): Promise<SessionRecord> {
  const profile = { sandbox: "read-only", approvalPolicy: "on-request", ...more };
  const { status, data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", profile);
  assert.ok(status === 201 || status === 200, JSON.stringify(data));
  return data.session;
}

/** Starts a turn and waits until it asks. */
export async function askedBy(daemon: Daemon, session: SessionRecord, input: string): Promise<Asked> {
  const body = { sessionId: session.sessionId, input, waitMs: 60_000 };
  const { status, data } = await daemon.post<{ submissionId: string; approvals: ApprovalRecord[] }>(
    "/v1/codexd/turn", body,
  );
  assert.equal(status, 202, JSON.stringify(data));
  assert.equal(data.approvals.length, 1, JSON.stringify(data));
  const approval = data.approvals[0] as ApprovalRecord;
  assert.equal(approval.status, "pending");
  assert.equal(approval.sessionId, session.sessionId);
  return { session, submissionId: data.submissionId, approval };
}

export function decide(
  daemon: Daemon, { approvalId }: ApprovalRecord, input: DecideApprovalInput,
): Promise<Reply<{ approval: ApprovalRecord } & Refusal>> {
  return daemon.post(`/v1/codexd/approvals/${approvalId}`, input);
}

export async function approvalOf(daemon: Daemon, approvalId: string): Promise<ApprovalRecord> {
  return (await daemon.get<{ approval: ApprovalRecord }>(`/v1/codexd/approvals/${approvalId}`)).data.approval;
}

/** One question, one end: in the events, in the record and in the receipt alike. */
export async function assertToldOnce(
  daemon: Daemon, logsDir: string, turn: TurnRecord, { approvalId }: ApprovalRecord,
): Promise<ApprovalRecord> {
  const record = await approvalOf(daemon, approvalId);
  const { decision, decidedBy, kind, status } = record;
  assert.deepEqual(turn.approvals, [{ approvalId, kind, decision, decidedBy }]);
  const told = readJournal(logsDir).events.filter(({ detail }) => detail["approvalId"] === approvalId);
  assert.deepEqual(told.map(({ type }) => type), ["approval.requested", `approval.${status}`]);
  const last = told[1]?.detail ?? {};
  assert.deepEqual([last["decision"], last["decidedBy"], last["turnId"]], [decision, decidedBy, turn.turnId]);
  return record;
}
