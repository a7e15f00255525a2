// What tests put into a state directory: records of a session and of a turn, and a token as a daemon makes it.
//
// For those who look at files; who wants a daemon starts one.

import type { CodexdConfig } from "../../src/core/config.ts";
import { NO_WORK, type SessionRecord, type TurnRecord } from "../../src/core/records.ts";
import { nodeDisk } from "../../src/store/disk.ts";
import { loadOrCreateToken } from "../../src/store/token.ts";

export async function createToken({ paths }: CodexdConfig): Promise<void> {
  await loadOrCreateToken(nodeDisk, paths.stateDir);
}

export function makeSession(sessionId: string, updatedAt = "2026-01-01T00:00:00.000Z"): SessionRecord {
  const settings = {
    cwd: null, model: null, modelProvider: null, serviceTier: null, reasoningEffort: null, approvalPolicy: null,
    sandbox: null,
  };
  return {
    sessionId, purpose: "smoke", threadId: null, status: "active", endpoint: "stdio://", childPid: null,
    createdAt: updatedAt, updatedAt, currentTurnId: null, lastTurnId: null, lastTurnStatus: null, metadata: {},
    profile: {
      ...settings, sandboxPolicy: null, personality: null, ephemeral: null, baseInstructions: null,
      developerInstructions: null, config: null,
    },
    threadDurable: false, ...settings,
  };
}

/** One that has ended. */
export function makeTurn(submissionId: string, input: readonly unknown[]): TurnRecord {
  const at = "2026-01-01T00:00:00.000Z";
  return {
    submissionId, turnId: `turn_${submissionId}`, sessionId: "ses_1", threadId: null, status: "completed",
    startedAt: at, completedAt: at, durationMs: 0, input, finalMessage: null, error: null, tokenUsage: null,
    outputSchema: null, diff: null, approvals: [], liveness: null, firstSeq: 1, lastSeq: 1, ...NO_WORK,
  };
}
