// How long records are kept: by count and by age, each kind for itself, and never what is under way.
//
// The store is in memory and the clock is the test's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import { createRecordRetention, expired } from "../../src/service/retention.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";
import { makeApproval, makeSession, makeTurn } from "../support/fake-services.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const day = (n: number): string => new Date(Date.UTC(2026, 0, n)).toISOString();

function makeRun(runId: string, finishedAt: string | null): RunRecord {
  return {
    runId, sessionId: null, status: finishedAt === null ? "running" : "completed", adapter: "codex-exec", prompt: "hi",
    purpose: "worker", cwd: "/", createdAt: day(1), updatedAt: day(1), startedAt: day(1), finishedAt, error: null,
    summary: null, finalMessage: null, exitCode: 0, tokenUsage: null, metadata: {}, result: null,
    structuredOutput: null, structuredOutputError: null, plan: null, commands: [], fileChanges: [],
    firstSeq: null, liveness: null,
  };
}

type Kind = "session" | "turn" | "run" | "approval";

function rig({ keepRecords = 10_000, keepDays = 365 } = {}) {
  const clock = createFakeClock();
  const store = createMemoryStore(clock);
  const forgotten: string[] = [];
  const warnings: string[] = [];
  const retention = createRecordRetention({
    store, clock, keepRecords, keepDays,
    log: { ...silentLogger, warn: (message) => void warnings.push(message) },
    forget: {
      run: async ({ runId }) => void forgotten.push(runId),
      session: ({ sessionId }) => void forgotten.push(sessionId),
    },
  });
  const put = (record: object, kind: Kind): void => {
    const draft = { level: "info", type: "storage.recovered", message: "made", detail: {} } as const;
    store.append(draft, { put: { [kind]: record } });
  };
  const ids = (kind: Kind): string[] =>
    [...store.tables[kind].newestFirst()].map((record) => {
      if ("runId" in record) return record.runId;
      if ("approvalId" in record) return record.approvalId;
      return "submissionId" in record ? (record.submissionId ?? "") : record.sessionId;
    });
  return { clock, store, retention, forgotten, warnings, put, ids };
}

test("the newest of those that have ended stay, and everything that is under way", async () => {
  const { put, ids, retention, store, forgotten } = rig({ keepRecords: 2 });
  for (const n of [1, 2, 3, 4]) put(makeRun(`run_${n}`, n === 1 ? null : `2026-01-01T00:00:0${n}.000Z`), "run");
  await retention.start();
  assert.deepEqual(ids("run"), ["run_4", "run_3", "run_1"], "two that have ended and one that runs");
  assert.deepEqual(forgotten, ["run_2"]);
  const pruned = store.events.filter(({ type }) => type === "storage.pruned");
  assert.deepEqual(pruned.map(({ detail, message }) => ({ detail, message })), [
    { detail: { kind: "run", count: 1 }, message: "dropped 1 old record(s): run" },
  ]);
  await retention.stop();
});

test("the end counts, not the beginning", async () => {
  const { put, ids, retention } = rig({ keepRecords: 1 });
  put(makeRun("run_old_but_long", "2026-01-01T00:00:09.000Z"), "run");
  put(makeRun("run_young_and_short", "2026-01-01T00:00:01.000Z"), "run");
  await retention.start();
  assert.deepEqual(ids("run"), ["run_old_but_long"]);
  await retention.stop();
});

test("turns and closed sessions, each kind for itself", async () => {
  const { put, ids, retention, forgotten } = rig({ keepRecords: 0 });
  put(makeTurn({ submissionId: "sub_open" }), "turn");
  put(makeTurn({ submissionId: "sub_ended", lastSeq: 9, completedAt: day(1) }), "turn");
  put(makeTurn({ submissionId: "sub_without_times", lastSeq: 9, completedAt: null, startedAt: null }), "turn");
  put(makeSession({ sessionId: "ses_active" }), "session");
  put(makeSession({ sessionId: "ses_closed", status: "closed" }), "session");
  await retention.start();
  assert.deepEqual([ids("turn"), ids("session"), forgotten], [["sub_open"], ["ses_active"], ["ses_closed"]]);
  await retention.stop();
});

test("approvals that are over, decided or not; one that waits stays however old it is", async () => {
  const { clock, put, ids, retention } = rig({ keepRecords: 1 });
  const ago = (minutes: number): string => new Date(clock.now() - minutes * 60_000).toISOString();
  const made = { createdAt: ago(30) };
  put(makeApproval({ approvalId: "apr_waits", ...made }), "approval");
  put(makeApproval({ approvalId: "apr_decided", status: "resolved", decidedAt: ago(10), ...made }), "approval");
  put(makeApproval({ approvalId: "apr_orphaned", status: "orphaned", createdAt: ago(20) }), "approval");
  await retention.start();
  assert.deepEqual(ids("approval"), ["apr_decided", "apr_waits"]);
  await retention.stop();
});

test("an approval that has just been decided stays until Codex has heard of it", async () => {
  const { clock, put, ids, retention } = rig({ keepRecords: 0 });
  const decidedAt = new Date(clock.now()).toISOString();
  put(makeApproval({ approvalId: "apr_now", status: "resolved", decidedAt }), "approval");
  await retention.start();
  assert.deepEqual(ids("approval"), ["apr_now"]);
  await clock.advance(LIMITS.retentionMs);
  await settle();
  assert.deepEqual(ids("approval"), []);
  await retention.stop();
});

test("age drops what the count would keep, on both sides of the limit", async () => {
  const { clock, put, ids, retention } = rig({ keepDays: 2 });
  const now = clock.now();
  const ago = (ms: number): string => new Date(now - ms).toISOString();
  put(makeRun("run_over", ago(2 * 86_400_000 + 1)), "run");
  put(makeRun("run_just", ago(2 * 86_400_000)), "run");
  await retention.start();
  assert.deepEqual(ids("run"), ["run_just"]);
  await clock.advance(LIMITS.retentionMs);
  await settle();
  assert.deepEqual(ids("run"), [], "a minute later it is over too");
  await retention.stop();
});

test("one line drops no more than a batch", async () => {
  const { put, ids, retention, store } = rig({ keepRecords: 0 });
  for (let n = 0; n < LIMITS.retentionBatch + 1; n += 1) put(makeRun(`run_${n}`, day(1)), "run");
  await retention.start();
  const counts = store.events.filter(({ type }) => type === "storage.pruned").map(({ detail }) => detail["count"]);
  assert.deepEqual([counts, ids("run").length], [[LIMITS.retentionBatch, 1], 0]);
  await retention.stop();
});

test("a full disk postpones it", async () => {
  const { clock, put, ids, retention, store, warnings } = rig({ keepRecords: 0 });
  put(makeRun("run_1", day(1)), "run");
  store.full(true);
  await retention.start();
  assert.deepEqual([ids("run").length, warnings.length], [1, 1]);
  store.full(false);
  await clock.advance(LIMITS.retentionMs);
  await settle();
  assert.equal(ids("run").length, 0);
  await retention.stop();
  put(makeRun("run_2", day(1)), "run");
  await clock.advance(2 * LIMITS.retentionMs);
  assert.equal(ids("run").length, 1, "after the stop nothing is looked at");
});

test("of equal ends the first in the table stay", () => {
  const records = [3, 2, 1].map((id) => ({ id, at: day(1) }));
  const old = expired(records, { endOf: ({ at }) => at }, { keep: 1, before: "" });
  assert.deepEqual(old.map(({ id }) => id), [1, 2]);
});
