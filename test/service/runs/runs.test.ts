// Runs from the queue to their end: what is journaled when, and what a caller sees of it.
//
// The executor is a double; what a real process does is tested in test/child and with a whole daemon.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeError } from "../../../src/base/decode.ts";
import { CodexdError, type ErrorCode } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { errnoError } from "../../support/disk-simulator.ts";
import { makeSession } from "../../support/fake-services.ts";
import { createRunRig, makeResult, type RunRig } from "../../support/run-rig.ts";

const codeIs = (code: ErrorCode) => (error: unknown) => error instanceof CodexdError && error.code === code;

const eventsOf = (rig: RunRig, runId: string): string[] =>
  rig.store.events.filter(({ detail }) => detail.runId === runId).map(({ type }) => type);

test("a run is journaled as queued, as started before its process, and as ended once", async () => {
  const rig = await createRunRig();
  const queued = await rig.start({ purpose: "worker", metadata: { a: "b" }, model: "m", env: { TOKEN: "hunter2" } });
  assert.deepEqual(
    [queued.status, queued.cwd, queued.purpose, queued.metadata, queued.adapter],
    ["queued", "/", "worker", { a: "b" }, "codex-exec"],
  );
  const [process] = rig.processes;
  assert.ok(process);
  assert.deepEqual(eventsOf(rig, queued.runId), ["run.queued", "run.started"]);
  const { request } = process;
  assert.deepEqual(
    [request.prompt, request.model, request.command, request.commandArgs, request.env, request.runId, request.cwd],
    ["do it", "m", "/bin/codex", ["main.mjs"], { TOKEN: "hunter2" }, queued.runId, "/"],
  );
  for (const name of ["sessionId", "metadata", "waitMs"]) assert.ok(!(name in request), name);
  const running = await rig.runs.get(queued.runId);
  assert.deepEqual([running.status, typeof running.startedAt, running.finishedAt], ["running", "string", null]);

  process.print({ type: "thread.started", thread_id: "thread-9" });
  process.print({ type: "turn.started" });
  process.print({ type: "item.started", item: { id: "item_0", type: "command_execution", command: "ls" } });
  process.say("all done");
  const usage = { totalTokens: 3, inputTokens: 1, cachedInputTokens: 0, outputTokens: 2, reasoningOutputTokens: 0 };
  process.succeed("all done", { tokenUsage: usage });
  await rig.settle();

  const ended = await rig.runs.get(queued.runId);
  assert.deepEqual(
    [ended.status, ended.finalMessage, ended.summary, ended.exitCode, ended.error, ended.tokenUsage],
    ["completed", "all done", "all done", 0, null, usage],
  );
  assert.equal(ended.result?.invocation.command, "/bin/codex");
  const items = rig.store.events.filter(({ type }) => type === "run.item").map(({ detail }) => detail);
  assert.deepEqual(items, [
    {
      runId: queued.runId, sessionId: null, threadId: "thread-9", itemId: "item_0", itemEvent: "item.started",
      item: { id: "item_0", type: "command_execution", command: "ls" },
    },
    {
      runId: queued.runId, sessionId: null, threadId: "thread-9", itemId: "item_1", itemEvent: "item.completed",
      item: { id: "item_1", type: "agent_message", text: "all done" },
    },
  ]);
  const last = rig.store.events.at(-1);
  assert.deepEqual([last?.type, last?.level], ["run.completed", "info"]);
  assert.deepEqual([last?.detail["status"], last?.detail["threadId"], last?.detail["finalMessage"]],
    ["completed", "thread-9", "all done"]);
  assert.equal(rig.tally.runs.completed, 1);
  assert.ok(!JSON.stringify(rig.store.events).includes("hunter2"), "the environment is in no event");
  assert.ok(!JSON.stringify(ended).includes("hunter2"), "nor in the record");
  const kept = await rig.files.readDocument(queued.runId, "request.json");
  assert.deepEqual(kept?.["env"], { TOKEN: "[not kept]" }, "and is taken from the file at the start");
});

