// Every question that Codex is known to ask, as it was measured, and what a person is told of it.
//
// Requests come from another program, so each is also read with anything in the place of anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readApprovalFacts, rememberedFor, requiredFields, UNSUPPORTED } from "../../src/codex/server-requests.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { SERVER_REQUESTS } from "../support/server-requests.ts";

const ALL = ["accept", "acceptForSession", "decline", "cancel"];
const COMMAND = "item/commandExecution/requestApproval";
const FILE_CHANGE = "item/fileChange/requestApproval";
const PERMISSIONS = "item/permissions/requestApproval";
const ELICITATION = "mcpServer/elicitation/request";

function read(method: string, params: Record<string, unknown>, item?: Record<string, unknown>) {
  const facts = readApprovalFacts(method, params, item);
  assert.ok(facts !== undefined);
  return facts;
}

function summaryOf(method: string, params: Record<string, unknown>, item?: Record<string, unknown>): string {
  return read(method, params, item).summary;
}

const NOTHING = { command: null, cwd: null, changes: null, permissions: null, questions: null };
const CWD = "/home/dev/project";
const PERMITTED = {
  network: null,
  fileSystem: { read: null, write: [CWD], entries: [{ path: { type: "path", path: CWD }, access: "write" }] },
};

const MEASURED: Readonly<Record<keyof typeof SERVER_REQUESTS, Record<string, unknown>>> = {
  "appr-cmd-accept": {
    kind: "command", summary: `run echo esc in ${CWD} (Allow running: echo esc?)`,
    command: "/bin/bash -lc 'echo esc'", cwd: CWD, allowedDecisions: ALL,
  },
  "codemode-escalate": {
    kind: "command", summary: `run echo esc in ${CWD} (why?)`,
    command: "/bin/bash -lc 'echo esc'", cwd: CWD, allowedDecisions: ALL,
  },
  "appr-file-accept": {
    kind: "file_change", summary: `change 1 file: add ${CWD}/appr.txt`,
    changes: [{ path: `${CWD}/appr.txt`, kind: "add", diff: "x\n" }], allowedDecisions: ALL,
  },
  "v116-appr-file": {
    kind: "file_change", summary: `change 1 file: add ${CWD}/o1.txt`,
    changes: [{ path: `${CWD}/o1.txt`, kind: "add", diff: "x\n" }], allowedDecisions: ALL,
  },
  "appr-perm": {
    kind: "permissions", summary: `grant write ${CWD} (write below ${CWD})`,
    cwd: CWD, permissions: PERMITTED, allowedDecisions: ["accept", "acceptForSession", "decline"],
  },
  "appr-ask": {
    kind: "user_input", summary: "answer go on? (Yes (Recommended) | No)", allowedDecisions: ["decline"],
    questions: [{
      id: "q1", header: "Choice", question: "go on?", isOther: true, isSecret: false,
      options: [{ label: "Yes (Recommended)", description: "go on" }, { label: "No", description: "stop" }],
    }],
  },
  "mcp-danger-accept": {
    kind: "mcp_elicitation", summary: "run the tool danger of the MCP server mini with {}", allowedDecisions: ALL,
  },
  "mcp-elicit": {
    kind: "mcp_elicitation", summary: "the MCP server mini asks: Your name?", allowedDecisions: ["decline", "cancel"],
  },
  "dyn-tool": { kind: "tool_call", summary: 'call the tool my_tool with {"a":1}', allowedDecisions: ["decline"] },
};

for (const [name, { method, params, item }] of Object.entries(SERVER_REQUESTS)) {
  test(`${name}: ${method}`, () => {
    const facts = readApprovalFacts(method, params, item ?? undefined);
    assert.deepEqual(facts, { ...NOTHING, ...MEASURED[name as keyof typeof SERVER_REQUESTS] });
  });
}

test("what cannot be served is undefined", () => {
  const methods = [
    "attestation/generate", "account/chatgptAuthTokens/refresh", "currentTime/read", "execCommandApproval",
    "applyPatchApproval", "", "__proto__", "toString",
  ];
  for (const method of methods) assert.equal(readApprovalFacts(method, {}, undefined), undefined);
  assert.deepEqual(UNSUPPORTED, { code: -32_601, message: "unsupported" });
});

