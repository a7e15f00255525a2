// What was asked in a turn, in its receipt: listed in its order, known while it waits, and what it means for the
// command that it was about.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import { createReceipt, observe, receiptFields, type Receipt } from "../../../src/service/receipts/receipts.ts";

const asked = (approvalId: string, itemId: string | null, turnId = "turn-1") =>
  ({ approvalId, kind: "command", itemId, turnId, decision: null, decidedBy: null });

function receiptWithCommand(): Receipt {
  const receipt = createReceipt();
  observe(receipt, "app-server.turn.started", { turnId: "turn-1" });
  const item = { type: "commandExecution", id: "c", command: "ls", cwd: "/", processId: null };
  observe(receipt, "app-server.item.started", { item, itemId: "c" });
  return receipt;
}

test("what was asked is listed in its order; what waits keeps its command out of the list", () => {
  const receipt = receiptWithCommand();
  const commands = (): number => receiptFields(receipt).commands.length;
  observe(receipt, "approval.requested", asked("apr_1", "c"));
  observe(receipt, "approval.requested", asked("apr_2", "elsewhere"));
  assert.deepEqual([[...receipt.approvals.pending], commands()], [["apr_1", "apr_2"], 0]);
  observe(receipt, "approval.resolved", { ...asked("apr_2", "elsewhere"), decision: "decline", decidedBy: "rule" });
  assert.equal(commands(), 0);
  observe(receipt, "approval.resolved", { ...asked("apr_1", "c"), decision: "accept", decidedBy: "client" });
  observe(receipt, "approval.resolved", { ...asked("apr_9", "c"), decision: "accept", decidedBy: "client" });
  observe(receipt, "approval.requested", { kind: "command" });
  assert.deepEqual([receipt.approvals.pending.size, commands()], [0, 1]);
  assert.deepEqual(receiptFields(receipt).approvals, [
    { approvalId: "apr_1", kind: "command", decision: "accept", decidedBy: "client" },
    { approvalId: "apr_2", kind: "command", decision: "decline", decidedBy: "rule" },
  ]);
});

test("a decision that Codex did not hear any more has allowed nothing", () => {
  const receipt = receiptWithCommand();
  observe(receipt, "approval.requested", asked("apr_1", "c"));
  observe(receipt, "approval.resolved", { ...asked("apr_1", "c"), decision: "accept", decidedBy: "client" });
  assert.equal(receiptFields(receipt).commands.length, 1);
  observe(receipt, "approval.orphaned", asked("apr_1", "c"));
  const { commands, approvals } = receiptFields(receipt);
  assert.deepEqual([commands, approvals],
    [[], [{ approvalId: "apr_1", kind: "command", decision: null, decidedBy: null }]]);
});

test("a sub-agent's question is the turn's; its items are not, whatever they are called", () => {
  const receipt = receiptWithCommand();
  observe(receipt, "approval.requested", asked("apr_1", "c", "agent-turn"));
  const { commands, approvals } = receiptFields(receipt);
  assert.deepEqual([commands.length, approvals.length, receipt.approvals.pending.size], [1, 1, 1]);
});

test("only so many questions are listed; those that wait are known all the same", () => {
  const receipt = createReceipt();
  const most = LIMITS.receiptApprovalsMax;
  for (let n = 0; n <= most; n += 1) observe(receipt, "approval.requested", asked(`apr_${n}`, null));
  assert.deepEqual([receiptFields(receipt).approvals.length, receipt.approvals.pending.size], [most, most + 1]);
  observe(receipt, "approval.resolved", { ...asked(`apr_${most}`, null), decision: "accept", decidedBy: "client" });
  assert.deepEqual([receiptFields(receipt).approvals.length, receipt.approvals.pending.size], [most, most]);
});
