// How runs end before their time: cancelled, with the daemon, with the daemon's death, or by an executor gone wrong.
//
// Each ends once, and says truthfully who ended it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, type Logger } from "../../../src/base/log.ts";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { errnoError } from "../../support/disk-simulator.ts";
import { createRunRig, makeResult, type RunRig } from "../../support/run-rig.ts";

function memoryLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  return { ...createLogger({ level: "debug", write: (line) => lines.push(line), now: () => 0 }), lines };
}

const endsOf = (rig: RunRig, runId: string): string[] => rig.store.events
  .filter(({ type, detail }) => detail.runId === runId && /^run\.(completed|failed|cancelled)$/.test(type))
  .map(({ type }) => type);

const errorOf = async (rig: RunRig, runId: string) => (await rig.runs.get(runId)).error;

test("a run that waits is cancelled at once, and is never started", async () => {
  const rig = await createRunRig({ max: 1 });
  await rig.start();
  const { runId } = await rig.start();
  const { run, stopped, survived } = await rig.runs.cancel(runId);
  assert.deepEqual([run.status, run.error?.reason, run.startedAt, stopped, survived],
    ["cancelled", "cancelled", null, [], []]);
  rig.processes[0]?.succeed();
  await rig.settle();
  assert.deepEqual([rig.processes.length, endsOf(rig, runId)], [1, ["run.cancelled"]]);
  assert.deepEqual(await rig.runs.cancel(runId), { run, stopped: [], survived: [] }, "again it is as it is");
  assert.equal(endsOf(rig, runId).length, 1);
  assert.deepEqual(rig.tally.runs, { completed: 1, failed: 0, cancelled: 1 });
});

test("a run under way is told to end, and the answer says what was stopped", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start();
  const cancelling = [rig.runs.cancel(runId), rig.runs.cancel(runId)];
  await rig.settle();
  assert.equal(rig.processes[0]?.isAborted, true);
  const stop = { stopped: [{ pid: 9, command: "sleep 1", signal: "SIGKILL" }], survived: [] };
  rig.processes[0]?.end({ ok: false, result: makeResult({ exitCode: 1 }), error: { message: "cancelled" }, stop });
  for (const answer of await Promise.all(cancelling)) {
    assert.deepEqual([answer.run.status, answer.run.exitCode, answer.stopped], ["cancelled", 1, stop.stopped]);
  }
  assert.deepEqual(endsOf(rig, runId), ["run.cancelled"]);
  assert.deepEqual(rig.store.events.at(-1)?.detail["stopped"], stop.stopped);
  assert.equal(rig.clock.dueInMs.length, 0, "no timer stays");
});

test("a success that came before the cancellation stands", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start();
  const cancelling = rig.runs.cancel(runId);
  rig.processes[0]?.succeed("done");
  assert.equal((await cancelling).run.status, "completed");
  assert.deepEqual(endsOf(rig, runId), ["run.completed"]);
});

test("an executor that does not heed its signal is given up, and what it says later is dropped", async () => {
  const rig = await createRunRig({ max: 1 });
  const { runId } = await rig.start();
  await rig.start();
  const cancelling = rig.runs.cancel(runId);
  await rig.clock.advance(LIMITS.runGiveUpMs - 1);
  assert.deepEqual(endsOf(rig, runId), []);
  await rig.clock.advance(1);
  const { run } = await cancelling;
  assert.equal(run.status, "cancelled");
  assert.match(run.error?.message ?? "", /did not answer within 12000 ms, and its processes may live/);
  await rig.settle();
  assert.equal(rig.processes.length, 2, "its place is free");
  const before = rig.store.events.length;
  rig.processes[0]?.say("too late");
  rig.processes[0]?.out("stdout", "too late");
  rig.processes[0]?.succeed("too late");
  await rig.settle();
  assert.deepEqual([rig.store.events.length, (await rig.runs.get(runId)).status], [before, "cancelled"]);
  assert.equal((await rig.runs.output(runId, "stdout", 0)).size, 0);
});