test("a command that has no text of its own is that of its item", () => {
  const item = { type: "commandExecution", command: "ls", cwd: "/w" };
  assert.deepEqual(
    { ...read(COMMAND, {}, item) },
    { ...NOTHING, kind: "command", command: "ls", cwd: "/w", summary: "run ls in /w", allowedDecisions: ALL },
  );
  assert.equal(read(COMMAND, {}, { ...item, type: "fileChange" }).command, null);
  assert.equal(summaryOf(COMMAND, {}), "run a command");
});

test("the line says what else a command wants", () => {
  const command = "/bin/bash -lc 'curl x'";
  const network = { networkApprovalContext: { host: "x.test", protocol: "https" }, command };
  assert.equal(summaryOf(COMMAND, network), "reach x.test (https) for curl x");
  assert.equal(summaryOf(COMMAND, { networkApprovalContext: {} }), "reach the network (network) for a command");
  assert.equal(summaryOf(COMMAND, { kind: "writeStdin", command }), "type into the terminal of curl x");
  const additionalPermissions = { network: { enabled: true }, fileSystem: { write: ["/w"] } };
  const more = read(COMMAND, { additionalPermissions, command });
  assert.equal(more.summary, "run with network, write /w: curl x");
  assert.equal(more.permissions, additionalPermissions);
});

test("changes: each path, moves, and what cannot be read as an empty path", () => {
  const changes = [
    { path: "/a", kind: { type: "update", move_path: "/b" }, diff: "1" },
    { path: "/c", kind: { type: "delete" }, diff: "2" },
    { path: "/d", kind: "add" },
    { path: 7, kind: { type: "update", move_path: 7 } },
    null,
  ];
  const facts = read(FILE_CHANGE, { grantRoot: "/root", reason: "why" }, { type: "fileChange", changes });
  assert.deepEqual(facts.changes, [
    { path: "/a", kind: "update", movePath: "/b", diff: "1" },
    { path: "/c", kind: "delete", diff: "2" },
    { path: "/d", kind: "add", diff: "" },
    { path: "", kind: "update", movePath: "", diff: "" },
    { path: "", kind: "update", diff: "" },
  ]);
  assert.equal(facts.summary, "write anywhere below /root for the rest of the session, and change 5 files: " +
    "update /a (moved to /b), delete /c, add /d, update ? (moved to ?), update ? (why)");
  for (const item of [undefined, { type: "commandExecution", changes }, { type: "fileChange", changes: "x" }]) {
    assert.equal(read(FILE_CHANGE, {}, item).changes, null);
  }
  assert.equal(summaryOf(FILE_CHANGE, { grantRoot: 1 }),
    "write anywhere below ? for the rest of the session, and change files");
});

test("diffs are cut together, paths never are", () => {
  const max = LIMITS.approvalDiffCharsMax;
  const listed = (sizes: number[]) => read(FILE_CHANGE, {}, {
    type: "fileChange",
    changes: sizes.map((size, i) => ({ path: `/${i}`, kind: { type: "add" }, diff: "x".repeat(size) })),
  }).changes?.map(({ diff }) => diff.length);
  assert.deepEqual(listed([max]), [max]);
  assert.deepEqual(listed([max - 1, 1]), [max - 1, 1]);
  assert.deepEqual(listed([max - 1, 2, 3]), [max - 1, 1, 0]);
  assert.equal(listed(Array.from({ length: 2000 }, () => 1))?.length, 2000);
});

test("permissions in words: network, patterns, special places, and what is not known", () => {
  const permissions = {
    network: { enabled: true },
    fileSystem: {
      read: ["/r"], write: null,
      entries: [
        { path: { type: "glob_pattern", pattern: "*.ts" }, access: "read" },
        { path: { type: "special", value: { kind: "root" } }, access: "write" },
        { path: {}, access: 1 },
      ],
    },
    macos: {},
  };
  const words = "grant network, read /r, read *.ts, write :root, ? ?, macos";
  assert.equal(summaryOf(PERMISSIONS, { permissions }), words);
  assert.equal(summaryOf(PERMISSIONS, { permissions: { network: { enabled: false } } }), "grant no permissions");
  assert.deepEqual(read(PERMISSIONS, {}).permissions, {});
});

