// The soak `kill`: kill -9 of the daemon in mid-turn, in its start and in its recovery, on the real Codex.
//
// Each trial ends one daemon at a seeded moment, holds what was told against the files (test/support/torture-judge.ts),
// starts the next one on them, and asks the API and an independent reader what has become of the turn. A trial that
// finds a problem counts as one failure, and the next one begins on an empty directory.

import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { Daemon } from "../../test/support/daemon.ts";
import { openEventStream, type EventStream } from "../../test/support/event-stream.ts";
import { readJournal } from "../../test/support/journal-reader.ts";
import { createSession, endOfTurn, prepareRealCodex, runTurn, type RealCodex } from "../../test/support/real-codex.ts";
import { TortureJudge } from "../../test/support/torture-judge.ts";
import { createSeeded } from "../seeded.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";
import { bar, endedOnce, pause, takesTurn, verdict } from "../soak-trials.ts";

type Phase = "start" | "recovery" | "turn";

interface Trial {
  readonly phase: Phase;
  /** From 0 to 1: how far into its phase the daemon is killed. */
  readonly moment: number;
}

/** What a trial works on; replaced when the trial before it found a problem or wants an empty directory. */
interface Bench {
  readonly real: RealCodex;
  readonly judge: TortureJudge;
  daemon: Daemon;
  session: SessionRecord;
}

/** Milliseconds from the last spawn to its document: by these the moments of the next kills are set. */
interface Pace {
  start: number;
  recovery: number;
}

/** What the trial saw before it killed. */
interface Witness {
  readonly streams: readonly EventStream[];
  /** Null when the daemon died before it answered. */
  readonly submissionId: string | null;
  /** Where the kill really fell: it can miss a phase that was shorter than the one before it. */
  readonly hit: Phase | "idle";
}

interface Kill {
  readonly hit: Witness["hit"];
  readonly moment: number;
}

/** Kills by where they fell; those in mid-turn also by tenths of the turn. */
type Histogram = Record<Witness["hit"], number> & { tenths: number[] };

const LONG_TURN = "DELTAS=5000 RATE=2000";
/** From the request to the last delta at 2,000 a second. */
const TURN_MS = 2500;
/** The defaults, of which a trial comes nowhere near. */
const JOURNAL_BYTES = 2 ** 30;
const KEEP_RECORDS = 10_000;
/** Parts of the trials, and what must really have been hit: 35 and 10 of 50. */
const SHARES = { start: 0.12, recovery: 0.16 } as const;
const HITS_MIN = { turn: 0.7, startOrRecovery: 0.2 } as const;

