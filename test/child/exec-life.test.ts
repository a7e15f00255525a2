// How runs are ended and what is left behind them: real processes of the fake `codex exec`, and handles in memory.
//
// Graces are shortened by a clock whose timers fire a hundred times sooner; nothing is measured.

import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { createProcessTree, systemProcesses } from "../../src/child/process-tree.ts";
import { processSpawner, type Spawner } from "../../src/child/spawner.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createFakeChild, type FakeChild } from "../support/fake-child.ts";
import {
  abortAtCommand, commandPids, createTriggerClock, hastyClock, isRunning, runFake,
} from "../support/exec-run.ts";
import { createManualClock } from "../support/manual-clock.ts";

test("a run over its time is interrupted, with its command, and says so", async () => {
  const { clock, fire } = createTriggerClock(60_000);
  const onEvent = ({ type }: Record<string, unknown>): void => {
    if (type === "item.started") fire();
  };
  const outcome = await runFake("HANG", { timeoutMs: 60_000, onEvent }, { clock });
  assert.ok(!outcome.ok);
  const { error, result, stop } = outcome;
  assert.deepEqual(error, { message: "the run was ended after 60000 ms, its timeoutMs", reason: "timeout" });
  assert.deepEqual([result?.timedOut, result?.exitCode, result?.signal], [true, 1, null]);
  const [command = 0] = commandPids(result?.jsonEvents ?? []);
  assert.equal(isRunning(command), false);
  assert.deepEqual(stop?.survived, []);
  assert.deepEqual(stop?.stopped.map(({ signal }) => signal), ["SIGINT", "SIGINT"]);
  assert.equal(stop?.stopped[1]?.pid, command);
  assert.match(stop?.stopped[0]?.command ?? "", /main\.mjs exec --json -$/);
});

test("a cancelled run that is deaf to SIGINT is killed with its group, its command is swept", async () => {
  const outcome = await runFake("STUBBORN", abortAtCommand(), { clock: hastyClock });
  assert.ok(!outcome.ok);
  assert.deepEqual(outcome.error, { message: "the run was cancelled", reason: "cancelled" });
  assert.deepEqual([outcome.result?.signal, outcome.result?.timedOut], ["SIGKILL", false]);
  const [command = 0] = commandPids(outcome.result?.jsonEvents ?? []);
  assert.equal(isRunning(command), false);
  assert.deepEqual(outcome.stop?.stopped.map(({ signal }) => signal), ["SIGKILL", "SIGKILL"]);
});

test("what a run leaves running is ended, and holds up neither its output nor its end", async () => {
  const outcome = await runFake("ESCAPE TEXT=done;");
  assert.ok(outcome.ok);
  const [command = 0] = commandPids(outcome.result.jsonEvents);
  assert.equal(outcome.result.lastMessage, "done");
  assert.equal(isRunning(command), false);
  const { stopped, survived } = outcome.stop ?? {};
  assert.deepEqual([stopped?.map(({ pid, signal }) => [pid, signal]), survived], [[[command, "SIGKILL"]], []]);
});

test("one that has lost its mark is out of sight once the run is over, but does not hold it open", async (t) => {
  const outcome = await runFake("ESCAPE BARE");
  const [command = 0] = commandPids(outcome.result?.jsonEvents ?? []);
  t.after(() => process.kill(command, "SIGKILL"));
  assert.ok(outcome.ok);
  assert.equal(isRunning(command), true);
  assert.equal(outcome.stop, undefined);
});

test("one that has lost its mark is found below a run that is being ended", async () => {
  const outcome = await runFake("ESCAPE BARE HANG", abortAtCommand(2));
  const commands = commandPids(outcome.result?.jsonEvents ?? []);
  assert.equal(commands.length, 2);
  assert.deepEqual(commands.filter(isRunning), []);
  assert.deepEqual(outcome.stop?.survived, []);
});

test("a callback that throws ends the run", async () => {
  for (const thrown of [new Error("not mine"), undefined]) {
    const outcome = await runFake("HANG", {
      onEvent: () => {
        throw thrown;
      },
    });
    assert.ok(!outcome.ok);
    assert.deepEqual([outcome.error.reason, outcome.result?.exitCode], ["callback_failed", 1]);
  }
  const late = await runFake("TEXT=x;", {
    onEvent: ({ type }) => assert.notEqual(type, "turn.completed"),
  });
  assert.ok(!late.ok && late.error.reason === "callback_failed");
});

test("a stop that comes when the work is done takes nothing from its success", async () => {
  const controller = new AbortController();
  const outcome = await runFake("x", {
    signal: controller.signal,
    onEvent: ({ type }) => {
      if (type === "turn.completed") setImmediate(() => controller.abort());
    },
  });
  assert.equal(outcome.ok, outcome.result?.exitCode === 0);
});

