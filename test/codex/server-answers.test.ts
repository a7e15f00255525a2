// Every answer that codexd gives Codex, by word and as a caller's whole result, compared whole.
//
// Codex takes a malformed answer for a no without saying so: what is wrong has to be said here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../src/base/decode.ts";
import {
  answerOf, declineOf, decodeAnswer, isWithheld, shownAnswer, type Asked,
} from "../../src/codex/server-answers.ts";
import { readApprovalFacts } from "../../src/codex/server-requests.ts";
import { APPROVAL_DECISIONS } from "../../src/core/approvals.ts";
import { SERVER_REQUESTS, type CapturedRequest } from "../support/server-requests.ts";

function asked({ method, params }: Pick<CapturedRequest, "method" | "params">, more = {}): Asked {
  const facts = readApprovalFacts(method, { ...params, ...more }, undefined);
  assert.ok(facts !== undefined);
  return { ...facts, method, params: { ...params, ...more } };
}

const COMMAND = asked(SERVER_REQUESTS["appr-cmd-accept"]);
const FILE_CHANGE = asked(SERVER_REQUESTS["appr-file-accept"]);
const PERMISSIONS = asked(SERVER_REQUESTS["appr-perm"]);
const QUESTION = asked(SERVER_REQUESTS["appr-ask"]);
const TOOL_APPROVAL = asked(SERVER_REQUESTS["mcp-danger-accept"]);
const FORM = asked(SERVER_REQUESTS["mcp-elicit"]);
const TOOL_CALL = asked(SERVER_REQUESTS["dyn-tool"]);
const URL_ELICITATION = asked({
  method: FORM.method, params: { serverName: "s", mode: "url", url: "https://x.test/" },
});

/** Null and absent are the same to Codex where a grant has no network. */
function withoutNetwork(result: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { permissions, ...others } = result as { permissions?: { network?: unknown } };
  if (permissions === undefined) return { ...result };
  const { network: _, ...granted } = permissions;
  return { ...others, permissions: granted };
}

const PERMITTED = PERMISSIONS.permissions;
const NO_TOOL = { contentItems: [{ type: "inputText", text: "the call of this tool was declined" }], success: false };

/** Each word, and the answer that it is; the words that are not here are refused. */
const WORDS: ReadonlyArray<readonly [string, Asked, Record<string, unknown>]> = [
  ["command", COMMAND, Object.fromEntries(APPROVAL_DECISIONS.map((decision) => [decision, { decision }]))],
  ["file change", FILE_CHANGE, Object.fromEntries(APPROVAL_DECISIONS.map((decision) => [decision, { decision }]))],
  ["permissions", PERMISSIONS, {
    accept: { permissions: PERMITTED, scope: "turn" },
    acceptForSession: { permissions: PERMITTED, scope: "session" },
    decline: { permissions: {}, scope: "turn" },
  }],
  ["question", QUESTION, { decline: { answers: {} } }],
  ["tool approval", TOOL_APPROVAL, {
    accept: { action: "accept", content: {}, _meta: null },
    acceptForSession: { action: "accept", content: {}, _meta: { persist: "session" } },
    decline: { action: "decline", content: null, _meta: null },
    cancel: { action: "cancel", content: null, _meta: null },
  }],
  ["form", FORM, {
    decline: { action: "decline", content: null, _meta: null },
    cancel: { action: "cancel", content: null, _meta: null },
  }],
  ["page elsewhere", URL_ELICITATION, {
    accept: { action: "accept", content: null, _meta: null },
    decline: { action: "decline", content: null, _meta: null },
    cancel: { action: "cancel", content: null, _meta: null },
  }],
  ["tool call", TOOL_CALL, { decline: NO_TOOL }],
];

for (const [name, approval, answers] of WORDS) {
  test(`${name}: the words that are taken, and their answers`, () => {
    assert.deepEqual([...approval.allowedDecisions].sort(), Object.keys(answers).sort());
    for (const word of APPROVAL_DECISIONS) {
      if (word in answers) assert.deepEqual(answerOf(approval, word), answers[word]);
      else assert.throws(() => answerOf(approval, word), { name: "DecodeError", path: "decision" });
    }
    assert.deepEqual(declineOf(approval.method), answers["decline"]);
    assert.notEqual(declineOf(approval.method), declineOf(approval.method), "each answer is its own object");
  });

  test(`${name}: a word's own answer is taken as a result, and amounts to that word`, () => {
    for (const word of approval.allowedDecisions) {
      const result = answerOf(approval, word);
      const answered = name === "question" || name === "tool call";
      const decoded = { result: withoutNetwork(result), decision: answered ? "answered" : word };
      assert.deepEqual(decodeAnswer(approval, result), decoded);
    }
  });
}

for (const [name, request] of Object.entries(SERVER_REQUESTS)) {
  test(`${name}: the answer of the transcript is taken as it was`, () => {
    assert.deepEqual(decodeAnswer(asked(request), request.result).result, withoutNetwork(request.result));
  });
}