test("a cancellation that the journal refuses changes nothing", async () => {
  const rig = await createRunRig({ max: 1 });
  await rig.start();
  const { runId } = await rig.start();
  rig.store.full(true);
  const full = (error: unknown): boolean => error instanceof CodexdError && error.code === "storage_full";
  await assert.rejects(rig.runs.cancel(runId), full);
  rig.store.full(false);
  rig.processes[0]?.succeed();
  await rig.settle();
  assert.equal(rig.processes[1]?.runId, runId);
});

test("a cancellation in the moment of the start spawns nothing", async () => {
  const rig = await createRunRig({ begin: false });
  const { runId } = await rig.start();
  rig.store.hold(true);
  rig.runs.begin();
  await rig.settle();
  assert.equal(rig.store.tables.run.get(runId)?.status, "running", "its start is on the way to the journal");
  const cancelling = rig.runs.cancel(runId);
  await rig.settle();
  rig.store.hold(false);
  assert.equal((await cancelling).run.status, "cancelled");
  assert.deepEqual([rig.processes.length, endsOf(rig, runId)], [0, ["run.cancelled"]]);
});

test("a cancellation before the run is journaled waits for it", async () => {
  const rig = await createRunRig();
  rig.store.hold(true);
  const starting = rig.runs.start({ prompt: "x" });
  await rig.until(() => rig.store.tables.run.size === 1);
  const [{ runId } = { runId: "" }] = [...rig.store.tables.run.newestFirst()];
  const cancelling = rig.runs.cancel(runId);
  await rig.settle();
  rig.store.hold(false);
  await starting;
  await rig.settle();
  rig.processes[0]?.end({ ok: false, error: { message: "cancelled" } });
  assert.equal((await cancelling).run.status, "cancelled");
});

test("the end of the daemon ends what runs, as failed, and leaves what waits in the queue", async () => {
  const rig = await createRunRig({ max: 1 });
  const first = await rig.start();
  const second = await rig.start({ prompt: "later", env: { A: "1" } });
  rig.gate.drain();
  const stopping = rig.runs.stop();
  await rig.settle();
  rig.processes[0]?.end({ ok: false, error: { message: "killed" } });
  await stopping;
  assert.deepEqual(await errorOf(rig, first.runId), {
    message: "codexd was stopped while the run was under way", reason: "daemon_stopped",
  });
  assert.deepEqual([rig.statuses(), rig.processes.length], [["failed", "queued"], 1]);

  const next = await createRunRig({ from: rig, max: 1, begin: false });
  await next.runs.recover();
  assert.deepEqual([next.sought, next.runs.waiting], [[], 1]);
  next.runs.begin();
  await next.settle();
  assert.deepEqual([next.processes[0]?.runId, next.processes[0]?.request.prompt, next.processes[0]?.request.env],
    [second.runId, "later", { A: "1" }]);
});

test("the end of the daemon in the moment of a start spawns nothing", async () => {
  const rig = await createRunRig({ begin: false });
  const { runId } = await rig.start();
  rig.store.hold(true);
  rig.runs.begin();
  await rig.settle();
  const stopping = rig.runs.stop();
  rig.store.hold(false);
  await stopping;
  assert.deepEqual([rig.processes.length, (await errorOf(rig, runId))?.reason], [0, "daemon_stopped"]);
});

test("after the death of the daemon what ran fails once, its processes first, and what waited runs", async () => {
  const dead = await createRunRig({ max: 2 });
  const ran = [await dead.start({ prompt: "r0" }), await dead.start({ prompt: "r1" })];
  await dead.start({ prompt: "q0" });
  await dead.start({ prompt: "q1" });

  const log = memoryLog();
  const rig = await createRunRig({ from: dead, begin: false, log });
  const [first, second] = ran.map(({ runId }) => runId);
  const killed = { pid: 5, command: "sleep", signal: "SIGKILL" };
  rig.leftovers.set(first ?? "", { stopped: [killed], survived: [{ ...killed, pid: 6 }] });
  rig.leftovers.set(second ?? "", new Error("no /proc"));
  await rig.runs.recover();
  assert.deepEqual(rig.sought.sort(), [first, second].sort());
  assert.deepEqual(rig.statuses(), ["failed", "failed", "queued", "queued"]);
  assert.deepEqual(await errorOf(rig, first ?? ""), {
    message: "the daemon died while the run was under way; 1 of its processes could not be ended",
    reason: "interrupted",
  });
  assert.deepEqual(rig.store.events.filter(({ type }) => type === "run.failed")[0]?.detail["stopped"], [killed]);
  assert.match(log.lines.join("\n"), /processes of a run could not be looked for/);
  assert.equal(rig.processes.length, 0);
  rig.runs.begin();
  await rig.settle();
  assert.deepEqual(rig.processes.map(({ request }) => request.prompt), ["q0", "q1"]);
  await rig.runs.recover();
  for (const { runId } of ran) assert.deepEqual(endsOf(rig, runId), ["run.failed"]);
});

