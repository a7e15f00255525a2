// Any method of Codex's, but for those that would break codexd's own books; results as text.
// Codex's side is a table of answers; the real one's is in test/e2e/reach.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../../src/base/decode.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { createCodexRig } from "../../support/codex-rig.ts";
import { codexRefusal, threadAnswer } from "../../support/fake-app-server.ts";

const THREAD = "01a20553-8129-7a61-99ab-36d7563e70d4";

test("a method is passed on with its params, {} where there are none, and its result comes as it was", async () => {
  const rig = createCodexRig();
  const text = '{"n":1.0,"id":12345678901234567890}';
  rig.answers.set("model/list", () => text);
  assert.equal(await rig.reach.rpc({ method: "model/list" }), text);
  assert.deepEqual(rig.paramsOf("model/list"), {});
  assert.equal(await rig.reach.rpc({ method: "model/list", params: { limit: 1 } }), text);
  assert.deepEqual(rig.paramsOf("model/list"), { limit: 1 });
});

test("what would break codexd's books is refused by name, with the way that does not; Codex is not asked", async () => {
  const rig = createCodexRig();
  const refused: Array<[string, RegExp]> = [
    ["initialize", /shaken hands already/], ["initialized", /shaken hands already/],
    ["thread/unsubscribe", /use POST \/v1\/codexd\/sessions\/:id\/close$/],
    ["turn/start", /use POST \/v1\/codexd\/turn$/], ["turn/steer", /with expectedTurnId$/],
    ["turn/interrupt", /use POST \/v1\/codexd\/sessions\/:id\/interrupt$/],
    ["turn/settings/update", /settings stay/], ["turn/whatever", /use POST \/v1\/codexd\/turn$/],
  ];
  for (const [method, message] of refused) {
    await assert.rejects(rig.reach.rpc({ method }), (error) => {
      assert.ok(error instanceof DecodeError);
      assert.equal(error.path, "method");
      assert.match(error.message, message);
      assert.ok(error.message.includes(method), error.message);
      return true;
    });
  }
  assert.deepEqual(rig.codex.asked, []);
});

test("an active session keeps its thread, however its id is written; a closed one lets it go", async () => {
  const rig = createCodexRig();
  for (const method of ["thread/archive", "thread/delete"]) rig.answers.set(method, () => "{}");
  const { sessionId } = await rig.session({ threadId: THREAD });
  for (const threadId of [THREAD, THREAD.toUpperCase(), THREAD.replaceAll("-", ""), `{${THREAD}}`]) {
    for (const method of ["thread/archive", "thread/delete"]) {
      await assert.rejects(rig.reach.rpc({ method, params: { threadId } }), (error) => {
        assert.ok(error instanceof CodexdError);
        assert.deepEqual([error.code, error.detail], ["session_exists", { sessionId }]);
        return true;
      });
    }
  }
  assert.deepEqual(rig.methods(), []);
  await rig.sessions.close(sessionId);
  assert.equal(await rig.reach.rpc({ method: "thread/archive", params: { threadId: THREAD } }), "{}");
  assert.equal(await rig.reach.rpc({ method: "thread/delete", params: { threadId: "another" } }), "{}");
  const unreadable = { method: "thread/name/set", params: { threadId: 5 } };
  await assert.rejects(rig.reach.rpc(unreadable), { code: "app_server_error" });
});

test("a thread started through rpc takes a session before its first turn, with the settings that it has", async () => {
  const rig = createCodexRig();
  rig.answers.set("thread/start", () => JSON.stringify(threadAnswer("fresh", { sandbox: { type: "readOnly" } })));
  rig.codex.on("threadResume", () => {
    throw codexRefusal("no rollout found for thread id fresh");
  });
  await rig.reach.rpc({ method: "thread/start", params: { cwd: "/w" } });
  const session = await rig.session({ threadId: "fresh" });
  assert.deepEqual([session.threadId, session.sandbox, session.threadDurable], ["fresh", "read-only", false]);
  const { turnId } = await rig.start(session.sessionId);
  rig.sayTurn("fresh", turnId ?? "", "done");
  assert.equal(rig.codex.asked.filter(({ method }) => method === "threadResume").length, 1, "and needs no loading");

  await assert.rejects(rig.session({ threadId: "unknown" }), { code: "app_server_error" });
  rig.codex.restart();
  await rig.sessions.close(session.sessionId);
  await assert.rejects(rig.session({ threadId: "fresh" }), { code: "app_server_error" }, "a new child has it not");
});

test("an answer of thread/start that cannot be read notes nothing and passes", async () => {
  const rig = createCodexRig();
  for (const text of ['{"thread":{}}', "{nonsense}"]) {
    rig.answers.set("thread/start", () => text);
    assert.equal(await rig.reach.rpc({ method: "thread/start" }), text);
  }
});

test("resuming a session's thread loads it with the session's settings first", async () => {
  const rig = createCodexRig();
  rig.answers.set("thread/resume", () => "{}");
  const session = await rig.session({ threadId: THREAD, sandbox: "read-only" });
  rig.codex.restart();
  await rig.reach.rpc({ method: "thread/resume", params: { threadId: THREAD.toUpperCase() } });
  const [loaded, passed] = rig.codex.asked.slice(-2);
  assert.equal(loaded?.method, "threadResume");
  assert.deepEqual([loaded.params["threadId"], loaded.params["cwd"]], [THREAD, session.cwd]);
  assert.equal(passed?.params["method"], "thread/resume");
  await rig.reach.rpc({ method: "thread/resume", params: { threadId: "another" } });
  assert.equal(rig.codex.asked.filter(({ method }) => method === "threadResume").length, 2);
});

test("Codex's refusal, a child that is down and a daemon that stops are told as such", async () => {
  const rig = createCodexRig();
  rig.answers.set("fs/readFile", () => {
    throw codexRefusal("no such file", -32_603);
  });
  await assert.rejects(rig.reach.rpc({ method: "fs/readFile" }), (error) => {
    assert.ok(error instanceof CodexdError);
    assert.deepEqual([error.code, error.detail?.["code"], error.detail?.["message"]], [
      "app_server_error", -32_603, "no such file",
    ]);
    return true;
  });
  rig.codex.goDown();
  await assert.rejects(rig.reach.rpc({ method: "model/list" }), { code: "not_ready" });
  rig.gate.drain();
  await assert.rejects(rig.reach.rpc({ method: "model/list" }), { code: "draining" });
});

test("a connection that gives no text for a raw call is a bug, and no result", async () => {
  const rig = createCodexRig();
  rig.answers.set("model/list", () => ({ data: [] }));
  await assert.rejects(rig.reach.rpc({ method: "model/list" }), /did not come as text/);
});
