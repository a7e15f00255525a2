// Acknowledged changes a second at 10,000 records beside the same at 100.
//
// A change must not cost more where there are more records; checkpoints are written meanwhile, as in a daemon.

import path from "node:path";

import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { openStore } from "../../src/store/store.ts";
import { ratioFigure, type Figure } from "./figure.ts";
import { withTempDir } from "./programs.ts";

const ROUNDS = 5;
const ROUND_MS = 1500;
const RECORD_CHARS = 400;
/** Callers that wait for their own change at a time, as requests do. */
const CALLERS = 64;
const RATIO_MIN = 0.6;

interface BenchRecord {
  readonly id: string;
  readonly text: string;
  readonly n: number;
}

export async function benchCommits(): Promise<Figure[]> {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const floor = await withTempDir((dir) => commitsPerSecond(dir, 100));
    rounds.push({ floor, value: await withTempDir((dir) => commitsPerSecond(dir, 10_000)) });
  }
  return [ratioFigure("commits at 10,000 records (floor: at 100)", "commits/s", rounds, RATIO_MIN)];
}

/** `began` is called when the records are there and the counting begins. */
export async function commitsPerSecond(
  dir: string, records: number, roundMs = ROUND_MS, began = (): void => undefined,
): Promise<number> {
  const { store } = await openStore<{ record: BenchRecord }>({
    stateDir: path.join(dir, "state"),
    logsDir: path.join(dir, "state", "logs"),
    identity: { nodeId: "bench", version: "0", newDaemonId: () => "bench" },
    tables: { record: { path: path.join(dir, "state", "records.json"), field: "records", idOf: ({ id }) => id } },
    durability: "interval",
    journalMaxBytes: 2 ** 30,
    recentEventsMax: 50,
    describe: () => ({}),
    acceptLoss: false,
    clock: systemClock,
    log: silentLogger,
  });
  const text = "x".repeat(RECORD_CHARS);
  let n = 0;
  const commit = (): Promise<number> => {
    n += 1;
    return store.commit(
      { level: "info", type: "session.created", message: "bench", detail: { n } },
      { put: { record: { id: `r${n % records}`, text, n } } },
    );
  };
  while (n < records) await Promise.all(Array.from({ length: Math.min(1000, records - n) }, commit));
  began();
  const startedAt = performance.now();
  const before = n;
  const caller = async (): Promise<void> => {
    while (performance.now() - startedAt < roundMs) await commit();
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const perSecond = ((n - before) / (performance.now() - startedAt)) * 1000;
  await store.close();
  return perSecond;
}
