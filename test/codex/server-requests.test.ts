// Every question that Codex is known to ask, with the answer that says no, and those it may ask one day.
//
// The answers are compared whole: Codex takes a malformed one for something else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { refuse } from "../../src/codex/server-requests.ts";
import { readCapture } from "../support/captures.ts";

const DECLINED: ReadonlyArray<readonly [string, string, Record<string, unknown>]> = [
  ["item/commandExecution/requestApproval", "command", { decision: "decline" }],
  ["item/fileChange/requestApproval", "file_change", { decision: "decline" }],
  ["item/permissions/requestApproval", "permissions", { permissions: {}, scope: "turn" }],
  ["item/tool/requestUserInput", "user_input", { answers: {} }],
  ["mcpServer/elicitation/request", "mcp_elicitation", { action: "decline", content: null, _meta: null }],
];

for (const [method, kind, result] of DECLINED) {
  test(`${method} is declined as Codex takes it`, () => {
    assert.deepEqual(refuse(method), { known: true, kind, result });
  });
}

test("a tool call fails with a text for the model", () => {
  const refusal = refuse("item/tool/call");
  assert.ok(refusal.known);
  assert.equal(refusal.kind, "tool_call");
  assert.equal(refusal.result["success"], false);
  assert.deepEqual(refusal.result["contentItems"], [{ type: "inputText", text: "this client serves no tools" }]);
});

test("an unknown request is an error, never silence", () => {
  for (const method of ["attestation/generate", "account/chatgptAuthTokens/refresh", "", "__proto__", "toString"]) {
    assert.deepEqual(refuse(method), { known: false, code: -32_601, message: "unsupported" });
  }
});

test("the questions of the transcripts are known", () => {
  const asked = readCapture("appr-cmd-decline").filter(({ id, method }) => id !== undefined && method !== undefined);
  assert.deepEqual(asked.map(({ id, method }) => [id, method]), [[0, "item/commandExecution/requestApproval"]]);
  for (const { method } of asked) assert.ok(refuse(method ?? "").known);
});
