// The calls about approvals: what waits for a decision, and the decision.
//
// Each only names its route and takes its member out of the answer.

import type { ApprovalRecord } from "../core/approvals.ts";
import type { CodexdClient } from "./api.ts";
import type { Calls } from "./calls.ts";
import { allOf } from "./pages.ts";
import { API, recordPath, withQuery } from "./paths.ts";
import { member, pageOf } from "./record-calls.ts";

type ApprovalCalls = Pick<CodexdClient, "listApprovals" | "allApprovals" | "getApproval" | "decideApproval">;

export function approvalCalls(calls: Calls): ApprovalCalls {
  const list: CodexdClient["listApprovals"] = async ({ sessionId, ...query } = {}, options = {}) => {
    const path = withQuery(`${API}/approvals`, { ...query, session: sessionId });
    return pageOf(await calls.data("GET", path, undefined, { ...options, waitMs: query.waitMs }), "approvals");
  };
  return {
    listApprovals: list,
    allApprovals: (query, options) => allOf((cursor) => list({ ...query, cursor }, options)),
    async getApproval(approvalId, options) {
      const data = await calls.data("GET", recordPath("approvals", approvalId), undefined, options);
      return member<ApprovalRecord>(data, "approval");
    },
    async decideApproval(approvalId, input, options = {}) {
      // Codex may have to be reached first.
      const data = await calls.data("POST", recordPath("approvals", approvalId), input, { ...options, work: true });
      return member<ApprovalRecord>(data, "approval");
    },
  };
}
