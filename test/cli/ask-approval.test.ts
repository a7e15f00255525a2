// What a person is shown who is to decide, and what becomes of what is typed.
//
// Records as Codex's captures have them (appr-ask, appr-perm, appr-file-accept, mcp-elicit, mcp-danger-accept).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { approvalCard } from "../../src/cli/approval-card.ts";
import { formOf } from "../../src/cli/approval-form.ts";
import { askApproval, type Asked } from "../../src/cli/ask-approval.ts";
import { createScreen } from "../../src/cli/screen.ts";
import type { ApprovalRecord } from "../../src/core/approvals.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeIo } from "../support/cli-io.ts";
import { approval } from "../support/send-answers.ts";

const plain = (_: string, text: string): string => text;
const bare = { summary: "s", command: null, cwd: null, params: {} } as const;

async function ask(record: Partial<ApprovalRecord>, ...lines: string[]): Promise<{ asked: Asked; err: string }> {
  const io = createFakeIo({ lines, stdinIsTerminal: true });
  const asked = await askApproval(approval(record), {
    io, screen: createScreen(io), signal: new AbortController().signal,
  });
  return { asked, err: io.err() };
}

const question = {
  id: "q1", header: "Choice", question: "go on?", isOther: true, isSecret: false,
  options: [{ label: "Yes (Recommended)", description: "go on" }, { label: "No\u202e", description: "" }],
};