test("without a process file system the group is ended, and the rest is", async () => {
  const processes = createProcessTree({ root: "/nonexistent" });
  const outcome = await runFake("STUBBORN", abortAtCommand(), { clock: hastyClock, processes });
  assert.ok(!outcome.ok);
  const [command = 0] = commandPids(outcome.result?.jsonEvents ?? []);
  const entry = systemProcesses.identify(command);
  if (entry !== undefined) systemProcesses.signal(entry, "SIGKILL");
  assert.deepEqual([outcome.error.reason, outcome.result?.signal], ["cancelled", "SIGKILL"]);
  assert.deepEqual(outcome.stop?.stopped.map(({ signal }) => signal), ["SIGKILL"]);
});

interface Held {
  readonly child: FakeChild;
  readonly spawner: Spawner;
}

function hold(child: FakeChild): Held {
  return { child, spawner: { spawn: () => child } };
}

const completed = { type: "turn.completed", usage: {} };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

test("a child of another spawner is signalled through its own handle, and given up when nothing helps", async () => {
  const clock = createManualClock();
  const { child, spawner } = hold(createFakeChild({ pid: process.pid }));
  const started: unknown[] = [];
  const running = runFake("7", { timeoutMs: 10, onStarted: (pid) => started.push(pid) }, { clock, spawner });
  await until(() => child.stdinEnded);
  child.send({ type: "thread.started", thread_id: "t" });
  clock.advance(10);
  await until(() => child.signals.length === 1);
  clock.advance(LIMITS.runStopGraceMs - 1);
  assert.deepEqual(child.signals, ["SIGINT"]);
  clock.advance(1);
  assert.deepEqual(child.signals, ["SIGINT", "SIGKILL"]);
  clock.advance(LIMITS.runSweepMs);
  await until(() => clock.pending === 1);
  clock.advance(LIMITS.childPipeDrainMs);
  const outcome = await running;
  assert.ok(!outcome.ok);
  assert.deepEqual([outcome.error.reason, outcome.result?.exitCode, outcome.result?.threadId], ["timeout", null, "t"]);
  assert.deepEqual(outcome.stop, {
    stopped: [], survived: [{ pid: process.pid, command: process.execPath, signal: "SIGKILL" }],
  });
  assert.deepEqual(started, [process.pid]);
});

test("a handle that cannot be signalled, or has no number, still comes to an end", async () => {
  const clock = createManualClock();
  const child: FakeChild = {
    ...createFakeChild({ pid: undefined }),
    kill: () => {
      throw new Error("not possible");
    },
  };
  const controller = new AbortController();
  const started: unknown[] = [];
  const running = runFake("7", { signal: controller.signal, onStarted: (pid) => started.push(pid) },
    { clock, spawner: { spawn: () => child } });
  await until(() => child.received.length === 1);
  child.emitSpawn();
  controller.abort();
  await until(() => clock.pending === 1);
  child.stdout.fail(new Error("EIO"));
  child.stderr.destroy();
  child.emitExit(null, "SIGTERM");
  const outcome = await running;
  assert.ok(!outcome.ok);
  assert.deepEqual([outcome.error.reason, outcome.result?.signal, started], ["cancelled", "SIGTERM", [null]]);
});

test("what comes after the exit is read until the pipes end, and not beyond the drain", async () => {
  const clock = createManualClock();
  const { child, spawner } = hold(createFakeChild());
  const running = runFake("7", {}, { clock, spawner });
  await until(() => child.stdinEnded);
  child.failStdin(new Error("EPIPE"));
  child.emitExit(0);
  child.stdout.say(JSON.stringify(completed));
  await until(() => clock.pending === 1);
  clock.advance(LIMITS.childPipeDrainMs - 1);
  child.stdout.say(" ");
  clock.advance(1);
  const outcome = await running;
  child.stdout.say("late\n");
  child.emitError(new Error("late"));
  assert.ok(outcome.ok, "a last line without a newline is taken");
  assert.equal(outcome.result.stdout.includes("late"), false);
});

test("a spawner whose child tells an error instead of a start is an outcome", async () => {
  for (const [code, reason] of [["ENOENT", "command_not_found"], ["EAGAIN", "spawn_failed"]] as const) {
    const { child, spawner } = hold(createFakeChild({ pid: undefined }));
    const running = runFake("7", {}, { spawner, clock: createManualClock() });
    await until(() => child.stdinEnded);
    child.emitError(Object.assign(new Error(`spawn ${code}`), { code }));
    const outcome = await running;
    assert.ok(!outcome.ok && outcome.result === undefined);
    assert.equal(outcome.error.reason, reason);
  }
});

test("a command that is no program fails as one that cannot be started", async () => {
  const spawner: Spawner = { spawn: (_, args, options) => processSpawner.spawn("/nonexistent/codex", args, options) };
  const outcome = await runFake("x", {}, { spawner });
  assert.ok(!outcome.ok && outcome.error.reason === "command_not_found");
  assert.match(outcome.error.message, /ENOENT/);
});
