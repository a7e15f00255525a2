// The fold from events to a receipt: retried messages, tokens of this turn alone, errors, activity.
// The details are cut down to what the fold reads.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS } from "../../../src/core/limits.ts";
import {
  createReceipt, observe, ownTurnError, readTurnError, receiptFields, type Receipt,
} from "../../../src/service/receipts/receipts.ts";

const message = (id: string, text: string) => ({ item: { type: "agentMessage", id, text }, itemId: id });

test("a message whose stream broke off and was retried counts once", () => {
  const receipt = createReceipt();
  observe(receipt, "app-server.item.started", message("m1", ""));
  observe(receipt, "app-server.turn.message.delta", { itemId: "m1", delta: "tok0 tok1 " });
  observe(receipt, "app-server.turn.error", { willRetry: true, error: { message: "Reconnecting... 1/2" } });
  assert.equal(receipt.reconnecting, true);
  assert.equal(receipt.error, null, "a retry is not the end");
  observe(receipt, "app-server.item.started", message("m2", ""));
  assert.equal(receipt.reconnecting, false);
  observe(receipt, "app-server.item.completed", message("m2", "tok0 tok1 tok2 "));
  assert.equal(receipt.finalMessage, "tok0 tok1 tok2 ");
});

test("the last message counts, also the one that only turn/completed carries", () => {
  const receipt = createReceipt();
  observe(receipt, "app-server.item.completed", message("m1", "first"));
  observe(receipt, "app-server.item.completed", { item: { type: "reasoning", id: "r" }, itemId: "r" });
  assert.equal(receipt.finalMessage, "first");
  observe(receipt, "app-server.turn.completed", { turn: { items: [{ type: "agentMessage", text: "last" }] } });
  assert.equal(receipt.finalMessage, "last");
  observe(receipt, "app-server.turn.completed", { turn: null });
});

const tokensOf = ({ tokenUsage }: Receipt): number | null => tokenUsage?.totalTokens ?? null;

const usage = (total: number, last: number) => ({
  tokenUsage: {
    total: {
      totalTokens: total, inputTokens: total, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 0,
    },
    last: { totalTokens: last, inputTokens: last },
  },
});

test("tokens are counted over the thread by Codex, over the turn here", () => {
  const receipt = createReceipt();
  observe(receipt, "app-server.item.completed", message("m1", "said"));
  observe(receipt, "app-server.turn.usage.updated", usage(510, 110));
  assert.equal(receipt.tokenUsage?.totalTokens, 110);
  observe(receipt, "app-server.turn.usage.updated", usage(600, 90));
  assert.equal(receipt.tokenUsage?.totalTokens, 200);
  assert.equal(receipt.tokenUsage?.inputTokens, 200);
  observe(receipt, "app-server.turn.usage.updated", { tokenUsage: "nonsense" });
  observe(receipt, "app-server.turn.usage.updated", { tokenUsage: { total: 7 } });
  assert.equal(receipt.tokenUsage?.totalTokens, 200);
  const without = createReceipt();
  observe(without, "app-server.item.completed", message("m1", "said"));
  observe(without, "app-server.turn.usage.updated", { tokenUsage: { total: { totalTokens: 5 } } });
  assert.equal(without.tokenUsage?.totalTokens, 5);
});

test("a total that is told again before the model has spoken is none of the turn's tokens", () => {
  const receipt = createReceipt();
  const user = { item: { type: "userMessage", id: "u" }, itemId: "u" };
  observe(receipt, "app-server.item.started", user);
  observe(receipt, "app-server.item.completed", user);
  observe(receipt, "app-server.item.started", message("m1", ""));
  observe(receipt, "app-server.turn.usage.updated", usage(400, 90));
  assert.equal(tokensOf(receipt), null);
  observe(receipt, "app-server.item.completed", message("m2", "said"));
  observe(receipt, "app-server.turn.usage.updated", usage(510, 110));
  observe(receipt, "app-server.turn.usage.updated", usage(510, 110));
  assert.equal(receipt.tokenUsage?.totalTokens, 110);
});

test("what stood on the thread before beats the guess", () => {
  const receipt = createReceipt();
  receipt.usageBefore = {
    totalTokens: 400, inputTokens: 400, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 0,
  };
  const command = { item: { type: "commandExecution", id: "c" }, itemId: "c" };
  observe(receipt, "app-server.item.started", command);
  observe(receipt, "app-server.turn.usage.updated", usage(400, 90));
  assert.equal(tokensOf(receipt), null, "the stream broke off behind the command's call");
  observe(receipt, "app-server.turn.usage.updated", usage(510, 110));
  assert.equal(receipt.tokenUsage?.totalTokens, 110);
});

test("what runs is known while it runs", () => {
  const receipt = createReceipt();
  const command = { item: { type: "commandExecution", id: "c" }, itemId: "c" };
  observe(receipt, "app-server.turn.started", {});
  observe(receipt, "app-server.item.started", command);
  assert.deepEqual([...receipt.openTools], ["c"]);
  observe(receipt, "app-server.item.completed", command);
  assert.equal(receipt.openTools.size, 0);
  assert.equal(receipt.started, true);
});

test("errors keep Codex's own words; codexd's carry a reason", () => {
  const receipt = createReceipt();
  const error = { message: "quota", codexErrorInfo: "usageLimitExceeded", additionalDetails: "more" };
  observe(receipt, "app-server.turn.error", { willRetry: false, error });
  assert.deepEqual(receipt.error, { ...error, reason: null });
  assert.equal(readTurnError({})?.message, "Codex gave no message");
  assert.equal(readTurnError(null), undefined);
  assert.equal(ownTurnError("child_exited", "gone").reason, "child_exited");
});

test("the plan and the diff are those that were told last; of other shapes nothing is taken", () => {
  const receipt = createReceipt();
  observe(receipt, "app-server.turn.plan.updated", { plan: [{ step: "a", status: "pending" }] });
  observe(receipt, "app-server.turn.plan.updated", { plan: [{ step: "b", status: "completed" }, "x", { step: 7 }] });
  observe(receipt, "app-server.turn.diff.updated", { diff: "one\n" });
  observe(receipt, "app-server.turn.diff.updated", { diff: "two\n" });
  for (const type of ["plan", "diff"]) observe(receipt, `app-server.turn.${type}.updated`, { plan: 7, diff: 7 });
  const { plan, diff } = receiptFields(receipt);
  assert.deepEqual(plan, [{ step: "b", status: "completed" }, { step: "", status: "pending" }]);
  assert.equal(diff, "two\n");
  const most = LIMITS.receiptItemsMax;
  for (const steps of [most, most + 1]) {
    observe(receipt, "app-server.turn.plan.updated", { plan: Array.from({ length: steps }, () => ({ step: "s" })) });
    assert.equal(receiptFields(receipt).plan?.length, most);
  }
});

test("a diff that is too long is cut behind a line, and says so", () => {
  const receipt = createReceipt();
  const cut = (diff: string): string => {
    observe(receipt, "app-server.turn.diff.updated", { diff });
    return receiptFields(receipt).diff ?? "";
  };
  const most = LIMITS.receiptDiffCharsMax;
  const fits = `${"x".repeat(most - 3)}\n+\n`;
  assert.equal(cut(fits), fits);
  const long = cut(`${fits}+`);
  assert.ok(long.startsWith(fits));
  assert.match(long.slice(fits.length), /^\[cut by codexd: \d+ characters; .*\]\n$/);
  assert.ok(cut("x".repeat(most + 1)).startsWith("x".repeat(most)), "one that is a single line is cut in it");
});
