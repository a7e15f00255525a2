// Codex asks: a turn that runs, and the requests that it makes, as 0.169 makes them.
// Only short ways to say so; what a rig does with it is for the tests to see.

import assert from "node:assert/strict";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import type { CodexdError } from "../../src/core/errors.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import { running } from "./outage.ts";
import type { ServiceRig } from "./service-rig.ts";

export const COMMAND = "item/commandExecution/requestApproval";
export const FILE_CHANGE = "item/fileChange/requestApproval";

export interface Asking {
  readonly sessionId: string;
  readonly threadId: string;
  readonly submissionId: string;
  /** The turn as it is written down. */
  readonly turn: () => TurnRecord;
  /** Asks whether a command may run; gives the approval's id. */
  command(requestId?: number, more?: Record<string, unknown>): string;
  /** Any other request of the turn. */
  ask(requestId: number, method: string, more?: Record<string, unknown>): string;
  /** What Codex says at the turn's end. */
  end(status?: string): void;
}

export async function asking(rig: ServiceRig): Promise<Asking> {
  const { sessionId, threadId, submissionId, record } = await running(rig);
  const ask: Asking["ask"] = (requestId, method, more = {}) => {
    rig.ingest.request(requestId, method, { threadId, turnId: "turn-1", itemId: `call_${requestId}`, ...more });
    return newest(rig).approvalId;
  };
  return {
    sessionId, threadId, submissionId, turn: record, ask,
    command: (requestId = 0, more = {}) =>
      ask(requestId, COMMAND, { command: "/bin/bash -lc 'echo esc'", cwd: "/work", ...more }),
    end: (status = "interrupted") => rig.say("turn/completed", { threadId, turn: { id: "turn-1", status } }),
  };
}

export function newest(rig: ServiceRig): ApprovalRecord {
  const [approval] = rig.store.tables.approval.newestFirst();
  assert.ok(approval !== undefined, "Codex has asked");
  return approval;
}

export function approvalOf(rig: ServiceRig, approvalId: string): ApprovalRecord {
  const approval = rig.store.tables.approval.get(approvalId);
  assert.ok(approval !== undefined, `there is an approval ${approvalId}`);
  return approval;
}

/** Types of the events of approvals so far, in order. */
export function approvalEvents(rig: ServiceRig): string[] {
  return rig.store.types().filter((type) => type.startsWith("approval."));
}

/** For `assert.rejects`: the code, and what `detail` holds at least. */
export function refused(code: string, detail: Record<string, unknown> = {}) {
  return (error: CodexdError): boolean => {
    assert.equal(error.code, code, error.message);
    for (const [name, value] of Object.entries(detail)) assert.deepEqual(error.detail?.[name], value, name);
    return true;
  };
}
