// The inbox as it is read: one approval, or a page of them, waited for where there is none yet.
//
// Invariant: a page of those that wait costs what waits, however many have been decided.

import type { Clock } from "../../base/clock.ts";
import { createLatch } from "../../base/latch.ts";
import type { ApprovalRecord } from "../../core/approvals.ts";
import type { Page } from "../../core/records.ts";
import { readPage, readWholePage } from "../pages.ts";
import type { ApprovalService } from "../services.ts";
import { requireSession } from "../sessions/threads.ts";
import type { CodexdStore } from "../tables.ts";
import { within } from "../wait.ts";
import type { WorkGate } from "../work-gate.ts";
import { requireApproval } from "./approval-decisions.ts";
import type { ApprovalLedger } from "./approval-ledger.ts";
import { readApproval } from "./approval-parts.ts";

/** Those that wait for a decision, oldest first. */
export function pendingRecords(ledger: ApprovalLedger): ApprovalRecord[] {
  return ledger.all().map((live) => ledger.recordOf(live)).filter(({ status }) => status === "pending");
}

export function createApprovalPages(
  store: CodexdStore, ledger: ApprovalLedger, clock: Clock, gate: Pick<WorkGate, "isDraining" | "onDrain">,
): Pick<ApprovalService, "list" | "get"> {
  type Query = Parameters<ApprovalService["list"]>[0];

  const keeps = ({ status, sessionId }: Query) => (approval: ApprovalRecord): boolean =>
    (status === "all" || approval.status === status) && (sessionId === null || approval.sessionId === sessionId);

  const read = (query: Query): Page<ApprovalRecord> => {
    const { status, limit, cursor } = query;
    const waiting = status === "pending" ? pendingRecords(ledger) : [];
    // One that was given on the page before may have been decided since: only the whole table still has its place.
    const isHere = cursor === null || waiting.some(({ approvalId }) => approvalId === cursor);
    const source = status === "pending" && isHere ? waiting.reverse() : store.tables.approval.newestFirst();
    return readPage(source, { limit, cursor, idOf: ({ approvalId }) => approvalId, keep: keeps(query) });
  };

  const changed = async (query: Query, ms: number, signal: AbortSignal | undefined): Promise<void> => {
    const came = createLatch<true>();
    const keep = keeps(query);
    const leave = ledger.onChange((approval) => {
      if (keep(approval)) came.set(true);
    });
    // Whoever waits is answered while there still is a connection for it.
    const leaveGate = gate.onDrain(() => came.set(true));
    await within(clock, came, ms, signal);
    leave();
    leaveGate();
  };

  return {
    async list(query, signal) {
      const giveUpAt = clock.monotonic() + query.waitMs;
      for (;;) {
        if (query.sessionId !== null) requireSession(store, query.sessionId);
        const page = read(query);
        const left = giveUpAt - clock.monotonic();
        if (page.records.length > 0 || left <= 0 || signal?.aborted === true || gate.isDraining) {
          await store.settled();
          return readWholePage(page, {
            idOf: ({ approvalId }) => approvalId,
            isCut: ({ beside }) => beside !== undefined,
            read: (approval) => readApproval(store, approval),
          });
        }
        // A rule may have decided at once what came: then it is waited for the next.
        await changed(query, left, signal);
      }
    },

    async get(approvalId) {
      for (;;) {
        await store.settled();
        const approval = requireApproval(store, approvalId);
        const whole = await readApproval(store, approval);
        // Decided while it was read, it may have lost what lay beside it.
        if (whole === approval || requireApproval(store, approvalId) === approval) return whole;
      }
    },
  };
}