test("a word that is not taken is told with those that are, and what a result looks like", () => {
  const refusals: Array<[Asked, string]> = [
    [FORM, 'decision: must be one of decline, cancel, got accept; or give the whole answer, such as ' +
      '{"result":{"action":"accept","content":{"name":"…"}}}'],
    [QUESTION, 'decision: must be one of decline, got accept; or give the whole answer, such as ' +
      '{"result":{"answers":{"q1":{"answers":["…"]}}}}'],
    [TOOL_CALL, 'decision: must be one of decline, got accept; or give the whole answer, such as ' +
      '{"result":{"contentItems":[{"type":"inputText","text":"…"}],"success":true}}'],
  ];
  for (const [approval, message] of refusals) assert.throws(() => answerOf(approval, "accept"), { message });
  assert.throws(() => answerOf(PERMISSIONS, "cancel"), /: decision: must be one of accept, acceptForSession, decline,/);
  for (const approval of [COMMAND, FILE_CHANGE]) {
    assert.throws(() => answerOf({ ...approval, allowedDecisions: ["accept"] }, "cancel"), /"decision":"accept"/);
  }
});

test("amendments of Codex's policy", () => {
  const exec = { decision: { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["echo", "esc"] } } };
  assert.deepEqual(decodeAnswer(COMMAND, exec), { result: exec, decision: "accept" });
  const network = (action: string) =>
    ({ decision: { applyNetworkPolicyAmendment: { network_policy_amendment: { host: "x.test", action } } } });
  assert.deepEqual(decodeAnswer(COMMAND, network("allow")), { result: network("allow"), decision: "accept" });
  assert.deepEqual(decodeAnswer(COMMAND, network("deny")), { result: network("deny"), decision: "decline" });
});

test("permissions: what is granted, for how long, and completed", () => {
  const grant = (result: Record<string, unknown>) => decodeAnswer(PERMISSIONS, result);
  const network = { network: { enabled: true } };
  const once = { result: { permissions: network, scope: "turn" }, decision: "accept" };
  assert.deepEqual(grant({ permissions: network }), once);
  assert.equal(grant({ permissions: network, scope: "session" }).decision, "acceptForSession");
  assert.deepEqual(grant({ permissions: { fileSystem: { write: ["/w"] }, network: null }, strictAutoReview: true }), {
    result: { permissions: { fileSystem: { read: null, write: ["/w"] } }, scope: "turn", strictAutoReview: true },
    decision: "accept",
  });
  const entries = [
    { path: { type: "glob_pattern", pattern: "*.ts" }, access: "read" },
    { path: { type: "special", value: { kind: "tmpdir" } }, access: "write" },
  ];
  const fileSystem = { read: null, write: null, entries, globScanMaxDepth: 3 };
  assert.deepEqual(grant({ permissions: { fileSystem } }).result["permissions"], { fileSystem });
  for (const permissions of [{}, { network: {} }, { network: { enabled: false } }, { fileSystem: { read: [] } }]) {
    assert.equal(grant({ permissions, scope: "session" }).decision, "decline");
  }
  assert.deepEqual(grant({ permissions: { network: {} } }).result["permissions"], { network: { enabled: null } });
});

test("questions: some of them or all, each with any number of answers", () => {
  const two = { ...QUESTION, questions: [{ id: "a" }, { id: "b" }, { id: 1 }, null] };
  const result = { answers: { b: { answers: ["x", "y"] } } };
  assert.deepEqual(decodeAnswer(two, result), { result, decision: "answered" });
  assert.throws(() => decodeAnswer(two, { answers: { c: { answers: [] } } }),
    { message: "result.answers.c: no such question; the questions are a, b" });
  assert.throws(() => decodeAnswer({ ...two, questions: null }, { answers: { c: { answers: [] } } }),
    { message: "result.answers.c: no such question; none can be answered" });
});

test("elicitations: completed, and remembered as Codex offers it", () => {
  const accept = { action: "accept" };
  assert.deepEqual(decodeAnswer(TOOL_APPROVAL, accept).result, { action: "accept", content: {}, _meta: null });
  const remembered = (persist: unknown, approval = TOOL_APPROVAL) =>
    decodeAnswer(approval, { ...accept, content: { name: "Bob" }, _meta: { persist } }).decision;
  assert.equal(remembered("session"), "acceptForSession");
  assert.equal(remembered("always"), "acceptForSession");
  assert.equal(remembered("never"), "accept");
  assert.equal(remembered("session", FORM), "accept");
  const declined = { action: "decline", content: { name: "Bob" }, _meta: { a: 1 } };
  assert.deepEqual(decodeAnswer(FORM, declined).result, { action: "decline", content: null, _meta: { a: 1 } });
  const unreadable = asked({ method: FORM.method, params: { mode: "openai/userVerification" } });
  assert.throws(() => answerOf(unreadable, "accept"), /"content":\{\}/);
  assert.equal(decodeAnswer(unreadable, { action: "accept", content: { answer: "42" } }).decision, "accept");
});

