// What a run prints: into its files as it comes, read while it grows, and held back where the disk is behind.
//
// The disk is simulated, so that it can be full; how HTTP sends it on is tested in test/http.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CodexdError } from "../../../src/core/errors.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import type { RunStream } from "../../../src/core/runs.ts";
import { errnoError } from "../../support/disk-simulator.ts";
import { createRunRig, type RunRig } from "../../support/run-rig.ts";

const textOf = async (rig: RunRig, runId: string, stream: RunStream): Promise<string> =>
  (await rig.runs.output(runId, stream, 0)).bytes.toString();

test("a run that waits has printed nothing; one that runs has printed what it has", async () => {
  const rig = await createRunRig({ max: 1 });
  const { runId } = await rig.start();
  const waiting = await rig.start();
  const none = await rig.runs.output(waiting.runId, "message", 0);
  assert.deepEqual([none.bytes.length, none.size, none.nextOffset, none.ended], [0, 0, 0, false]);

  const [process] = rig.processes;
  process?.out("stdout", "{}\n");
  process?.out("stderr", "warning");
  process?.say("first answer");
  process?.print({ type: "item.completed", item: { id: "i", type: "reasoning", text: "no answer" } });
  process?.print({ type: "item.started", item: { id: "i", type: "agent_message", text: "not whole" } });
  process?.print({ type: "error", message: "Reconnecting... 1/5" });
  process?.say("second answer");
  await rig.settle();
  const running = await rig.runs.output(runId, "message", 6);
  const { bytes, nextOffset, ended: isOver } = running;
  assert.deepEqual([bytes.toString(), nextOffset, isOver], ["answer\nsecond answer\n", 27, false]);
  assert.deepEqual([await textOf(rig, runId, "stdout"), await textOf(rig, runId, "stderr")], ["{}\n", "warning"]);
  assert.equal(rig.store.types().filter((type) => type === "run.item").length, 4, "only items are items");

  process?.succeed("second answer", { stdout: "not again", stderr: "nor this" });
  await rig.settle();
  assert.deepEqual([await textOf(rig, runId, "stdout"), await textOf(rig, runId, "message")],
    ["{}\n", "first answer\nsecond answer\n"]);
  const ended = await rig.runs.output(runId, "message", 27);
  assert.deepEqual([ended.bytes.length, ended.ended], [0, true]);
  await ended.more();
});

test("an executor that tells all at the end has its output in the files too", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start();
  rig.processes[0]?.succeed("the answer", { stdout: "OUT", stderr: "ERR" });
  await rig.settle();
  const streams = ["stdout", "stderr", "message"] as const;
  const texts = await Promise.all(streams.map((stream) => textOf(rig, runId, stream)));
  assert.deepEqual(texts, ["OUT", "ERR", "the answer\n"]);
});

test("a byte behind the end is refused, the end itself is not", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start();
  const ahead = (error: unknown): boolean => error instanceof CodexdError && error.code === "cursor_ahead";
  await assert.rejects(rig.runs.output(runId, "stdout", 1), ahead);
  rig.processes[0]?.out("stdout", "12");
  rig.processes[0]?.succeed();
  await rig.settle();
  assert.equal((await rig.runs.output(runId, "stdout", 2)).ended, true);
  await assert.rejects(rig.runs.output(runId, "stdout", 3), ahead);
});

test("a long output comes in pieces, the last of which says so", async () => {
  const rig = await createRunRig();
  const { runId } = await rig.start();
  rig.processes[0]?.out("stdout", "x".repeat(LIMITS.runOutputPieceBytes + 1));
  rig.processes[0]?.succeed();
  await rig.settle();
  const first = await rig.runs.output(runId, "stdout", 0);
  assert.deepEqual([first.bytes.length, first.ended], [LIMITS.runOutputPieceBytes, false]);
  await first.more();
  const last = await rig.runs.output(runId, "stdout", first.nextOffset);
  assert.deepEqual([last.bytes.length, last.ended], [1, true]);
});

