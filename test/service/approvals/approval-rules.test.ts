// Rules against what Codex asks: the first that matches decides, and every doubt is no match.
//
// The words of commands and the links of paths have tests of their own (command-words, path-scope).

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readApprovalFacts } from "../../../src/codex/server-requests.ts";
import { parseApprovalRules } from "../../../src/core/approval-rules.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { SessionRecord } from "../../../src/core/records.ts";
import { createApprovalRules, type Judged, type RuleVerdict } from "../../../src/service/approvals/approval-rules.ts";
import { SERVER_REQUESTS, type CapturedRequest } from "../../support/server-requests.ts";
import { makeTempDir } from "../../support/temp-dir.ts";

type Members = Record<string, unknown>;

const COMMAND = "item/commandExecution/requestApproval";
const WORKER = { purpose: "worker" } as SessionRecord;

function judge(rules: Members[], facts: Judged, session: SessionRecord | undefined = WORKER): RuleVerdict | null {
  return createApprovalRules(parseApprovalRules(JSON.stringify(rules))).judge(facts, session);
}

/** Whether a rule of these conditions matches. */
function isMatch(rule: Members, facts: Judged, session?: SessionRecord): boolean {
  return judge([{ ...rule, decision: "decline" }], facts, session) !== null;
}

type Request = Pick<CapturedRequest, "method" | "params"> & Partial<CapturedRequest>;

function asked({ method, params, item }: Request): Judged {
  const facts = readApprovalFacts(method, params, item ?? undefined);
  assert.ok(facts !== undefined);
  return { ...facts, params };
}

function command(script: string, more: Members = {}): Judged {
  const quoted = `/bin/bash -lc '${script.replaceAll("'", "'\\''")}'`;
  const params = { kind: "command", command: quoted, cwd: "/", environmentId: "local", ...more };
  return asked({ method: COMMAND, params });
}

function fileChange(changes: unknown[], more: Members = {}): Judged {
  const item = { type: "fileChange", changes };
  return asked({ method: "item/fileChange/requestApproval", params: { grantRoot: null, ...more }, item });
}

function permissions(asking: Members, more: Members = {}): Judged {
  return asked({ method: "item/permissions/requestApproval", params: { permissions: asking, ...more } });
}

const EVERY = Object.values(SERVER_REQUESTS).map(asked);

test("the first that matches decides, and says which it is", () => {
  const rules = [
    { kind: "file_change", decision: "cancel" },
    { name: "reads", command: ["git", "status"], decision: "accept" },
    { command: ["git"], decision: "decline" },
    { command: ["git", "log"], decision: "accept" },
  ];
  assert.deepEqual(judge(rules, command("git status")), { decision: "accept", rule: "reads" });
  assert.deepEqual(judge(rules, command("git log")), { decision: "decline", rule: "rules[2]" });
  assert.equal(judge(rules, command("ls")), null);
  assert.equal(judge([], command("ls")), null);
  const asking = [{ decision: "ask" }, { decision: "accept" }];
  assert.deepEqual(judge(asking, command("ls")), { decision: "ask", rule: "rules[0]" });
});

test("without a condition it matches everything, but decides only as the approval allows", () => {
  const decisions = EVERY.map((facts) => judge([{ decision: "acceptForSession" }], facts)?.decision);
  const session = "acceptForSession";
  assert.deepEqual(decisions, [session, session, session, session, session, "ask", session, "ask", "ask"]);
  for (const facts of EVERY) assert.equal(judge([{ decision: "decline" }], facts)?.decision, "decline");
});

test("kinds and purposes: one or several", () => {
  assert.deepEqual(EVERY.filter((facts) => isMatch({ kind: "command" }, facts)).length, 2);
  assert.deepEqual(EVERY.filter((facts) => isMatch({ kind: ["permissions", "tool_call"] }, facts)).length, 2);
  assert.equal(isMatch({ purpose: "worker" }, command("x")), true);
  assert.equal(isMatch({ purpose: ["smoke", "worker"] }, command("x")), true);
  assert.equal(isMatch({ purpose: "smoke" }, command("x")), false);
  const rules = createApprovalRules(parseApprovalRules('[{"purpose":"worker","decision":"accept"}]'));
  assert.equal(rules.judge(command("x"), undefined), null);
});

test("a command matches by its first words, whole ones", () => {
  const status = { command: ["git", "status"] };
  for (const script of ["git status", "git  status -s", "git 'status' \"x\"", "git status 'a; b'"]) {
    assert.equal(isMatch(status, command(script)), true, script);
  }
  for (const script of [
    "git", "git statusx", "gitstatus", "git -C /x status", "./git status", "/usr/bin/git status", "sudo git status",
    "git status; rm -rf /", "git status && x", "git status | sh", "git status > f", "git status $(x)", "git status `x`",
    "git status\nrm", "FOO=1 git status", "git status *", "(git status)", "cd x && git status", "'git status'",
  ]) assert.equal(isMatch(status, command(script)), false, script);
  for (const facts of EVERY.slice(2)) assert.equal(isMatch(status, facts), false);
});

test("only a new command on this machine has words", () => {
  const rule = { command: ["git"] };
  assert.equal(isMatch(rule, command("git x", { kind: undefined, environmentId: null })), true);
  for (const more of [
    { kind: "writeStdin" }, { kind: "humanCommand" }, { kind: 1 },
    { networkApprovalContext: { host: "x", protocol: "http" } }, { networkApprovalContext: 0 },
    { environmentId: "remote" }, { command: null }, { command: ["git"] },
  ]) assert.equal(isMatch(rule, command("git x", more)), false, JSON.stringify(more));
  // What stands in the item alone was not asked.
  const item = { type: "commandExecution", command: "git x", cwd: "/" };
  assert.equal(isMatch(rule, asked({ method: COMMAND, params: {}, item })), false);
});