test("tool calls: texts, images, sounds", () => {
  const result = {
    contentItems: [
      { type: "inputText", text: "" }, { type: "inputImage", imageUrl: "data:," },
      { type: "inputAudio", audioUrl: "data:," },
    ],
    success: false,
  };
  assert.deepEqual(decodeAnswer(TOOL_CALL, result), { result, decision: "answered" });
});

test("anything else is refused with its place", () => {
  const refusals: ReadonlyArray<readonly [Asked, Record<string, unknown>, RegExp]> = [
    [COMMAND, {}, /^result\.decision: is required$/],
    [COMMAND, { decision: "yes" }, /^result\.decision: must be one of accept, acceptForSession, decline, cancel, or/],
    [COMMAND, { decision: "accept", a: 1 }, /^result\.a: unknown field; the fields are decision$/],
    [COMMAND, { decision: {} }, /^result\.decision: must be exactly one amendment$/],
    [COMMAND, { decision: { accept: {} } }, /^result\.decision\.accept: unknown field/],
    [COMMAND, { decision: { acceptWithExecpolicyAmendment: { execpolicy_amendment: [] } } }, /ment: must have at/],
    [COMMAND, { decision: { applyNetworkPolicyAmendment: { network_policy_amendment: { host: "x", action: "ask" } } } },
      /^result\.decision\.applyNetworkPolicyAmendment\.network_policy_amendment\.action: must be one of allow, deny/],
    [FILE_CHANGE, { decision: { acceptWithExecpolicyAmendment: {} } }, /^result\.decision: must be one of accept/],
    [PERMISSIONS, { scope: "turn" }, /^result\.permissions: is required$/],
    [PERMISSIONS, { permissions: {}, scope: "ever" }, /^result\.scope: must be one of turn, session/],
    [PERMISSIONS, { permissions: { macos: {} } }, /^result\.permissions\.macos: unknown field/],
    [PERMISSIONS, { permissions: { fileSystem: { write: "/w" } } }, /\.fileSystem\.write: must be an array/],
    [PERMISSIONS, { permissions: { fileSystem: { entries: [{ path: "/w", access: "read" }] } } },
      /^result\.permissions\.fileSystem\.entries\[0\]\.path: must be an object/],
    [PERMISSIONS, { permissions: { fileSystem: { entries: [{ path: { type: "x" }, access: "read" }] } } },
      /entries\[0\]\.path\.type: must be one of path, glob_pattern, special/],
    [QUESTION, { answers: { q1: "Yes" } }, /^result\.answers\.q1: must be an object/],
    [QUESTION, { answers: { q1: { answers: "Yes" } } }, /^result\.answers\.q1\.answers: must be an array/],
    [FORM, { action: "accept" }, /^result\.content\.name: is required$/],
    [URL_ELICITATION, { action: "yes" }, /^result\.action: must be one of accept, decline, cancel/],
    [FORM, { action: "accept", content: [] }, /^result\.content: must be an object/],
    [TOOL_CALL, { success: true }, /^result\.contentItems: is required$/],
    [TOOL_CALL, { contentItems: [{ type: "text" }], success: true }, /^result\.contentItems\[0\]\.type: must be one/],
    [TOOL_CALL, { contentItems: [{ type: "inputText" }], success: true }, /^result\.contentItems\[0\]\.text: is req/],
    [TOOL_CALL, { contentItems: [], success: 1 }, /^result\.success: must be true or false/],
  ];
  for (const [approval, result, message] of refusals) {
    const isRefusal = (error: unknown): boolean => error instanceof DecodeError && message.test(error.message);
    assert.throws(() => decodeAnswer(approval, result), isRefusal, String(message));
  }
});

test("a word that an approval ought not to allow, and a method that nobody asks, are bugs", () => {
  assert.throws(() => answerOf({ ...QUESTION, allowedDecisions: ["accept"] }, "accept"), /broken: user_input/);
  assert.throws(() => declineOf("attestation/generate"), /invariant broken: nobody is asked attestation/);
});

test("of an answer to secret questions it is shown that there is one", () => {
  const isSecret = true;
  const questions = [{ id: "a" }, { id: "b", isSecret }, { id: "c", isSecret }, { id: "d", isSecret: "yes" }];
  const said = { answers: { a: { answers: ["x"] }, b: { answers: ["y", "z"] }, d: { answers: ["w"] } } };
  const shown = shownAnswer({ questions }, said);
  assert.deepEqual(shown, { answers: { ...said.answers, b: { answers: ["[redacted]"] } } });
  assert.deepEqual([isWithheld(shown), isWithheld(said)], [true, false]);
  for (const result of [{ answers: {} }, { answers: { a: said.answers.a } }, { decision: "accept" }, { answers: 1 }]) {
    assert.equal(shownAnswer({ questions }, result), result, "the same one");
    assert.equal(isWithheld(result), false);
  }
  assert.equal(shownAnswer({ questions: null }, said), said);
});