test("who follows is told of more, of the end, and of nothing after he has gone", async () => {
  const rig = await createRunRig({ max: 1 });
  const { runId } = await rig.start();
  const states: string[] = [];
  const watch = async (name: string, signal?: AbortSignal): Promise<void> => {
    await (await rig.runs.output(runId, "stdout", (await rig.runs.output(runId, "stdout", 0)).size)).more(signal);
    states.push(name);
  };
  const gone = new AbortController();
  const leaving = watch("gone", gone.signal);
  await rig.settle();
  gone.abort();
  await leaving;
  await watch("gone before", gone.signal);

  const growing = watch("more");
  await rig.settle();
  rig.processes[0]?.out("stdout", "text");
  await growing;
  const missed = await rig.runs.output(runId, "stdout", 4);
  rig.processes[0]?.out("stdout", "again");
  await rig.settle();
  await missed.more();
  const ending = watch("end");
  await rig.settle();
  rig.processes[0]?.succeed();
  await ending;
  assert.deepEqual(states, ["gone", "gone before", "more", "end"]);

  await rig.start();
  const queued = await rig.start();
  const cancelled = (await rig.runs.output(queued.runId, "stdout", 0)).more();
  await rig.runs.cancel(queued.runId);
  await cancelled;
});

test("output that waits for the disk holds its run back, until it is written or the run is to end", async () => {
  const rig = await createRunRig();
  await rig.start();
  const { runId } = await rig.start();
  const [other, process] = rig.processes;
  rig.disk.fault = (operation) => (operation === "write" ? { error: errnoError("ENOSPC") } : undefined);
  process?.out("stdout", "x".repeat(LIMITS.runOutputPendingBytesMax));
  assert.equal(process?.request.holdBack?.(), null);
  process?.out("stdout", "x");
  await rig.settle();
  const states: string[] = [];
  const held = process?.request.holdBack?.()?.then(() => states.push("written"));
  assert.equal(other?.request.holdBack?.(), null, "each run waits for its own");
  await rig.clock.advance(LIMITS.storageRetryMs);
  assert.deepEqual(states, []);
  rig.disk.fault = () => undefined;
  await rig.clock.advance(LIMITS.storageRetryMs);
  await held;
  assert.deepEqual(states, ["written"]);

  rig.disk.fault = (operation) => (operation === "write" ? { error: errnoError("ENOSPC") } : undefined);
  process?.out("stderr", "x".repeat(LIMITS.runOutputPendingBytesMax + 1));
  await rig.settle();
  const again = process?.request.holdBack?.();
  const cancelling = rig.runs.cancel(runId);
  await again;
  assert.equal(process?.request.holdBack?.(), null, "nothing holds back a run that is to end");
  process?.end({ ok: false, error: { message: "killed" } });
  await rig.settle();
  await rig.clock.advance(LIMITS.runOutputCloseMs);
  const { run } = await cancelling;
  assert.equal(run.status, "cancelled");
  const last = rig.store.events.at(-1);
  assert.deepEqual(last?.detail["lostOutputBytes"], LIMITS.runOutputPendingBytesMax + 1);
  assert.match(last?.message ?? "", /^run cancelled \(1048577 bytes of its output could not be written\)$/);
});

test("events that wait for the journal hold every run back", async () => {
  const rig = await createRunRig();
  await rig.start();
  const holdBack = rig.processes[0]?.request.holdBack;
  rig.store.setPending(LIMITS.journalPendingBytesMax);
  assert.equal(holdBack?.(), null);
  rig.store.setPending(LIMITS.journalPendingBytesMax + 1);
  let free = false;
  const held = holdBack?.()?.then(() => (free = true));
  rig.store.setPending(LIMITS.journalPendingBytesMax / 2 + 1);
  await rig.settle();
  assert.equal(free, false);
  rig.store.setPending(LIMITS.journalPendingBytesMax / 2);
  await held;
  assert.equal(free, true);
});