test("a queued run whose request is lost fails, and says so", async () => {
  const rig = await createRunRig({ begin: false });
  const { runId } = await rig.start();
  await rig.files.remove(runId, "request.json");
  const next = await createRunRig({ from: rig, begin: false });
  await next.runs.recover();
  next.runs.begin();
  await next.settle();
  assert.deepEqual([(await errorOf(next, runId))?.reason, next.processes.length], ["request_lost", 0]);
});

test("whatever an executor does is an outcome", async () => {
  const rig = await createRunRig({ max: 20, maxQueued: 20 });
  const circular: Record<string, unknown> = { ok: true };
  circular["result"] = circular;
  const cases: Array<readonly [unknown, RegExp, string | null]> = [
    [undefined, /gave no outcome/, "executor_error"],
    ["no", /gave no outcome/, "executor_error"],
    [{ ok: true }, /gave no result/, "executor_error"],
    [circular, /not JSON/, "executor_error"],
    [{ ok: false }, /the run has failed/, null],
    [{ ok: false, error: { message: "bad key hunter2", reason: "timeout" } }, /^bad key \[redacted\]$/, "timeout"],
  ];
  for (const [i, [outcome, message, reason]] of cases.entries()) {
    const { runId } = await rig.start();
    rig.processes[i]?.end(outcome);
    await rig.settle();
    const run = await rig.runs.get(runId);
    assert.deepEqual([run.status, run.error?.reason], ["failed", reason]);
    assert.match(run.error?.message ?? "", message);
  }
  const thrown = await rig.start();
  rig.processes.at(-1)?.fail(new Error("boom"));
  await rig.settle();
  assert.match((await errorOf(rig, thrown.runId))?.message ?? "", /the executor has failed: boom/);

  const telling = await rig.start();
  rig.processes.at(-1)?.succeed("done", { stderr: "the key is hunter2" });
  await rig.settle();
  const { result } = (await rig.runs.get(telling.runId)).result ?? {};
  assert.equal(result?.stderr, "the key is [redacted]");

  const partial = await rig.start();
  rig.processes.at(-1)?.end({ ok: true, result: { exitCode: 0 } });
  await rig.settle();
  const run = await rig.runs.get(partial.runId);
  assert.deepEqual([run.status, run.summary, run.finalMessage], ["completed", "exit_code:0", null]);
  assert.deepEqual(run.result?.result, { ...makeResult(), durationMs: 0, startedAt: "", finishedAt: "" });
  assert.equal(run.result?.invocation.command, "/bin/codex");
});

test("an executor that throws at once has failed too", async () => {
  const rig = await createRunRig({
    executor: () => {
      throw new Error("at once");
    },
  });
  const { runId } = await rig.start();
  assert.match((await errorOf(rig, runId))?.message ?? "", /at once/);
});

test("a whole result that cannot be written is told in the log, and the run ends all the same", async () => {
  const log = memoryLog();
  const rig = await createRunRig({ log });
  const { runId } = await rig.start({ env: { A: "1" } });
  rig.disk.fault = (operation) => (operation === "open" ? { error: errnoError("EIO") } : undefined);
  rig.processes[0]?.succeed("x".repeat(LIMITS.inlineInputBytesMax + 1));
  await rig.settle();
  rig.disk.fault = () => undefined;
  const run = await rig.runs.get(runId);
  assert.equal(run.status, "completed");
  assert.equal(Buffer.byteLength(run.finalMessage ?? ""), LIMITS.inlineInputBytesMax);
  assert.match(log.lines.join("\n"), /whole result of a run could not be written/);
  assert.match(rig.store.events.at(-1)?.message ?? "", /bytes of its output could not be written/);
});