test("a command with a path: its directory, and what else it asks for, lie below", (t) => {
  const dir = makeTempDir(t);
  const rule = { command: ["git"], path: dir };
  assert.equal(isMatch(rule, command("git x", { cwd: path.join(dir, "a") })), true);
  for (const cwd of ["/", `${dir}2`, path.dirname(dir), null, "a"]) {
    assert.equal(isMatch(rule, command("git x", { cwd })), false);
  }
  const more = (additionalPermissions: unknown): boolean =>
    isMatch(rule, command("git x", { cwd: dir, additionalPermissions }));
  assert.equal(more({ network: null, fileSystem: { write: [`${dir}/x`] } }), true);
  assert.equal(more({ fileSystem: { write: ["/etc"] } }), false);
  assert.equal(more({ network: { enabled: true }, fileSystem: {} }), false);
  assert.equal(more("all"), false);
  // Without words a directory says nothing of what a command does.
  assert.equal(isMatch({ path: dir }, command("git x", { cwd: dir })), false);
});

test("a file change matches where each path of it lies below", (t) => {
  const dir = makeTempDir(t);
  const at = (name: string, kind: Members = { type: "add" }): Members =>
    ({ path: path.join(dir, name), kind, diff: "" });
  const rule = { path: dir };
  fs.symlinkSync("/", path.join(dir, "out"));
  const holds = (changes: unknown[], more?: Members): boolean => isMatch(rule, fileChange(changes, more));
  assert.equal(holds([at("a"), at("b/c", { type: "update", move_path: path.join(dir, "d") })]), true);
  assert.equal(holds([at("a")], { grantRoot: path.join(dir, "sub"), environmentId: "local" }), true);
  for (const changes of [
    [], [at("a"), { ...at("a"), path: "/etc/passwd" }], [at("../x")],
    [at("a", { type: "update", move_path: "/etc/x" })],
    [at("out/etc/x")], [{ path: "a", kind: { type: "add" } }], [at("a"), {}], [at("a"), null],
    [at("a", { type: "update", move_path: 7 })],
  ]) assert.equal(holds(changes), false, JSON.stringify(changes));
  for (const more of [{ grantRoot: "/" }, { grantRoot: 7 }, { environmentId: "remote" }]) {
    assert.equal(holds([at("a")], more), false);
  }
  // The item is not known, so neither is what changes.
  assert.equal(isMatch(rule, asked({ method: "item/fileChange/requestApproval", params: {} })), false);
});

test("permissions match where only paths are asked for, and each lies below", (t) => {
  const dir = makeTempDir(t);
  const sub = path.join(dir, "sub");
  const entry = (place: unknown): Members => ({ path: place, access: "write" });
  const holds = (asking: Members, more?: Members): boolean => isMatch({ path: dir }, permissions(asking, more));
  const plain = { read: null, write: [dir], entries: [entry({ type: "path", path: sub })] };
  assert.equal(holds({ network: null, fileSystem: plain }), true);
  const off = { network: { enabled: false }, macos: null };
  assert.equal(holds({ ...off, fileSystem: { read: [sub], globScanMaxDepth: 2 } }), true);
  assert.equal(holds({ network: { enabled: null }, fileSystem: { write: [sub] } }), true);
  for (const asking of [
    {}, { fileSystem: {} }, { fileSystem: { read: [] } }, { fileSystem: [dir] },
    { network: { enabled: true }, fileSystem: plain }, { network: "all", fileSystem: plain },
    { fileSystem: { ...plain, read: ["/etc"] } }, { fileSystem: { ...plain, read: dir } },
    { fileSystem: { ...plain, entries: [entry({ type: "path", path: "/etc" })] } },
    { fileSystem: { ...plain, entries: [entry({ type: "glob_pattern", pattern: `${dir}/*` })] } },
    { fileSystem: { ...plain, entries: [entry({ type: "special", value: { kind: "root" }, path: dir })] } },
    { fileSystem: { ...plain, entries: [null] } }, { fileSystem: { ...plain, write: [dir, 7] } },
    { fileSystem: { ...plain, execute: [] } }, { fileSystem: plain, macos: {} },
  ]) assert.equal(holds(asking), false, JSON.stringify(asking));
  assert.equal(holds({ fileSystem: plain }, { environmentId: "remote" }), false);
});

test("kinds without paths never match a rule with one", () => {
  const matching = EVERY.filter((facts) => isMatch({ path: "/" }, facts));
  assert.deepEqual(new Set(matching.map(({ kind }) => kind)), new Set(["file_change", "permissions"]));
});

test("the file system is asked for so many paths and no more", (t) => {
  const dir = makeTempDir(t);
  const changes = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ path: `${dir}/${i}`, kind: { type: "add" } }));
  assert.equal(isMatch({ path: dir }, fileChange(changes(LIMITS.approvalRulePathsMax))), true);
  assert.equal(isMatch({ path: dir }, fileChange(changes(LIMITS.approvalRulePathsMax + 1))), false);
  assert.equal(isMatch({ kind: "file_change" }, fileChange(changes(LIMITS.approvalRulePathsMax + 1))), true);
});
