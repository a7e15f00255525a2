// Who decides in a person's place: the rules, then `--approval-default`, then nobody.
//
// Deliberately not what rules say (approval-rules.ts). Invariant: a word that the question does not take decides
// nothing: a person is asked.

import { DecodeError } from "../../base/decode.ts";
import { answerOf, declineOf } from "../../codex/server-answers.ts";
import type { ApprovalKind, ApprovalRecord, RuleDecision } from "../../core/approvals.ts";
import type { CodexdConfig } from "../../core/config.ts";
import type { CodexdStore } from "../tables.ts";
import type { Decision } from "./approval-records.ts";
import type { ApprovalRules } from "./approval-rules.ts";

/** Undefined where a person is to be asked. */
export type Judge = (approval: ApprovalRecord) => Decision | undefined;

/** What `--approval-default accept` covers: the rest cannot be answered with a word, or is not codexd's to give. */
const ACCEPTED_BY_DEFAULT: ReadonlySet<ApprovalKind> = new Set(["command", "file_change", "permissions"]);

/** @param rules null where there are none. */
export function createJudge(
  store: Pick<CodexdStore, "tables">, rules: ApprovalRules | null, byDefault: CodexdConfig["approvals"]["default"],
): Judge {
  return (approval) => {
    const session = approval.sessionId === null ? undefined : store.tables.session.get(approval.sessionId);
    const verdict = rules?.judge(approval, session) ?? null;
    if (verdict !== null) return decisionOf(approval, verdict.decision, { decidedBy: "rule", rule: verdict.rule });
    const isCovered = byDefault === "decline" || ACCEPTED_BY_DEFAULT.has(approval.kind);
    return decisionOf(approval, isCovered ? byDefault : "ask", { decidedBy: "default", rule: null });
  };
}

function decisionOf(
  approval: ApprovalRecord, decision: RuleDecision, by: Pick<Decision, "decidedBy" | "rule">,
): Decision | undefined {
  if (decision === "ask") return undefined;
  if (decision === "decline") return { decision, ...by, result: declineOf(approval.method) };
  try {
    return { decision, ...by, result: answerOf(approval, decision) };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
