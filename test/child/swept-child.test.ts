// The order of sweeps and lives: before the first child, behind each that has died, behind the last.
// What is swept is a double's; whose a process is stands in leftovers.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../src/base/deferred.ts";
import type { Leftovers } from "../../src/child/leftovers.ts";
import type { ProcessEntry } from "../../src/child/process-tree.ts";
import { createSweptChild } from "../../src/child/swept-child.ts";
import type { EventDraft } from "../../src/core/event.ts";
import { NOTHING_STOPPED, type StopReport } from "../../src/core/processes.ts";
import { settle } from "../support/fake-clock.ts";

const ONE: StopReport = { stopped: [{ pid: 7, command: "sleep 301", signal: "SIGKILL" }], survived: [] };
const BELOW: ProcessEntry = { pid: 8, startTime: 8, parentPid: 1, groupId: 8, sessionId: 8 };

function setUp(endStrays: () => Promise<StopReport>, belowChild = async (): Promise<ProcessEntry[]> => [BELOW]) {
  const seen: string[] = [];
  const events: EventDraft[] = [];
  const leftovers: Leftovers = {
    watch: (spawner) => spawner,
    ofThread: () => assert.fail("no thread is looked at here"),
    endThread: () => assert.fail("no thread is ended here"),
    belowChild,
    endStrays(known = []) {
      seen.push(`sweep ${known.map(({ pid }) => pid).join()}`);
      return endStrays();
    },
  };
  const swept = createSweptChild({
    supervisor: {
      start: async () => void seen.push("start"),
      restart: async (why) => void seen.push(`restart ${why}`),
      stop: async () => void seen.push("stop"),
    },
    leftovers,
    report: (draft) => void events.push(draft),
    warn: (reason) => void seen.push(`warn ${reason}`),
  });
  return { swept, seen, events };
}

test("a child is started behind a sweep, and stopped before one that knows what lay below it", async () => {
  const { swept, seen, events } = setUp(async () => ONE);
  await swept.start();
  await swept.stop();
  assert.deepEqual(seen, ["sweep ", "start", "stop", "sweep 8"]);
  assert.deepEqual(events.map(({ type, level, detail }) => [type, level, detail["reason"]]), [
    ["processes.ended", "info", "daemon_started"], ["processes.ended", "info", "daemon_stopped"],
  ]);
});

test("a child that has died is swept behind, one sweep at a time, and what found nothing says nothing", async () => {
  const sweeps = [createDeferred<StopReport>(), createDeferred<StopReport>()];
  let at = 0;
  const { swept, seen, events } = setUp(() => sweeps[at++]?.promise ?? Promise.resolve(NOTHING_STOPPED));
  swept.died();
  swept.died();
  await settle();
  assert.deepEqual(seen, ["sweep "]);
  sweeps[0]?.resolve(NOTHING_STOPPED);
  await settle();
  assert.deepEqual([seen, events], [["sweep ", "sweep "], []]);
  sweeps[1]?.resolve({ stopped: [], survived: ONE.stopped });
  await settle();
  assert.deepEqual(events.map(({ level, detail }) => [level, detail["reason"]]), [["warn", "child_exited"]]);
});

test("a stop during the sweep of the start starts no child, and a death behind it is the stop's", async () => {
  const sweeping = createDeferred<StopReport>();
  const { swept, seen } = setUp(() => sweeping.promise);
  const starting = swept.start();
  const stopping = swept.stop();
  swept.died();
  sweeping.resolve(NOTHING_STOPPED);
  await Promise.all([starting, stopping]);
  assert.deepEqual(seen, ["sweep ", "stop", "sweep 8"]);
});

test("a restart that is asked for while codexd starts waits for the sweep", async () => {
  const sweeping = createDeferred<StopReport>();
  const { swept, seen } = setUp(() => sweeping.promise);
  const starting = swept.start();
  const restarting = swept.restart("asked for");
  await settle();
  assert.deepEqual(seen, ["sweep "]);
  sweeping.resolve(NOTHING_STOPPED);
  await Promise.all([starting, restarting]);
  assert.deepEqual(seen.toSorted(), ["restart asked for", "start", "sweep "]);
});

test("a search that fails keeps nothing from starting or stopping", async () => {
  const fail = (): Promise<never> => Promise.reject(new Error("no room"));
  const { swept, seen, events } = setUp(fail, fail);
  await swept.start();
  await swept.stop();
  assert.deepEqual(seen, ["sweep ", "warn no room", "start", "warn no room", "stop", "sweep ", "warn no room"]);
  assert.deepEqual(events, []);
});