test("so many at a time, so many that wait, first in first out, and no more", async () => {
  const rig = await createRunRig({ max: 2, maxQueued: 3 });
  const runs = [];
  for (let i = 0; i < 5; i += 1) runs.push(await rig.start({ prompt: `p${i}` }));
  assert.deepEqual(rig.statuses(), ["running", "running", "queued", "queued", "queued"]);
  assert.deepEqual([rig.runs.underWay, rig.runs.waiting], [2, 3]);
  await assert.rejects(rig.start(), codeIs("too_many_runs"));
  assert.equal(rig.store.tables.run.size, 5, "a refused one leaves nothing");

  rig.processes[1]?.succeed();
  await rig.settle();
  assert.deepEqual(rig.processes.map(({ request }) => request.prompt), ["p0", "p1", "p2"]);
  await rig.start({ prompt: "p5" });
  for (let i = 0; i < 6; i += 1) {
    rig.processes[i]?.succeed();
    await rig.settle();
  }
  assert.deepEqual(rig.processes.map(({ request }) => request.prompt), ["p0", "p1", "p2", "p3", "p4", "p5"]);
  assert.deepEqual([rig.runs.underWay, rig.runs.waiting], [0, 0]);
});

test("many that come at once are no more than there is room for", async () => {
  const rig = await createRunRig({ max: 1, maxQueued: 2 });
  const answers = await Promise.allSettled(Array.from({ length: 8 }, () => rig.runs.start({ prompt: "x" })));
  assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 3);
  await rig.settle();
  assert.deepEqual(rig.statuses(), ["running", "queued", "queued"]);
});

test("without room to wait only what can run at once is taken", async () => {
  const rig = await createRunRig({ max: 1, maxQueued: 0 });
  await rig.start();
  await assert.rejects(rig.start(), codeIs("too_many_runs"));
});

test("what cannot be is refused before anything is written", async () => {
  const rig = await createRunRig();
  await assert.rejects(rig.start({ cwd: "/no/such/directory" }), (error) =>
    error instanceof DecodeError && error.path === "cwd");
  await assert.rejects(rig.start({ sessionId: "ses_none" }), codeIs("not_found"));
  rig.gate.drain();
  await assert.rejects(rig.start(), codeIs("draining"));
  assert.deepEqual([rig.store.events, await rig.fileNames()], [[], []]);
  for (const ask of [rig.runs.get("run_x"), rig.runs.cancel("run_x"), rig.runs.output("run_x", "stdout", 0)]) {
    await assert.rejects(ask, codeIs("not_found"));
  }
});

test("a session is only named", async () => {
  const rig = await createRunRig();
  const session = makeSession({ status: "closed" });
  rig.store.append({ level: "info", type: "session.created", message: "", detail: {} }, { put: { session } });
  const run = await rig.start({ sessionId: session.sessionId });
  assert.equal(run.sessionId, session.sessionId);
  assert.equal(rig.store.events.at(-1)?.detail.sessionId, session.sessionId);
});

test("who waits gets the end, or the run as it is when the time is over, or when he has gone", async () => {
  const rig = await createRunRig({ max: 1 });
  const waiting = rig.runs.start({ prompt: "x", waitMs: 1000 });
  await rig.until(() => rig.processes.length === 1);
  rig.processes[0]?.succeed("yes");
  assert.deepEqual([(await waiting).status, (await waiting).finalMessage], ["completed", "yes"]);

  const late = rig.runs.start({ prompt: "x", waitMs: 1000 });
  await rig.until(() => rig.clock.dueInMs.length === 1);
  await rig.clock.advance(1000);
  assert.equal((await late).status, "running");

  const gone = new AbortController();
  const abandoned = rig.runs.start({ prompt: "x", waitMs: 1000 }, gone.signal);
  await rig.until(() => rig.clock.dueInMs.length === 1);
  gone.abort();
  assert.equal((await abandoned).status, "queued");
  assert.equal(rig.clock.dueInMs.length, 0, "nothing stays behind");
});

