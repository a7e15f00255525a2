// A daemon's answers to `send`: session ses_1, turn sub_1 that Codex calls t1, and the events of it.
//
// Values alone, but for a stream that a test goes on with.

import type { ServerResponse } from "node:http";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import { streamOf, type Answers, type StreamedEvent } from "./cli-answers.ts";

export const STARTED = { accepted: true, session: { sessionId: "ses_1" }, submissionId: "sub_1", turnId: "t1" };

/** The events come after seq 10; the stream stays open behind them. */
export function sendAnswers(...events: readonly StreamedEvent[]): Answers {
  return {
    "POST /sessions": { session: { sessionId: "ses_1" } },
    "POST /turn": STARTED,
    "GET /events": streamOf(...events),
  };
}

/** Events of the turn. */
export const agent = {
  item: (what: "started" | "completed", item: Record<string, unknown>): StreamedEvent => (
    { type: `app-server.item.${what}`, detail: { turnId: "t1", item } }
  ),
  started: (id: string) => agent.item("started", { type: "agentMessage", id, text: "" }),
  completed: (id: string, text: string) => agent.item("completed", { type: "agentMessage", id, text }),
  delta: (itemId: string, delta: string): StreamedEvent => (
    { type: "app-server.turn.message.delta", detail: { turnId: "t1", itemId, delta } }
  ),
};

export function finished(status = "completed", error: unknown = null): StreamedEvent {
  return { type: "turn.finished", detail: { submissionId: "sub_1", turnId: "t1", status, error } };
}

export function receipt(changes: Record<string, unknown> = {}): { readonly turn: Record<string, unknown> } {
  return {
    turn: {
      submissionId: "sub_1", turnId: "t1", sessionId: "ses_1", status: "completed", error: null, lastSeq: 12,
      structuredOutputError: null, ...changes,
    },
  };
}

/** A stream that the test goes on with; `onOpen` is called when somebody follows. */
export function liveStream(onOpen: () => void = () => undefined) {
  let open: ServerResponse | undefined;
  let seq = 10;
  return {
    answer(response: ServerResponse): void {
      streamOf()(response);
      open = response;
      setImmediate(onOpen);
    },
    push(...events: readonly StreamedEvent[]): void {
      for (const event of events) {
        seq += 1;
        open?.write(`${JSON.stringify({ seq, createdAt: "", level: "info", message: "", ...event })}\n`);
      }
    },
  };
}

/** A command that waits; what is not said here is null. */
export function approval(changes: Partial<ApprovalRecord> = {}): ApprovalRecord {
  return {
    approvalId: "apr_1", sessionId: "ses_1", threadId: "th_1", turnId: "t1", itemId: "c1", kind: "command",
    method: "item/commandExecution/requestApproval", params: { reason: "to see" }, requestId: 0, summary: "run ls",
    command: "ls -l", cwd: "/repo", changes: null, permissions: null, questions: null,
    allowedDecisions: ["accept", "acceptForSession", "decline"], createdAt: "2026-01-02T03:04:05.000Z", expiresAt: null,
    status: "pending", decision: null, decidedBy: null, rule: null, decidedAt: null, result: null, orphanedBy: null,
    ...changes,
  };
}
