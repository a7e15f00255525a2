// Records that an older codexd has written, before receipts had what they have: completed as they are loaded.
//
// The old layouts are literals, so that they stay what they were; the files are the store's own, on a simulated disk.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { CodexdPaths } from "../../src/core/config.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import { tableSpecs, type CodexdTables } from "../../src/service/tables.ts";
import { openStore } from "../../src/store/store.ts";
import type { TableSpec } from "../../src/store/types.ts";
import { SimulatedDisk } from "../support/disk-simulator.ts";
import { DIR, draft, storeOptions } from "../support/disk-store.ts";
import { makeTurn } from "../support/fake-services.ts";

const OLD_TURN = {
  submissionId: "sub_1", turnId: "turn-1", sessionId: "ses_1", threadId: "thread-1", status: "completed",
  startedAt: "2026-01-01T00:00:00.000Z", completedAt: "2026-01-01T00:00:01.000Z", durationMs: 1000,
  input: [{ type: "text", text: "hi" }], finalMessage: "hello", error: null, tokenUsage: null, firstSeq: 1, lastSeq: 9,
} as unknown as TurnRecord;

const OLD_RUN = {
  runId: "run_1", sessionId: null, status: "completed", adapter: "codex-exec", prompt: "p", purpose: "worker", cwd: "/",
  createdAt: "2026-01-01T00:00:00.000Z", updatedAt: "2026-01-01T00:00:01.000Z", startedAt: null, finishedAt: null,
  error: null, summary: null, finalMessage: null, exitCode: 0, tokenUsage: null, metadata: {}, result: null,
} as unknown as RunRecord;

const WORK = { structuredOutput: null, structuredOutputError: null, plan: null, commands: [], fileChanges: [] };
const NEW_TURN = { ...OLD_TURN, outputSchema: null, diff: null, ...WORK, approvals: [], liveness: null };

const SPECS = tableSpecs({
  sessionRegistryPath: `${DIR}/session-registry.json`, turnRegistryPath: `${DIR}/turn-registry.json`,
  runRegistryPath: `${DIR}/run-registry.json`, approvalRegistryPath: `${DIR}/approval-registry.json`,
  answerRegistryPath: `${DIR}/answer-registry.json`,
  markRegistryPath: `${DIR}/mark-registry.json`,
} as CodexdPaths);

/** As the older one had them: it took records as they came. */
const OLD_SPECS = Object.fromEntries(Object.entries(SPECS).map(([kind, spec]) => {
  const { complete: _, ...old } = spec as TableSpec<object>;
  return [kind, old];
})) as unknown as typeof SPECS;

function open(disk: SimulatedDisk, tables: typeof SPECS) {
  const options = { ...storeOptions(), tables } as unknown as Parameters<typeof openStore<CodexdTables>>[0];
  return openStore<CodexdTables>(options, disk.mount(), { lock: async () => ({ release: async () => {} }) });
}

test("an old record is completed, from a checkpoint and from the journal alike, and stays so", async () => {
  for (const closed of [true, false]) {
    const disk = new SimulatedDisk();
    const old = (await open(disk, OLD_SPECS)).store;
    await old.commit(draft(), { put: { turn: OLD_TURN, run: OLD_RUN } });
    if (closed) await old.close();
    for (let start = 0; start < 2; start += 1) {
      const { store } = await open(disk, SPECS);
      assert.deepEqual(store.tables.turn.get("sub_1"), NEW_TURN, `closed: ${closed}`);
      assert.deepEqual(store.tables.run.get("run_1"), { ...OLD_RUN, ...WORK, firstSeq: null, liveness: null });
      await store.close();
    }
    const text = (await disk.mount().readFile(`${DIR}/turn-registry.json`)).toString();
    assert.match(text, /"commands":\[\]/, "its text is the completed one's");
  }
});

test("a record of today is kept as it is", () => {
  const today = makeTurn({ commands: [{ command: "a", cwd: null, exitCode: 0, durationMs: null }] });
  assert.equal(SPECS.turn.complete?.(today), today);
  assert.equal(SPECS.session.complete, undefined);
});