test("an elicitation takes accept only where nothing is to be filled in", () => {
  const form = (requestedSchema: unknown, more = {}) =>
    read(ELICITATION, { serverName: "s", mode: "form", message: "m", requestedSchema, ...more }).allowedDecisions;
  const object = { type: "object", properties: {} };
  assert.deepEqual(form(object), ["accept", "decline", "cancel"]);
  assert.deepEqual(form({ ...object, required: [] }), ["accept", "decline", "cancel"]);
  for (const schema of [{ ...object, required: ["a"] }, { required: "a" }, { required: [1] }, null, undefined, "x"]) {
    assert.deepEqual(form(schema), ["decline", "cancel"]);
  }
  const meta = (persist: unknown) => ({ _meta: { codex_approval_kind: "mcp_tool_call", persist } });
  assert.deepEqual(form(object, meta("session")), ALL);
  assert.deepEqual(form(object, meta(["always", "session"])), ALL);
  for (const persist of ["always", undefined, null, 1, { session: 1 }]) {
    assert.deepEqual(form(object, meta(persist)), ["accept", "decline", "cancel"]);
  }
  assert.deepEqual(form(object, { _meta: { persist: ["session"] } }), ["accept", "decline", "cancel"]);
  assert.deepEqual(rememberedFor(meta(["session", 1])), ["session"]);
  assert.deepEqual(requiredFields({ mode: "url" }), []);
});

test("an elicitation in words", () => {
  const url = { serverName: "s", mode: "url", message: "log in", url: "https://x.test/" };
  assert.equal(summaryOf(ELICITATION, url), "the MCP server s asks: log in https://x.test/");
  assert.deepEqual(read(ELICITATION, url).allowedDecisions, ["accept", "decline", "cancel"]);
  const check = { serverName: "s", mode: "openai/userVerification", title: "who?", challenge: "c" };
  assert.equal(summaryOf(ELICITATION, check), "the MCP server s asks: who?");
  assert.deepEqual(read(ELICITATION, check).allowedDecisions, ["decline", "cancel"]);
  // 0.116 names the tool in its sentence only.
  const old = { serverName: "s", message: 'run "t"?', _meta: { codex_approval_kind: "mcp_tool_call" } };
  assert.equal(summaryOf(ELICITATION, old), 'the MCP server s asks: run "t"?');
  assert.equal(summaryOf(ELICITATION, {}), "the MCP server ? asks: for input");
});

test("several questions, and a tool with a namespace", () => {
  const questions = [{ header: "h" }, {}];
  assert.equal(summaryOf("item/tool/requestUserInput", { questions }), "answer 2 questions, first: h");
  assert.equal(summaryOf("item/tool/requestUserInput", { questions: [{ options: [{}] }] }), "answer a question (?)");
  assert.deepEqual(read("item/tool/requestUserInput", {}).questions, []);
  assert.equal(summaryOf("item/tool/call", { namespace: "n", tool: "t" }), "call the tool n.t with {}");
  assert.equal(summaryOf("item/tool/call", {}), "call the tool ? with {}");
});

test("the line is plain and no longer than its limit, the command stays whole", () => {
  const command = `printf '\u001b]0;\u202e'\nrm ${"x".repeat(LIMITS.approvalSummaryCharsMax)}`;
  const facts = read(COMMAND, { command });
  assert.equal(facts.command, command);
  assert.match(facts.summary, /^run printf '\ufffd\]0;' ⏎ rm x+…$/);
  assert.equal(facts.summary.length, LIMITS.approvalSummaryCharsMax);
});

test("anything in the place of anything is read without an error", () => {
  const strange: unknown[] = [null, 1, "x", true, [], [null], [[]], {}, { type: [] }, { path: { value: [] } }];
  for (const { method, params, item } of Object.values(SERVER_REQUESTS)) {
    for (const value of strange) {
      for (const name of [...Object.keys(params), "networkApprovalContext", "additionalPermissions", "namespace"]) {
        const inner = typeof params[name] === "object" && params[name] !== null ? Object.keys(params[name]) : [];
        for (const member of inner) read(method, { ...params, [name]: { ...params[name] as object, [member]: value } });
        read(method, { ...params, [name]: value }, item ?? undefined);
      }
      for (const name of Object.keys(item ?? {})) read(method, params, { ...item, [name]: value });
      const permissions = { network: value, fileSystem: { entries: [value], read: [value] } };
      read(method, { permissions, additionalPermissions: permissions }, { type: "fileChange", changes: [value] });
      read(method, { questions: [value], additionalPermissions: { network: value, fileSystem: value } });
    }
  }
});
