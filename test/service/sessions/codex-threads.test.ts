// Codex's threads by their own names: what Codex is asked, whose session a thread is, and what is refused.
//
// The turns that compact and review begin stand in codex-work.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../../src/base/decode.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { createCodexRig, type CodexRig } from "../../support/codex-rig.ts";

const THREAD = "01a20553-8129-7a61-99ab-36d7563e70d4";
const QUERY = { limit: 100, cursor: null, archived: false, cwd: null, sources: null, search: null };

async function rejectsWith(promise: Promise<unknown>, code: string, detail?: object): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof CodexdError, String(error));
    assert.equal(error.code, code);
    if (detail !== undefined) assert.deepEqual(error.detail, detail);
    return true;
  });
}

function answerThreads(rig: CodexRig): void {
  for (const method of ["thread/archive", "thread/name/set"]) rig.answers.set(method, () => ({}));
  for (const method of ["thread/fork", "thread/unarchive"]) {
    rig.answers.set(method, () => ({ thread: { id: "new", sessionId: "tree" }, model: "m" }));
  }
}

test("a list has each thread with its session, and Codex's own member of that name beside it", async () => {
  const rig = createCodexRig();
  const { sessionId } = await rig.session({ threadId: THREAD });
  const data = [{ id: THREAD, sessionId: "tree", name: "n" }, { id: "other", sessionId: "x" }, { id: 5 }];
  rig.answers.set("thread/list", () => ({ data, nextCursor: "next" }));
  const page = await rig.reach.threads.list({ ...QUERY, cursor: "c", sources: ["exec", "cli"] });
  assert.deepEqual(page, {
    records: [
      { id: THREAD, name: "n", codexSessionId: "tree", sessionId },
      { id: "other", codexSessionId: "x", sessionId: null },
      { id: 5, sessionId: null },
    ],
    nextCursor: "next",
  });
  assert.deepEqual(rig.paramsOf("thread/list"), { limit: 100, cursor: "c", sourceKinds: ["exec", "cli"] });
  await rig.sessions.close(sessionId);
  const [first] = (await rig.reach.threads.list(QUERY)).records;
  assert.equal(first?.["sessionId"], sessionId, "the last session, when none is active");
});

test("a thread is read as it comes, with its turns where they are asked for", async () => {
  const rig = createCodexRig();
  rig.answers.set("thread/read", () => '{"thread":{"id":"t","n":1.0}}');
  assert.equal(await rig.reach.threads.read("t", { turns: true }), '{"thread":{"id":"t","n":1.0}}');
  assert.deepEqual(rig.paramsOf("thread/read"), { threadId: "t", includeTurns: true });
});

test("a fork has the settings of the session on its thread, less what the caller changes", async () => {
  const rig = createCodexRig();
  answerThreads(rig);
  assert.deepEqual(await rig.reach.threads.fork("t", { lastTurnId: "u" }), {
    id: "new", codexSessionId: "tree", sessionId: null,
  });
  assert.deepEqual(rig.paramsOf("thread/fork"), { threadId: "t", lastTurnId: "u", excludeTurns: true });
  await rig.session({ threadId: THREAD });
  await rig.reach.threads.fork(THREAD, { sandbox: "read-only" });
  const { sandbox, approvalPolicy, cwd } = rig.paramsOf("thread/fork") ?? {};
  assert.deepEqual([sandbox, approvalPolicy, cwd], ["read-only", "on-request", "/work"]);
  await assert.rejects(rig.reach.threads.fork("t", { cwd: "/nowhere/at/all" }), DecodeError);
  rig.answers.set("thread/fork", () => ({}));
  await rejectsWith(rig.reach.threads.fork("t", {}), "app_server_error");
});

test("archive is refused while an active session has the thread; unarchive and name are not", async () => {
  const rig = createCodexRig();
  answerThreads(rig);
  const { sessionId } = await rig.session({ threadId: THREAD });
  await rejectsWith(rig.reach.threads.archive(THREAD.toUpperCase()), "session_exists", { sessionId });
  assert.deepEqual(rig.methods(), []);
  await rig.reach.threads.name(THREAD, "a name");
  assert.deepEqual(rig.paramsOf("thread/name/set"), { threadId: THREAD, name: "a name" });
  await rig.sessions.close(sessionId);
  await rig.reach.threads.archive(THREAD);
  assert.deepEqual(await rig.reach.threads.unarchive(THREAD), { id: "new", codexSessionId: "tree", sessionId: null });
  assert.deepEqual(rig.methods(), ["thread/name/set", "thread/archive", "thread/unarchive"]);
});

test("reads go on while the daemon stops, nothing else does", async () => {
  const rig = createCodexRig();
  rig.answers.set("thread/list", () => ({ data: [] }));
  rig.answers.set("thread/read", () => "{}");
  rig.gate.drain();
  const { threads } = rig.reach;
  assert.deepEqual(await threads.list(QUERY), { records: [], nextCursor: null });
  assert.equal(await threads.read("t", { turns: false }), "{}");
  const calls = [
    async () => threads.fork("t", {}), async () => threads.archive("t"), async () => threads.unarchive("t"),
    async () => threads.name("t", "n"), async () => threads.compact("t"), async () => threads.review("t", {}),
  ];
  for (const call of calls) await rejectsWith(call(), "draining");
});
