// Records over many lives of the daemon: thousands come and go, a few stay, and nothing lies beside those that went.
// The store is the real one on a simulated disk; each life ends in its own way, also between a deletion and its files.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";

import { isoTime, type Clock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { CodexdPaths } from "../../src/core/config.ts";
import { LIMITS } from "../../src/core/limits.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import { createRecordRetention, type RecordRetention } from "../../src/service/retention.ts";
import { removeUnrecorded } from "../../src/service/runs/run-recovery.ts";
import { tableSpecs, type CodexdStore } from "../../src/service/tables.ts";
import { openRunFiles, type RunFiles } from "../../src/store/run-files.ts";
import { openStore } from "../../src/store/store.ts";
import type { StoreOptions } from "../../src/store/types.ts";
import { errnoError, seededRandom, SimulatedDisk } from "../support/disk-simulator.ts";
import { DIR, draft, LOGS, storeOptions } from "../support/disk-store.ts";
import { createFakeClock, settle } from "../support/fake-clock.ts";
import { makeRun, makeSession, makeTurn } from "../support/fake-services.ts";

const KEEP = 30;
const LIVES = 8;
const PER_LIFE = 90;
const SEGMENT = 64 * 1024;
const JOURNAL_MAX = 8 * SEGMENT;
const KINDS = ["session", "turn", "run", "approval", "answer", "mark"];
const PATHS = Object.fromEntries(
  KINDS.map((kind) => [`${kind}RegistryPath`, path.join(DIR, `${kind}.json`)]),
) as unknown as CodexdPaths;

interface Life {
  readonly store: CodexdStore;
  readonly files: RunFiles;
  readonly retention: RecordRetention;
}

async function begin(disk: SimulatedDisk, clock: Clock): Promise<Life> {
  const options = { ...storeOptions(), tables: tableSpecs(PATHS), clock, journalMaxBytes: JOURNAL_MAX };
  const mounted = disk.mount();
  const opened = await openStore(options as unknown as StoreOptions<never>, mounted, {
    lock: async () => ({ release: async () => {} }), segmentBytes: SEGMENT,
  });
  const store = opened.store as unknown as CodexdStore;
  const files = await openRunFiles(mounted, path.join(LOGS, "runs"), clock);
  await removeUnrecorded({ store, files, log: silentLogger });
  const retention = createRecordRetention({
    store, clock, log: silentLogger, keepRecords: KEEP, keepDays: 365,
    forget: { run: ({ runId }) => files.remove(runId) },
  });
  return { store, files, retention };
}

/** One session, turn and run that are over; the turn's answer and the run's result lie in files. */
async function work({ store, files }: Life, n: number, at: string): Promise<void> {
  const diff = "d".repeat(LIMITS.inlineTurnResultBytesMax);
  await files.writeDocument(`run_${n}`, "result.json", { n });
  const line = (put: Parameters<CodexdStore["append"]>[1]) => store.append(draft(), put);
  line({ put: { session: makeSession({ sessionId: `ses_${n}`, status: "closed", updatedAt: at }) } });
  line((seq) => ({
    put: { turn: makeTurn({ submissionId: `sub_${n}`, completedAt: at, lastSeq: seq, diff, firstSeq: seq }) },
  }));
  line({ put: { run: makeRun({ runId: `run_${n}`, status: "completed", finishedAt: at }) } });
  await store.settled();
}

function idsOf(store: CodexdStore, kind: "session" | "turn" | "run"): string[] {
  const idOf = { session: "sessionId", turn: "submissionId", run: "runId" }[kind];
  const records = [...store.tables[kind].newestFirst()] as unknown as Array<Record<string, string>>;
  return records.map((record) => record[idOf] ?? "");
}

test("thousands of records, restarts and deaths: the newest stay, and what is under way", async () => {
  const disk = new SimulatedDisk();
  const clock = createFakeClock();
  const random = seededRandom(6);
  let life = await begin(disk, clock);
  life.store.append(draft(), { put: { session: makeSession({ sessionId: "ses_active" }) } });
  life.store.append(draft(), { put: { turn: makeTurn({ submissionId: "sub_open", input: ["x".repeat(20_000)] }) } });
  life.store.append(draft(), { put: { run: makeRun({ runId: "run_open", finishedAt: null }) } });
  await life.files.writeDocument("run_open", "request.json", { prompt: "p" });
  for (let n = 1; n <= LIVES; n++) {
    for (let i = 1; i <= PER_LIFE; i++) {
      await work(life, n * 1000 + i, isoTime(clock.now()));
      clock.jump(1000);
      const { bytes } = life.store.journalSize();
      assert.ok(bytes <= JOURNAL_MAX + 2 * SEGMENT, `life ${n}: ${bytes}`);
      if (i % 25 === 0) await clock.advance(LIMITS.checkpointMs * 10);
    }
    await endLife(disk, life, n, random);
    life = await begin(disk, clock);
  }
  await life.retention.start();
  const last = Array.from({ length: KEEP }, (_, i) => LIVES * 1000 + PER_LIFE - i);
  const expected = (prefix: string, open: string): string[] => [...last.map((n) => `${prefix}_${n}`), open];
  assert.deepEqual(idsOf(life.store, "session"), expected("ses", "ses_active"));
  assert.deepEqual(idsOf(life.store, "turn"), expected("sub", "sub_open"));
  assert.deepEqual(idsOf(life.store, "run"), expected("run", "run_open"));
  await life.retention.stop();
  await life.store.close();
  assert.deepEqual(disk.names(`${LOGS}/turns`).sort(), [
    ...last.map((n) => `sub_${n}.result.json`), "sub_open.input.json",
  ].sort());
  assert.deepEqual(disk.names(`${LOGS}/runs`).sort(), [
    ...last.map((n) => `run_${n}.result.json`), "run_open.request.json",
  ].sort());
  const whole = await life.store.readWhole("turn", life.store.tables.turn.get("sub_open") as TurnRecord);
  assert.deepEqual(whole.input, ["x".repeat(20_000)]);
});

/** In order, by a kill in the middle of the deletions, by one between them and their files, or by a loss of power. */
async function endLife(
  disk: SimulatedDisk, { store, retention }: Life, n: number, random: () => number,
): Promise<void> {
  if (n % 4 === 1) disk.fault = (operation) => (operation === "unlink" ? { error: errnoError("EACCES") } : undefined);
  const pruning = retention.start();
  if (n % 4 !== 2) await pruning;
  else await store.settled();
  if (n % 4 === 3) await retention.stop();
  if (n % 4 === 3) await store.close();
  else if (n % 4 === 0) await store.sync();
  await settle();
  if (n % 4 === 0) disk.losePower(random);
  else disk.killProcess();
  disk.fault = () => undefined;
}