export async function run({ n, seed, log }: SoakOptions): Promise<SoakResult> {
  const trials = planTrials(n, seed);
  const hits: Kill[] = [];
  let failures = 0;
  let told = 0;
  const pace: Pace = { start: 0, recovery: 0 };
  // Also measures a start that nobody disturbs.
  let bench: Bench | null = await openBench({ phase: "turn", moment: 0 }, pace, hits);
  for (const [i, trial] of trials.entries()) {
    const problems: string[] = [];
    try {
      if (bench === null || trial.phase === "start") {
        await bench?.real.remove();
        bench = null;
        bench = await openBench(trial, pace, hits);
      }
      if (trial.phase !== "start") {
        const witness = await killOnce(bench, trial, pace);
        hits.push({ hit: witness.hit, moment: trial.moment });
        told += witness.streams.reduce((sum, { seen }) => sum + seen.length, 0);
        problems.push(...judgeKilled(bench, witness));
        const began = performance.now();
        bench.daemon = await bench.real.start();
        pace.recovery = performance.now() - began;
        problems.push(...(await examine(bench, witness)));
      } else {
        problems.push(...readJournal(bench.real.logsDir).problems);
      }
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    log(`${i + 1}/${n} ${trial.phase} at ${trial.moment.toFixed(3)} ${hits.at(-1)?.hit ?? "?"}: ${verdict(problems)}`);
    if (problems.length === 0) continue;
    failures++;
    await bench?.real.remove();
    bench = null;
  }
  await bench?.real.remove();
  log(`${told} events had been told to clients before their daemon was killed`);
  const detail = { told, ...summarize(hits, log) };
  return { failures: failures + missedShares(detail, n, log), detail };
}

function planTrials(n: number, seed: number): Trial[] {
  const chance = createSeeded(seed);
  const starts = Math.ceil(n * SHARES.start);
  const recoveries = Math.ceil(n * SHARES.recovery);
  const phases = Array.from({ length: n }, (_, i): Phase => {
    if (i < starts) return "start";
    return i < starts + recoveries ? "recovery" : "turn";
  });
  return chance.shuffle(phases).map((phase) => ({ phase, moment: chance.next() }));
}

/** An empty directory with a session that has had a turn. A trial of the start is killed once on the way. */
async function openBench(trial: Trial, pace: Pace, hits: Kill[]): Promise<Bench> {
  const real = await prepareRealCodex("kill");
  try {
    if (trial.phase === "start") {
      const hit = await killInStart(real, trial.moment * pace.start, "start");
      hits.push({ hit, moment: trial.moment });
    }
    const began = performance.now();
    const daemon = await real.start();
    // What was killed on the way has left its files: that start was a recovery.
    if (trial.phase !== "start") pace.start = pace.recovery = performance.now() - began;
    const session = await createSession(daemon);
    const turn = await runTurn(daemon, session.sessionId, "DELTAS=2");
    if (turn.status !== "completed") throw new Error(`the first turn ended as ${turn.status}`);
    const { stateDir, logsDir } = real;
    const judge = new TortureJudge({ stateDir, logsDir, journalMaxBytes: JOURNAL_BYTES, keepRecords: KEEP_RECORDS });
    return { real, judge, daemon, session };
  } catch (error) {
    await real.remove();
    throw error;
  }
}

/** Starts a daemon and kills it `afterMs` later. */
async function killInStart(real: RealCodex, afterMs: number, phase: Phase): Promise<Witness["hit"]> {
  const daemon = real.spawn();
  let listens = false;
  daemon.started.then(() => (listens = true), () => undefined);
  await pause(afterMs);
  const hit = listens ? "idle" : phase;
  await daemon.kill("SIGKILL");
  return hit;
}

async function killOnce({ real, daemon, session }: Bench, trial: Trial, pace: Pace): Promise<Witness> {
  // One reader of everything, one of the session alone: both must have seen nothing that is lost.
  const { sessionId } = session;
  const streams = await Promise.all(["", `?session=${sessionId}`].map((query) => openEventStream(daemon, query)));
  const sent = daemon.post<{ submissionId: string }>("/v1/codexd/turn", { sessionId, input: LONG_TURN });
  const submission = sent.then(({ data }) => data.submissionId, () => null);
  await pause((trial.phase === "turn" ? trial.moment : 0.1) * TURN_MS);
  const done = streams[0]?.seen.some(({ event }) => event.type === "turn.finished") === true;
  await daemon.kill("SIGKILL");
  await Promise.all(streams.map((stream) => stream.closed));
  const submissionId = await submission;
  if (trial.phase === "turn") return { streams, submissionId, hit: done ? "idle" : "turn" };
  return { streams, submissionId, hit: await killInStart(real, trial.moment * pace.recovery, "recovery") };
}

/** What was told, held against the files, while nobody writes them. */
function judgeKilled({ judge }: Bench, { streams, submissionId }: Witness): string[] {
  for (const { text } of streams.flatMap(({ seen }) => seen)) judge.told(text);
  judge.answered("turn", submissionId, "queued");
  return judge.examine();
}

async function examine({ real, daemon, session }: Bench, witness: Witness): Promise<string[]> {
  const problems: string[] = [];
  const turn = await killedTurn(daemon, session, witness);
  if (turn !== null && (turn.status !== "interrupted" || turn.error?.reason == null) && witness.hit !== "idle") {
    problems.push(`the turn is ${turn.status}, reason ${turn.error?.reason}`);
  }
  problems.push(...(await takesTurn(daemon, session)));
  const journal = readJournal(real.logsDir);
  problems.push(...journal.problems);
  if (turn !== null) problems.push(...endedOnce(journal, turn.submissionId, turn.status, ["turn.finished"]));
  return problems;
}

/** The turn of the trial; null when the daemon died before it had written anything of it. */
async function killedTurn(daemon: Daemon, session: SessionRecord, witness: Witness): Promise<TurnRecord | null> {
  if (witness.submissionId !== null) return endOfTurn(daemon, witness.submissionId);
  const { data } = await daemon.get<{ turns: TurnRecord[] }>(`/v1/codexd/sessions/${session.sessionId}/turns?limit=1`);
  const newest = data.turns[0];
  return newest === undefined || newest.status === "completed" ? null : newest;
}

function summarize(hits: readonly Kill[], log: SoakOptions["log"]): Histogram {
  const count = (phase: Witness["hit"]): number => hits.filter(({ hit }) => hit === phase).length;
  const tenths = Array.from({ length: 10 }, (_, tenth) => {
    return hits.filter(({ hit, moment }) => hit === "turn" && Math.floor(moment * 10) === tenth).length;
  });
  log("where the kills fell:");
  for (const phase of ["start", "recovery", "idle"] as const) log(bar(phase, count(phase)));
  for (const [tenth, kills] of tenths.entries()) log(bar(`turn ${tenth * 10}-${tenth * 10 + 10} %`, kills));
  return { start: count("start"), recovery: count("recovery"), idle: count("idle"), turn: count("turn"), tenths };
}

/** 1 when too few kills fell where they should: then the soak has not shown what it is for. */
function missedShares(hits: Histogram, n: number, log: SoakOptions["log"]): number {
  const { turn } = hits;
  const early = hits.start + hits.recovery;
  if (turn >= Math.floor(n * HITS_MIN.turn) && early >= Math.floor(n * HITS_MIN.startOrRecovery)) return 0;
  log(`only ${turn} kills in mid-turn and ${early} in start or recovery, of ${n}`);
  return 1;
}