test("a full disk refuses a run, and nothing of it stays", async () => {
  const rig = await createRunRig();
  rig.disk.fault = (operation) => (operation === "write" ? { error: errnoError("ENOSPC") } : undefined);
  await assert.rejects(rig.start(), codeIs("storage_full"));
  rig.disk.fault = () => undefined;
  rig.store.full(true);
  await assert.rejects(rig.start(), codeIs("storage_full"));
  assert.deepEqual(await rig.fileNames(), []);
  assert.deepEqual([rig.runs.underWay, rig.runs.waiting], [0, 0]);
  rig.store.full(false);
  await rig.start();
  assert.deepEqual(rig.statuses(), ["running"]);
});

test("a start that the journal refuses is tried again, in its place", async () => {
  const rig = await createRunRig({ begin: false, max: 1 });
  await rig.start({ prompt: "first" });
  await rig.start({ prompt: "second" });
  rig.store.full(true);
  rig.runs.begin();
  await rig.settle();
  assert.deepEqual([rig.statuses(), rig.processes.length], [["queued", "queued"], 0]);
  await rig.clock.advance(LIMITS.storageRetryMs);
  assert.equal(rig.processes.length, 0);
  rig.store.full(false);
  await rig.clock.advance(LIMITS.storageRetryMs);
  await rig.settle();
  assert.deepEqual(rig.processes.map(({ request }) => request.prompt), ["first"]);
});

test("lists are newest first, by status, without what was printed", async () => {
  const rig = await createRunRig({ max: 1 });
  const first = await rig.start();
  const second = await rig.start();
  rig.processes[0]?.succeed("a", { stdout: "OUT", stderr: "ERR", jsonEvents: [{}] });
  await rig.settle();
  const page = await rig.runs.list({ limit: 10, cursor: null, status: null });
  assert.deepEqual(page.records.map(({ runId }) => runId), [second.runId, first.runId]);
  const { result } = page.records[1]?.result ?? {};
  assert.deepEqual(Object.keys(result ?? {}).filter((name) => /std|jsonEvents/.test(name)), []);
  assert.equal(result?.lastMessage, "a");
  const done = await rig.runs.list({ limit: 10, cursor: null, status: "completed" });
  assert.deepEqual(done.records.map(({ runId }) => runId), [first.runId]);
  const { nextCursor } = await rig.runs.list({ limit: 1, cursor: null, status: null });
  assert.equal(nextCursor, second.runId);
});

test("a long prompt and a long result are whole for who asks for the run, and cut in the record", async () => {
  const rig = await createRunRig();
  const prompt = "ä".repeat(LIMITS.inlineInputBytesMax);
  const run = await rig.start({ prompt });
  assert.equal(run.prompt, prompt);
  assert.equal((await rig.runs.get(run.runId)).prompt, prompt, "while it runs");
  const inTable = rig.store.tables.run.get(run.runId);
  assert.ok(Buffer.byteLength(inTable?.prompt ?? "") <= LIMITS.inlineInputBytesMax);
  const long = "x".repeat(LIMITS.runTextBytesMax);
  rig.processes[0]?.succeed(long, { stdout: long, stderr: "e", jsonEvents: [1] });
  await rig.settle();
  const record = rig.store.tables.run.get(run.runId);
  const most = 2 * LIMITS.inlineInputBytesMax + 4 * LIMITS.inlineExcerptBytesMax + LIMITS.finalMessageEventCharsMax;
  assert.ok(Buffer.byteLength(JSON.stringify(record)) < most);
  assert.deepEqual([record?.result?.result?.stdout, record?.result?.result?.jsonEvents], ["", []]);
  const whole = await rig.runs.get(run.runId);
  assert.deepEqual([whole.prompt, whole.finalMessage, whole.result?.result], [
    prompt, long, makeResult({ lastMessage: long, stdout: long, stderr: "e", jsonEvents: [1] }),
  ]);
});

test("what lies beside a record goes with it", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start();
  rig.processes[0]?.out("stdout", "x");
  rig.processes[0]?.succeed("done");
  await rig.settle();
  const files = ["message", "request.json", "stdout"].map((name) => `${runId}.${name}`);
  assert.deepEqual((await rig.fileNames()).sort(), files);
  await rig.runs.forget(runId);
  assert.deepEqual(await rig.fileNames(), []);
});
