// What the fake app-server does on request, which the real one cannot be made to do.
//
// That it otherwise talks like the real one is shown by test/e2e/doubles.test.ts.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { initialize, openThread, spawnAppServer, startTurn, type AppServerProbe } from "./app-server-probe.ts";
import { fakeCodexCommand, fakeCodexEnv, type FakeCodexOptions } from "./fake-codex.ts";
import { makeTempDir } from "./temp-dir.ts";

function start(options: FakeCodexOptions = {}): AppServerProbe {
  return spawnAppServer(fakeCodexCommand.command, fakeCodexCommand.args, fakeCodexEnv(options));
}

async function turn(probe: AppServerProbe, text: string): Promise<{ status: unknown; message: unknown }> {
  const threadId = await openThread(probe);
  await startTurn(probe, threadId, text);
  const { params } = await probe.waitFor(({ method }) => method === "turn/completed");
  const { status, items } = params?.["turn"] as { status: string; items: Array<{ text: string }> };
  return { status, message: items[0]?.text };
}

test("deltas, failures and retries end as they say", async () => {
  const probe = start();
  assert.deepEqual(await turn(probe, "DELTAS=3"), { status: "completed", message: "tok0 tok1 tok2 " });
  await probe.end();
  const failing = start();
  assert.deepEqual(await turn(failing, "FAIL"), { status: "failed", message: undefined });
  await failing.end();
  const retried = start();
  assert.deepEqual(await turn(retried, "RETRY DELTAS=2 RATE=1000"), { status: "completed", message: "tok0 tok1 " });
  assert.equal(retried.heard.filter(({ method }) => method === "item/agentMessage/delta").length, 4);
  await retried.end();
});

test("NOISE, STDERR and BIGLINE come beside a turn that goes on", async () => {
  const probe = start();
  assert.equal((await turn(probe, "NOISE BIGLINE=100000 STDERR=a warning;")).status, "completed");
  await probe.end();
  assert.deepEqual(probe.noise, ["this is not JSON"]);
  assert.match(probe.stderr(), /a warning/);
  const big = probe.heard.find(({ method }) => method === "fake/bigLine");
  assert.equal((big?.params?.["text"] as string).length, 100_000);
});

test("DIE exits 7 in mid-turn, and a restart finds the turn interrupted", async (t) => {
  const statePath = path.join(makeTempDir(t), "state.json");
  const probe = start({ statePath });
  const threadId = await openThread(probe);
  await startTurn(probe, threadId, "DIE DELTAS=1");
  assert.equal(await probe.exited, 7);
  const next = start({ statePath });
  await initialize(next);
  const { result } = await next.call("thread/resume", { threadId });
  const { turns } = result?.["thread"] as { turns: Array<{ status: string }> };
  assert.deepEqual(turns.map(({ status }) => status), ["interrupted"]);
  await next.end();
});

test("TWICE answers twice, NEVER not at all", async () => {
  const probe = start();
  const threadId = await openThread(probe);
  const first = await startTurn(probe, threadId, "TWICE");
  await probe.waitFor(({ method }) => method === "turn/completed");
  assert.equal(probe.heard.filter(({ id }) => id === first.id).length, 2);
  void startTurn(probe, threadId, "NEVER");
  await probe.call("fake/echo", {});
  assert.equal(probe.heard.filter(({ result }) => result?.["turn"] !== undefined).length, 2);
  await probe.end();
});

test("REQUEST asks with id 0 and says what it was answered", async () => {
  const probe = start();
  const done = turn(probe, "REQUEST=item/commandExecution/requestApproval");
  const request = await probe.waitFor(({ method }) => method === "item/commandExecution/requestApproval");
  assert.equal(request.id, 0);
  probe.answer(0, { decision: "decline" });
  assert.deepEqual(await done, { status: "completed", message: '{"decision":"decline"}' });
  await probe.end();
});

test("ONECHUNK has everything behind the answer", async () => {
  const probe = start({ oneChunk: true });
  assert.equal((await turn(probe, "DELTAS=5")).message, "tok0 tok1 tok2 tok3 tok4 ");
  await probe.end();
});

test("it exits early, starts slowly, is locked, and ends with its stdin", async () => {
  const early = start({ earlyExit: "no config" });
  assert.equal(await early.exited, 1);
  assert.equal(early.stderr(), "no config\n");
  const slow = start({ slowInitMs: 30, locked: true, version: "0.116.0" });
  const { result } = await initialize(slow);
  assert.match(String(result?.["userAgent"]), /^probe\/0\.116\.0 /);
  const { error } = await slow.call("thread/resume", { threadId: "T" });
  assert.deepEqual(error, { code: -32600, message: "thread T already has an active writer" });
  assert.equal(await slow.end(), 0);
});
