// The embedded agent as the child of a real daemon: turns, an interrupt, an approval's refusal, and a restart.
//
// What each message looks like is tested beside the agent; here codexd must be content with it.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import type { TurnRecord } from "../../src/core/records.ts";
import { CodexdDaemon } from "../../src/daemon.ts";
import { REPOSITORY } from "../support/codex-install.ts";
import { configure, endBefore, workDir } from "../support/daemon-dir.ts";

const LOADER = path.join(REPOSITORY, "node_modules/tsx/dist/esm/index.mjs");

async function start(dir: string): Promise<CodexdDaemon> {
  const agent = ["--import", LOADER, path.join(REPOSITORY, "src/agent/main.ts")];
  const serverArgs = [...agent, "--home", path.join(dir, "agent"), "app-server"];
  const daemon = new CodexdDaemon(configure(dir, { serverCommand: process.execPath, serverArgs }));
  await daemon.start();
  return daemon;
}

async function turn(daemon: CodexdDaemon, sessionId: string, prompt: string): Promise<TurnRecord> {
  const { submissionId } = await daemon.createTurn({ sessionId, input: prompt });
  return daemon.services.turns.get(submissionId ?? "", 10_000);
}

test("codexd takes it for an app-server, and resumes its threads after a restart", async (t) => {
  const dir = workDir(t);
  const first = await start(dir);
  let last = first;
  endBefore(dir, () => last.stop());
  const { sessionId, threadId, model } = await first.createSession({ cwd: dir });
  assert.equal(model, "embedded-agent");

  const hello = await turn(first, sessionId, "hello");
  assert.deepEqual([hello.status, hello.error], ["completed", null]);
  assert.match(hello.finalMessage ?? "", /is no model\. Hello/);
  const failed = await turn(first, sessionId, "fail");
  assert.deepEqual([failed.status, failed.error?.codexErrorInfo], ["failed", "other"]);
  assert.equal((await turn(first, sessionId, "run")).status, "completed");

  const { submissionId } = await first.createTurn({ sessionId, input: "stall" });
  await first.services.sessions.interrupt(sessionId);
  assert.equal((await first.services.turns.get(submissionId ?? "", 10_000)).status, "interrupted");
  await first.stop();

  last = await start(dir);
  const again = await turn(last, sessionId, "hello");
  assert.equal(again.status, "completed");
  assert.deepEqual([again.threadId, last.getSession(sessionId)?.threadId], [threadId, threadId]);
});
