// What the services can be measured by.
//
// On a memory store and a fake app-server; the process's own figures at the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { LIMITS } from "../../../src/core/limits.ts";
import { createEvents } from "../../../src/service/events/events.ts";
import type { EventSink } from "../../../src/service/services.ts";
import { createMetrics, type MetricFamily } from "../../../src/service/status/metrics.ts";
import { createProcessMetrics } from "../../../src/service/status/process-metrics.ts";
import { countApproval, createTally } from "../../../src/service/status/tally.ts";
import { createOpenTurns } from "../../../src/service/turns/open-turns.ts";
import { makeConfig } from "../../support/edge-under-test.ts";
import { createFakeAppServer } from "../../support/fake-app-server.ts";
import { makeApproval, makeRun, makeSession } from "../../support/fake-services.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const NO_FILTER = { session: null, thread: null, run: null, types: null };
const DRAFT = { level: "info", type: "child.stdout", message: "m", detail: {} } as const;

function valuesOf(families: readonly MetricFamily[], name: string): Record<string, number> {
  const { samples = [] } = families.find((family) => family.name === name) ?? {};
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(" "), value]));
}

function createRig() {
  const clock = createManualClock();
  const store = createMemoryStore(clock);
  const appServer = createFakeAppServer();
  const tally = createTally();
  let ids = 0;
  const open = createOpenTurns(store, clock, () => String(++ids), tally);
  const queue = { size: 0 };
  let ready = true;
  const config = makeConfig("/nowhere");
  const metrics = createMetrics({ config, store, open, queue, appServer, tally, isReady: () => ready });
  const unready = (): void => {
    ready = false;
  };
  return { clock, store, appServer, tally, open, queue, metrics, unready };
}

test("records are counted by status, the limits of runs stand beside them", async () => {
  const { store, metrics } = createRig();
  store.append(DRAFT, { put: { session: makeSession(), run: makeRun({ runId: "a", status: "running" }) } });
  store.append(DRAFT, { put: { session: makeSession({ sessionId: "b", status: "closed" }), run: makeRun() } });
  store.append(DRAFT, { put: { run: makeRun({ runId: "c", status: "completed" }) } });
  await store.settled();
  const families = metrics.collect();
  assert.deepEqual(valuesOf(families, "codexd_sessions"), { active: 1, closed: 1 });
  assert.deepEqual(valuesOf(families, "codexd_runs"), { queued: 1, running: 1 });
  assert.deepEqual(valuesOf(families, "codexd_runs_limit"), { queued: 1000, running: 4 });
  assert.deepEqual(valuesOf(families, "codexd_events_total"), { "": 3 });
  assert.deepEqual(valuesOf(families, "codexd_journal_batches_total"), { "": 1 });
  assert.deepEqual(valuesOf(families, "codexd_journal_segments"), { "": 1 });
});

test("a turn is open, and then counted by how it ended, once", async () => {
  const { store, open, metrics } = createRig();
  for (const status of ["completed", "failed", "interrupted", "completed"] as const) {
    const turn = open.reserve(makeSession(), (session) => session);
    await open.submit(turn, "thread-1", []);
    assert.deepEqual(valuesOf(metrics.collect(), "codexd_turns_open"), { "": 1 });
    open.finish(turn, { status });
    open.finish(turn, { status });
  }
  await store.settled();
  const families = metrics.collect();
  assert.deepEqual(valuesOf(families, "codexd_turns_open"), { "": 0 });
  assert.deepEqual(valuesOf(families, "codexd_turns_total"), { completed: 2, failed: 1, interrupted: 1 });
});

test("turns that wait are counted apart from those under way", () => {
  const { queue, metrics } = createRig();
  for (const size of [0, 3]) {
    queue.size = size;
    const families = metrics.collect();
    assert.deepEqual(valuesOf(families, "codexd_turns_queued"), { "": size });
    assert.deepEqual(valuesOf(families, "codexd_turns_open"), { "": 0 });
  }
});

