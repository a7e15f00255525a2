// The text of a rules file: what is taken, and what is refused, with its place.
//
// A rule that is misread runs something, so what is not understood is never left out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApprovalRules } from "../../src/core/approval-rules.ts";
import { LIMITS } from "../../src/core/limits.ts";

test("every member, and the places of rules without a name", () => {
  const rules = [
    { name: "reads", kind: "command", command: ["git", "status"], path: "/w", purpose: "worker", decision: "accept" },
    { kind: ["file_change", "permissions"], path: "/w", purpose: ["smoke", "duplex"], decision: "acceptForSession" },
    { decision: "ask" },
  ];
  const parsed = [
    {
      name: "reads", kinds: ["command"], command: ["git", "status"], path: "/w", purposes: ["worker"],
      decision: "accept",
    },
    {
      name: "rules[1]", kinds: ["file_change", "permissions"], command: null, path: "/w", purposes: ["smoke", "duplex"],
      decision: "acceptForSession",
    },
    { name: "rules[2]", kinds: null, command: null, path: null, purposes: null, decision: "ask" },
  ];
  assert.deepEqual(parseApprovalRules(JSON.stringify({ rules })), parsed);
  assert.deepEqual(parseApprovalRules(JSON.stringify(rules)), parsed);
  assert.deepEqual(parseApprovalRules("[]"), []);
});

test("what is wrong is told with its place", () => {
  const refusals: Array<[unknown, RegExp]> = [
    [{}, /^rules: is required$/],
    [{ rules: [], version: 1 }, /^version: unknown field; the fields are rules$/],
    [{ rules: {} }, /^rules: must be an array/],
    ["accept", /^must be an object/],
    [["accept"], /^rules\[0\]: must be an object, got "accept"$/],
    [[{}], /^rules\[0\]\.decision: is required$/],
    [[{ decision: "ask" }, { decision: "yes" }], /^rules\[1\]\.decision: must be one of accept, acceptForSession/],
    [[{ decision: "accept", cmd: ["x"] }], /^rules\[0\]\.cmd: unknown field; the fields are name, kind, command, path/],
    [[{ decision: "accept", path: null }], /^rules\[0\]\.path: must not be null; leave it out$/],
    [[{ decision: null }], /^rules\[0\]\.decision: must not be null/],
    [[{ decision: "accept", name: "" }], /^rules\[0\]\.name: must be a non-empty string/],
    [[{ decision: "accept", kind: "other" }], /^rules\[0\]\.kind: must be one of command, file_change, permissions/],
    [[{ decision: "accept", kind: [] }], /^rules\[0\]\.kind: must be one of command.*, or a list of them/],
    [[{ decision: "accept", kind: ["command", "x"] }], /^rules\[0\]\.kind\[1\]: must be one of/],
    [[{ decision: "accept", command: "git" }], /^rules\[0\]\.command: must be an array/],
    [[{ decision: "accept", command: [] }], /^rules\[0\]\.command: must have at least 1 element/],
    [[{ decision: "accept", command: ["git", ""] }], /^rules\[0\]\.command\[1\]: must be a non-empty string/],
    [[{ decision: "accept", path: "src" }], /^rules\[0\]\.path: must be an absolute path, got "src"$/],
    [[{ decision: "accept", path: "~/src" }], /^rules\[0\]\.path: must be an absolute path/],
    [[{ decision: "accept", purpose: "night" }], /^rules\[0\]\.purpose: must be one of duplex, smoke, worker/],
    [[{ decision: "accept", kind: "file_change", command: ["x"] }],
      /^rules\[0\]\.command: needs the kind command, got file_change$/],
    [[{ decision: "accept", kind: "command", path: "/w" }], /^rules\[0\]\.path: needs command beside it: where a/],
    [[{ decision: "decline", kind: ["user_input", "tool_call"], path: "/w" }],
      /^rules\[0\]\.path: needs one of the kinds command, file_change, permissions, got user_input, tool_call$/],
    [[{ decision: "accept", kind: "user_input" }], /^rules\[0\]\.decision: must be one of decline, ask for user_input/],
    [[{ decision: "cancel", kind: ["command", "permissions"] }],
      /^rules\[0\]\.decision: must be one of accept, acceptForSession, decline, ask for permissions, got cancel$/],
  ];
  for (const [value, message] of refusals) {
    assert.throws(() => parseApprovalRules(JSON.stringify(value)), { name: "DecodeError", message }, String(message));
  }
  assert.throws(() => parseApprovalRules('[{"decision":"ask","__proto__":{}}]'), /rules\[0\]\.__proto__: unknown/);
  for (const text of ["", "[", "rules: []"]) assert.throws(() => parseApprovalRules(text), /: is not JSON: /);
});

test("kinds with and without what a rule asks for may be mixed, as long as one has it", () => {
  const taken = [
    { kind: ["command", "user_input"], command: ["x"], decision: "decline" },
    { kind: ["command", "file_change"], path: "/w", decision: "accept" },
    { kind: "command", command: ["x"], path: "/w", decision: "cancel" },
    { kind: ["user_input", "mcp_elicitation", "tool_call"], decision: "decline" },
    { kind: "mcp_elicitation", decision: "acceptForSession" },
    { kind: "tool_call", decision: "ask" },
  ];
  assert.equal(parseApprovalRules(JSON.stringify(taken)).length, taken.length);
});

test("so many rules and no more", () => {
  const rules = (count: number): string => JSON.stringify(Array.from({ length: count }, () => ({ decision: "ask" })));
  assert.equal(parseApprovalRules(rules(LIMITS.approvalRulesMax)).length, LIMITS.approvalRulesMax);
  const tooMany = rules(LIMITS.approvalRulesMax + 1);
  assert.throws(() => parseApprovalRules(tooMany), /rules: has 1001 rules and takes 1000 at most/);
});
