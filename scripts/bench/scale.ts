// What many records and a long journal cost: commits a second, pauses of the loop, the start after a kill, memory.
//
// Every bound is one of a whole daemon from `dist`, on state that was made beforehand; `state-maker.ts` says how. It
// takes minutes and 4 GB of the temporary directory, most of them for the ten million events.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

import type { SessionRecord } from "../../src/core/records.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { spawnDaemon, startDaemon, type Daemon } from "../../test/support/daemon.ts";
import { commitsPerSecond } from "./commits.ts";
import { boundFigure, ratioFigure, type Figure } from "./figure.ts";
import { BLAST_FLAGS, withTempDir } from "./programs.ts";
import { residentMib } from "./start.ts";
import { addJournal, openDaemonStore, putRecords, type RecordCounts } from "./state-maker.ts";

const ROUNDS = 3;
const RECORDS = 100_000;
const COMMITS_MS = 4000;
const COMMITS_RATIO_MIN = 0.5;
const PAUSE_MS = 50;
const START_MS = 2000;
const MEMORY_MIB = 150;
/** Enough for two segments of the journal and more, so that a checkpoint of every table is written. */
const DELTAS = 300_000;
/** What a start may have to read at most: three segments' lag, the active one, and a second's events meanwhile. */
const TAIL_BYTES = 5 * LIMITS.journalSegmentBytes;
const SETTLE_MS = 3000;
const SMALL_TURNS = 200;
const FLAGS = [...BLAST_FLAGS, "--journal-max-bytes", "8GiB", "--keep-records", "1000000"];
const LOOP_WATCH = new URL("./loop-watch.mjs", import.meta.url).href;

export async function benchScale(): Promise<Figure[]> {
  return [
    ...(await benchCommits()), await benchPauses(),
    await benchStartAfterKill(1_000_000), await benchStartAfterKill(10_000_000),
    ...(await benchMemory()),
  ];
}

async function benchCommits(): Promise<Figure[]> {
  const rounds = [];
  const pauses: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const floor = await withTempDir((dir) => commitsPerSecond(dir, 100, COMMITS_MS));
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const value = await withTempDir((dir) => commitsPerSecond(dir, RECORDS, COMMITS_MS, () => void delay.enable()));
    delay.disable();
    pauses.push(delay.max / 1e6);
    rounds.push({ floor, value });
  }
  return [
    ratioFigure("commits at 100,000 records (floor: at 100)", "commits/s", rounds, COMMITS_RATIO_MIN),
    boundFigure("longest pause meanwhile, with checkpoints of them", "ms", pauses, PAUSE_MS),
  ];
}

async function benchPauses(): Promise<Figure> {
  const pauses = await withRecords({ sessions: 34_000, turns: 33_000, runs: 33_000 }, async (stateDir) => {
    const daemon = await startDaemon({ stateDir, flags: FLAGS, env: { NODE_OPTIONS: `--import ${LOOP_WATCH}` } });
    try {
      const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
      const { sessionId } = data.session;
      const before = seqOf(stateDir);
      const longest: number[] = [];
      for (let round = 0; round <= ROUNDS; round += 1) {
        await daemon.post("/v1/codexd/turn", { sessionId, input: `DELTAS=${DELTAS}`, waitMs: 60_000 });
        const pause = await takePause(daemon);
        // Code that was never run is slow, and not what is measured.
        if (round > 0) longest.push(pause);
      }
      if (seqOf(stateDir) === before) throw new Error("no checkpoint was written meanwhile");
      return longest;
    } finally {
      await daemon.kill("SIGTERM");
    }
  });
  return boundFigure("longest pause of a daemon that writes 100,000 records", "ms", pauses, PAUSE_MS);
}

async function benchStartAfterKill(events: number): Promise<Figure> {
  const times = await withRecords({ sessions: 100, turns: 100, runs: 100 }, async (stateDir) => {
    addJournal(stateDir, { events, tailBytes: TAIL_BYTES });
    const measured: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const restore = keepState(stateDir);
      const startedAt = performance.now();
      const daemon = spawnDaemon({ stateDir, flags: FLAGS });
      await daemon.started;
      measured.push(performance.now() - startedAt);
      await daemon.kill("SIGKILL");
      restore();
    }
    return measured;
  });
  const name = `from spawn to listening after kill -9, ${events.toLocaleString("en-US")} events`;
  return boundFigure(name, "ms", times, START_MS);
}

async function benchMemory(): Promise<Figure[]> {
  const [started, later] = await withRecords({ sessions: 10_000, turns: 0, runs: 10_000 }, async (stateDir) => {
    const daemon = await startDaemon({ stateDir, flags: FLAGS });
    try {
      await settle();
      const first = residentMib(daemon.pid);
      const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
      const turn = { sessionId: data.session.sessionId, input: "DELTAS=20", waitMs: 10_000 };
      for (let n = 0; n < SMALL_TURNS; n += 1) await daemon.post("/v1/codexd/turn", turn);
      await settle();
      return [first, residentMib(daemon.pid)];
    } finally {
      await daemon.kill("SIGTERM");
    }
  });
  return [
    boundFigure("resident memory, 10,000 sessions and 10,000 runs", "MiB", [started ?? Number.NaN], MEMORY_MIB),
    boundFigure(`the same after ${SMALL_TURNS} turns`, "MiB", [later ?? Number.NaN], MEMORY_MIB),
  ];
}

/** In a state directory of a daemon that ended in order and has these records. */
async function withRecords<T>(counts: RecordCounts, body: (stateDir: string) => Promise<T>): Promise<T> {
  return withTempDir(async (root) => {
    const stateDir = path.join(root, "state");
    mkdirSync(stateDir, { mode: 0o700 });
    const store = await openDaemonStore(stateDir);
    await putRecords(store, counts);
    await store.close();
    return body(stateDir);
  });
}

/** Keeps what a start changes; the function that it gives puts it back, but for what has only been added. */
function keepState(stateDir: string): () => void {
  const kept = path.join(stateDir, "..", "kept");
  mkdirSync(kept, { recursive: true });
  const documents = readdirSync(stateDir).filter((name) => name.endsWith(".json"));
  for (const name of documents) copyFileSync(path.join(stateDir, name), path.join(kept, name));
  const active = path.join(stateDir, "logs", "events.jsonl");
  const { size } = statSync(active);
  return () => {
    for (const name of documents) copyFileSync(path.join(kept, name), path.join(stateDir, name));
    truncateSync(active, size);
  };
}

/** The longest pause of the daemon's event loop since the last call, in milliseconds. */
async function takePause(daemon: Daemon): Promise<number> {
  const from = daemon.stderr().length;
  process.kill(daemon.pid, "SIGUSR2");
  for (;;) {
    const line = /^\{"loopPauses":.*\n/m.exec(daemon.stderr().slice(from))?.[0];
    if (line !== undefined) {
      const { loopPauses } = JSON.parse(line) as { loopPauses: Array<{ ownMs: number }> };
      return loopPauses[0]?.ownMs ?? 0;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function seqOf(stateDir: string): string | undefined {
  const text = readFileSync(path.join(stateDir, "run-registry.json"), "latin1");
  return /"seq":(\d+)/.exec(text.slice(0, 100))?.[1];
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
