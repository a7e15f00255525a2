// A receipt that is written down and read back goes on as if nothing had happened: tried at every event of every turn
// of the transcripts, and with what is at its limits.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { CodexdEvent } from "../../../src/core/event.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { TurnRecord } from "../../../src/core/records.ts";
import { readReceiptState, receiptState } from "../../../src/service/receipts/receipt-state.ts";
import { createReceipt, observe, receiptFields, type Receipt } from "../../../src/service/receipts/receipts.ts";
import { CAPTURES } from "../../support/captures.ts";
import { replayCapture } from "../../support/replay.ts";

/** As it would be read from a file. */
function readBack(receipt: Receipt): Receipt {
  const found = readReceiptState(JSON.parse(JSON.stringify(receiptState(receipt))) as Record<string, unknown>);
  assert.ok(found !== undefined);
  return found;
}

const fold = (receipt: Receipt, events: readonly CodexdEvent[]): Receipt => {
  for (const { type, detail } of events) observe(receipt, type, detail);
  return receipt;
};

const isOf = ({ turnId }: TurnRecord) => ({ type, detail }: CodexdEvent): boolean =>
  !type.endsWith(".delta") && (detail.turnId === turnId || detail["rootTurnId"] === turnId);

for (const name of CAPTURES) {
  test(`${name}: written down at any event, the receipt comes to the same`, async () => {
    const { rig, turns } = await replayCapture(name);
    for (const turn of turns) {
      const events = rig.store.events.filter(isOf(turn));
      const whole = fold(createReceipt(), events);
      const before = createReceipt();
      for (let at = 0; at <= events.length; at += 1) {
        const after = fold(readBack(before), events.slice(at));
        assert.deepEqual(receiptState(after), receiptState(whole));
        assert.equal(JSON.stringify(receiptFields(after)), JSON.stringify(receiptFields(whole)));
        fold(before, events.slice(at, at + 1));
      }
    }
  });
}

test("what is at its limits stays there: commands by number and length, changes, approvals, the diff", () => {
  const receipt = createReceipt();
  const tell = (of: Receipt, id: string, command: string): void => {
    const item = { type: "commandExecution", id, command, cwd: `/${id.length}`, processId: "1" };
    observe(of, "app-server.item.started", { itemId: id, item });
    observe(of, "approval.requested", { approvalId: `a${id}`, kind: "command", itemId: id });
  };
  const long = "x".repeat(LIMITS.receiptCommandCharsMax + 1);
  for (let n = 0; n < LIMITS.receiptItemsMax - 1; n += 1) tell(receipt, `c${n}`, n % 9 === 0 ? long : "ls");
  const changes = Array.from({ length: LIMITS.receiptItemsMax - 1 }, (_, n) => ({ path: `/${n}`, kind: "add" }));
  const fileChange = { type: "fileChange", id: "f", status: "completed", changes };
  observe(receipt, "app-server.item.completed", { itemId: "f", item: fileChange });
  observe(receipt, "app-server.turn.diff.updated", { diff: `${"d".repeat(99)}\n`.repeat(LIMITS.receiptDiffCharsMax) });
  const restored = readBack(receipt);
  assert.deepEqual(receiptState(restored), receiptState(receipt));
  for (const of of [receipt, restored]) {
    tell(of, "one that fits", long);
    tell(of, "one too many", "ls");
    observe(of, "app-server.item.completed", { itemId: "g", item: { ...fileChange, id: "g" } });
  }
  assert.deepEqual(receiptFields(restored), receiptFields(receipt));
  const { commands, fileChanges, approvals } = receiptFields(restored);
  const most = LIMITS.receiptItemsMax;
  assert.deepEqual([commands.length, fileChanges.length, approvals.length], [
    most, most, LIMITS.receiptApprovalsMax,
  ]);
  assert.equal(commands.at(-1)?.command.length, LIMITS.receiptCommandCharsKept, "the room of all is used up");
});

test("what is written down does not change with what is told afterwards", () => {
  const receipt = createReceipt();
  const item = { type: "commandExecution", id: "c", command: "ls", cwd: "/" };
  observe(receipt, "app-server.item.started", { itemId: "c", item });
  const state = receiptState(receipt);
  const text = JSON.stringify(state);
  observe(receipt, "app-server.item.completed", { itemId: "c", item: { ...item, exitCode: 1, status: "failed" } });
  assert.equal(JSON.stringify(state), text);
});

test("counts that no JSON can hold are none, so that they are the same when they are read back", () => {
  const receipt = createReceipt();
  const last = { totalTokens: 1 };
  observe(receipt, "app-server.item.completed", { itemId: "m", item: { type: "reasoning", id: "m" } });
  const total = { totalTokens: Number.POSITIVE_INFINITY, inputTokens: 3 };
  observe(receipt, "app-server.turn.usage.updated", { tokenUsage: { total, last } });
  assert.deepEqual(receiptState(readBack(receipt)), receiptState(receipt));
  assert.equal(receipt.usageTotal?.totalTokens, 0);
});

test("what is no state of this form is not read", () => {
  const state = receiptState(createReceipt());
  for (const damage of [null, {}, { ...state, version: 2 }, { ...state, work: {} }, { ...state, pending: null }]) {
    assert.equal(readReceiptState(damage), undefined);
  }
});