test("approvals are counted while they wait, and then by kind, outcome and who decided", async () => {
  const { store, tally, metrics } = createRig();
  const read = (name: string): Record<string, number> => valuesOf(metrics.collect(), name);
  assert.deepEqual([read("codexd_approvals_pending"), read("codexd_approvals_total")], [{ "": 0 }, {}]);
  const declined = makeApproval({ approvalId: "b", status: "resolved", decision: "decline", decidedBy: "timeout" });
  for (const approval of [makeApproval(), declined, makeApproval({ approvalId: "c" })]) {
    store.append(DRAFT, { put: { approval } });
  }
  await store.settled();
  assert.deepEqual(read("codexd_approvals_pending"), { "": 2 });
  countApproval(tally, declined);
  countApproval(tally, { ...declined, kind: "file_change", decision: "accept", decidedBy: "client" });
  countApproval(tally, declined);
  countApproval(tally, makeApproval({ status: "orphaned" }));
  countApproval(tally, makeApproval({ status: "resolved", decidedBy: "elsewhere" }));
  assert.deepEqual(read("codexd_approvals_total"), {
    "command decline timeout": 2, "file_change accept client": 1, "command orphaned nobody": 1,
    "command unknown elsewhere": 1,
  });
  const { samples = [] } = metrics.collect().find(({ name }) => name === "codexd_approvals_total") ?? {};
  assert.deepEqual(Object.keys(samples[0]?.labels ?? {}), ["kind", "decision", "decided_by"]);
});

test("ready, writable and pending are as they are now", () => {
  const { store, metrics, unready } = createRig();
  const read = (): unknown[] => ["codexd_ready", "codexd_storage_writable", "codexd_journal_pending_bytes"]
    .map((name) => valuesOf(metrics.collect(), name)[""]);
  assert.deepEqual(read(), [1, 1, 0]);
  unready();
  store.full(true);
  store.setPending(5);
  assert.deepEqual(read(), [0, 0, 5]);
  assert.equal(valuesOf(metrics.collect(), "codexd_child_up")[""], 1);
  assert.equal(valuesOf(metrics.collect(), "codexd_child_calls_limit")[""], LIMITS.childCallsMax);
});

test("a child that is down is said to be so", () => {
  const { store, open, queue, tally, appServer } = createRig();
  const down = { ...appServer, current: undefined };
  const metrics = createMetrics({
    config: makeConfig("/nowhere"), store, open, queue, tally, appServer: down, isReady: () => false,
  });
  const families = metrics.collect();
  assert.deepEqual(valuesOf(families, "codexd_child_up"), { "": 0 });
  assert.deepEqual(valuesOf(families, "codexd_child_calls"), { "": 0 });
});

test("a stream that reads behind the head is a replay, a live one is none", async () => {
  const { clock, store, tally } = createRig();
  const events = createEvents(store, clock, tally);
  const seen: number[] = [];
  const sink: EventSink = {
    write: (_, entries) => seen.push(...entries.map(({ seq }) => seq)),
    gap: () => undefined,
    heartbeat: () => undefined, congested: false, drained: async () => undefined, fail: assert.fail,
  };
  store.append(DRAFT);
  store.append(DRAFT);
  await store.settled();
  events.open({ after: null, filter: NO_FILTER, sink }).start();
  assert.equal(tally.replays, 0);
  events.open({ after: 1, filter: NO_FILTER, sink }).start();
  assert.equal(tally.replays, 1);
  events.dispose();
});

test("the process says what it costs; the loop is measured only while somebody asks", () => {
  const clock = createManualClock();
  const metrics = createProcessMetrics(clock);
  assertLoop(metrics.collect(), false);
  assertLoop(metrics.collect(), true);
  clock.advance(LIMITS.metricsLoopDelayMs - 1);
  assertLoop(metrics.collect(), true);
  clock.advance(LIMITS.metricsLoopDelayMs);
  assertLoop(metrics.collect(), false);
  metrics.dispose();
  assertLoop(metrics.collect(), false);
  metrics.dispose();
});

test("the start is a moment of the past", () => {
  const metrics = createProcessMetrics(systemClock);
  const started = valuesOf(metrics.collect(), "process_start_time_seconds")[""] ?? 0;
  metrics.dispose();
  assert.ok(started > 1e9 && started <= Date.now() / 1000);
});

/** What has not been measured is no delay. */
function assertLoop(families: readonly MetricFamily[], measured: boolean): void {
  assert.ok((valuesOf(families, "process_resident_memory_bytes")[""] ?? 0) > 0);
  for (const part of ["p50", "p99", "max"]) {
    const value = valuesOf(families, `nodejs_eventloop_lag_${part}_seconds`)[""] ?? -1;
    assert.ok(measured ? value >= 0 : value === 0, `${part} ${value}`);
  }
}
