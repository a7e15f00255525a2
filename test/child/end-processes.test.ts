// Ending what is found until nothing is: processes that start others, that will not die, that are another's by now.
// The processes are a double's; what real ones do stands in exec-life.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { endMarkedProcesses, endProcesses } from "../../src/child/end-processes.ts";
import type { ProcessEntry, ProcessTree } from "../../src/child/process-tree.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { createManualClock } from "../support/manual-clock.ts";

const entry = (pid: number, startTime = pid): ProcessEntry => ({
  pid, startTime, parentPid: 1, groupId: pid, sessionId: pid,
});

function createTree(onSignal: (process: ProcessEntry) => void, find: () => ProcessEntry[] = () => []): ProcessTree {
  return {
    identify: () => undefined,
    isAlive: () => true,
    find: async () => find(),
    describe: ({ pid }) => `command ${pid}`,
    signal(process) {
      onSignal(process as ProcessEntry);
      return true;
    },
    signalGroup: () => assert.fail("no group is known here"),
  };
}

/** Moves a clock on for as long as something waits on it. */
async function drive<T>(work: Promise<T>, clock: ReturnType<typeof createManualClock>): Promise<T> {
  let done = false;
  const settled = work.finally(() => (done = true));
  while (!done) {
    clock.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return settled;
}

test("nothing found is nothing stopped, without waiting", async () => {
  const clock = createManualClock();
  const processes = createTree(() => assert.fail("nobody is to be signalled"));
  assert.deepEqual(await endMarkedProcesses(["A=b"], { processes, clock }), { stopped: [], survived: [] });
  assert.equal(clock.pending, 0);
});

test("what one look has missed the next one finds", async () => {
  const clock = createManualClock();
  const looks = [[entry(1)], [], [entry(2)], [], [], [entry(3)]];
  const killed: number[] = [];
  const processes = createTree(({ pid }) => void killed.push(pid), () => looks.shift() ?? []);
  const report = await drive(endMarkedProcesses(["A=b"], { processes, clock }), clock);
  assert.deepEqual([report.stopped.map(({ pid }) => pid), killed, looks.length], [[1, 2], [1, 2], 1]);
});

test("what starts others while it is ended is ended with them", async () => {
  const clock = createManualClock();
  const living = new Map([[1, entry(1)]]);
  let next = 2;
  const processes = createTree(({ pid }) => {
    living.delete(pid);
    if (next <= 4) living.set(next, entry(next));
    next += 1;
  }, () => [...living.values()]);
  const report = await drive(endMarkedProcesses(["A=b"], { processes, clock }), clock);
  assert.deepEqual(report.stopped.map(({ pid, command, signal }) => [pid, command, signal]),
    [1, 2, 3, 4].map((pid) => [pid, `command ${pid}`, "SIGKILL"]));
  assert.deepEqual(report.survived, []);
});

test("what will not die is told after the time of the sweep, and a new bearer of its number is not it", async () => {
  const clock = createManualClock();
  const signals: string[] = [];
  const processes = createTree(({ pid, startTime }) => void signals.push(`${pid} ${startTime}`));
  let looks = 0;
  const find = async (): Promise<ProcessEntry[]> => {
    looks += 1;
    return [entry(7), entry(8, looks === 1 ? 8 : 80)];
  };
  const report = await drive(endProcesses(find, { processes, clock }), clock);
  assert.ok(clock.monotonic() >= LIMITS.runSweepMs && clock.monotonic() < LIMITS.runSweepMs + 200);
  assert.deepEqual(report.stopped.map(({ pid }) => pid), [8]);
  assert.deepEqual(report.survived.map(({ pid }) => pid), [7, 8]);
  assert.ok(signals.length > 4 && new Set(signals).size === 3);
});