describe("the card of an approval", () => {
  test("has all that it is about, and shows what cannot be seen", () => {
    const card = approvalCard(approval({
      summary: "run\nit", command: "rm -rf a\u202eb\u001b[2J\u200b\nls", expiresAt: "2026-01-02T03:04:05.000Z",
    }), plain);
    assert.match(card, /^Codex asks \(command, apr_1\): run it\n/);
    assert.ok(card.includes("  command   rm -rf a\\u{202e}b\\u{1b}[2J\\u{200b}\n            ls\n"), card);
    assert.match(card, /\n  until     \d\d:\d\d:\d\d, then it is declined\n$/);
  });

  test("has the diff of each file, in colours", () => {
    const changes = [
      { path: "/a", kind: "add", diff: "x\ny\n" },
      { path: "/b", kind: "update", movePath: "/c\n", diff: "@@ -1 +1 @@\n-a\n+b\n c" },
      { path: "/d", kind: "delete", diff: "" },
    ];
    const record = approval({ ...bare, kind: "file_change", changes, params: { grantRoot: "/r" } });
    assert.equal(approvalCard(record, plain), [
      "Codex asks (file change, apr_1): s\n", "  root      /r\n", "  add /a\n  +x\n  +y\n",
      "  update /b -> /c\\u{a}\n  @@ -1 +1 @@\n  -a\n  +b\n   c\n", "  delete /d\n",
    ].join(""));
    const painted = approvalCard(record, (colour, text) => `<${colour} ${text}>`);
    for (const part of ["<green +x>", "<red -a>", "<cyan @@ -1 +1 @@>"]) assert.ok(painted.includes(part));
  });

  test("says so when a diff may have been cut", () => {
    const max = LIMITS.approvalDiffCharsMax;
    const card = (chars: number) => approvalCard(approval({
      changes: [{ path: "/a", kind: "update", diff: "x".repeat(chars) }],
    }), plain);
    assert.match(card(max), /what follows is not shown\n$/);
    assert.doesNotMatch(card(max - 1), /not shown/);
  });

  test("has permissions, tools and their arguments as they are", () => {
    const permissions = { network: null, fileSystem: { write: ["/p"] } };
    const asked = approvalCard(approval({ ...bare, kind: "permissions", permissions }), plain);
    assert.match(asked, /asks for  \{\n +"network": null,\n +"fileSystem": \{\n +"write": \[\n +"\/p"\n/);
    const meta = { tool_name: "danger", tool_params: { force: true } };
    const tool = approvalCard(approval({
      ...bare, kind: "mcp_elicitation", params: { serverName: "mini", message: "Allow?", _meta: meta },
    }), plain);
    assert.match(tool, /server    mini\n  message   Allow\?\n  tool      danger\n  with      \{\n +"force": true\n/);
    const call = approvalCard(approval({ ...bare, params: { tool: "my_tool", arguments: { a: 1 } } }), plain);
    assert.match(call, /tool      my_tool\n  with      \{\n +"a": 1\n/);
  });
});

describe("a question of Codex's", () => {
  const record = { ...bare, kind: "user_input", questions: [question], allowedDecisions: ["decline"] } as const;

  test("is answered by a number or in own words, or declined", async () => {
    const answered = (text: string) => ({ result: { answers: { q1: { answers: [text] } } } });
    const { asked, err } = await ask(record, "", " 1 ");
    assert.deepEqual(asked, answered("Yes (Recommended)"));
    assert.ok(err.endsWith([
      "  [/n] no\n  [/s] leave it to others\n", "  Choice: go on?\n",
      "    1. Yes (Recommended): go on\n    2. No\\u{202e}\n",
      "1 to 2, or your own words: 1 to 2, or your own words: ",
    ].join("")), err);
    assert.deepEqual((await ask(record, "3")).asked, answered("3"));
    assert.deepEqual((await ask(record, "/n")).asked, { decision: "decline" });
    assert.deepEqual([(await ask(record, "/s")).asked, (await ask(record)).asked], ["left", "ended"]);
  });

  test("takes only its options where it allows nothing else; several are asked one after the other", async () => {
    const closed = { ...question, isOther: false };
    const secret = { id: "q2", question: "key?", isSecret: true, options: null };
    const { asked, err } = await ask({ ...record, questions: [closed, secret] }, "maybe", "3", "2", "k");
    assert.deepEqual(asked, { result: { answers: { q1: { answers: ["No\u202e"] }, q2: { answers: ["k"] } } } });
    assert.match(err, /key\? \(it is seen as you type it\)\nyour own words: $/);
  });

  test("of a shape that is not known is left to others, or declined", async () => {
    for (const questions of [[], ["?"], [{ question: "no id" }], null]) {
      assert.deepEqual((await ask({ ...record, questions }, "y", "s")).asked, "left");
      assert.deepEqual((await ask({ ...record, questions }, "n")).asked, { decision: "decline" });
    }
  });
});

describe("a form of an MCP server's", () => {
  const properties = {
    name: { type: "string", title: "Name", description: "yours" },
    age: { type: "integer" },
    size: { type: "number" },
    sure: { type: "boolean" },
    size2: { type: "string", enum: ["s", "l"], enumNames: ["small"] },
    way: { type: "string", oneOf: [{ const: "a", title: "A" }, { const: "b" }] },
    more: { type: "string" },
  };
  const required = ["name", "age", "size", "sure", "size2", "way"];
  const form = (schema: unknown, allowedDecisions: ApprovalRecord["allowedDecisions"] = ["decline", "cancel"]) => ({
    ...bare, kind: "mcp_elicitation", params: { requestedSchema: schema }, allowedDecisions,
  } as const);

  test("is filled in field by field, each as its type says", async () => {
    const { asked, err } = await ask(form({ type: "object", properties, required }),
      "y", "Ada", "1.5", "x", "36", "1e999", "1.5", "2", "2", "1", "");
    const content = { name: "Ada", age: 36, size: 1.5, sure: false, size2: "l", way: "a" };
    assert.deepEqual(asked, { result: { action: "accept", content } });
    assert.match(err, /\[y\] yes, and fill in what it asks for\n  \[n\] no\n  \[c\] no answer: dismiss it\ny\/n\/c\? /);
    assert.match(err, /Name: yours\ntext: .*  age\na whole number: a whole number: a whole number: /s);
    assert.match(err, /size2\n    1\. small\n    2\. l\n1 to 2: .*1\. A\n    2\. b\n/s);
    assert.match(err, /more\ntext, or empty for none: $/);
  });

  test("can be declined or cancelled, also while it is filled in", async () => {
    const record = form({ properties, required });
    assert.deepEqual((await ask(record, "n")).asked, { decision: "decline" });
    assert.deepEqual((await ask(record, "y", "Ada", "/c")).asked, { decision: "cancel" });
    assert.deepEqual((await ask(record, "y", "Ada")).asked, "ended");
  });

  test("that asks for nothing is a yes or no; one that is not understood is left to others", async () => {
    assert.equal(formOf(approval(form({ properties: {} }, ["accept", "decline"]))), null);
    assert.deepEqual((await ask(form({ properties: {} }, ["accept"]), "y")).asked, { decision: "accept" });
    const unknown = [
      {}, null, { properties: {} }, { properties: { a: { type: "array" } } }, { properties: { a: 1 } },
      { properties: { a: { type: "string" }, b: { type: "object" } } },
    ];
    for (const schema of unknown) assert.equal(formOf(approval(form(schema))), null, JSON.stringify(schema));
    assert.deepEqual((await ask(form({}), "s")).asked, "left");
  });
});
