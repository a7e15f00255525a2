// The soak `kill`: kill -9 of the daemon in mid-turn, in its start and in its recovery, on the real Codex.
//
// Each trial ends one daemon at a seeded moment, starts the next one on the same files, and asks an independent reader
// and the API whether anything that was told is lost. A trial that finds a problem counts as one failure, and the next
// one begins on an empty directory.

import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { Daemon } from "../../test/support/daemon.ts";
import { openEventStream, type EventStream } from "../../test/support/event-stream.ts";
import { readJournal } from "../../test/support/journal-reader.ts";
import { createSession, endOfTurn, prepareRealCodex, runTurn, type RealCodex } from "../../test/support/real-codex.ts";
import { createSeeded } from "../seeded.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";

type Phase = "start" | "recovery" | "turn";

interface Trial {
  readonly phase: Phase;
  /** From 0 to 1: how far into its phase the daemon is killed. */
  readonly moment: number;
}

/** What a trial works on; replaced when the trial before it found a problem or wants an empty directory. */
interface Bench {
  readonly real: RealCodex;
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

function verdict(problems: readonly string[]): string {
  if (problems.length === 0) return "ok";
  return `${problems.length} problems: ${problems.slice(0, 5).join("; ")}`;
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
    return { real, daemon, session };
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

async function examine({ real, daemon, session }: Bench, witness: Witness): Promise<string[]> {
  const problems: string[] = [];
  const turn = await killedTurn(daemon, session, witness);
  if (turn !== null && (turn.status !== "interrupted" || turn.error?.reason == null) && witness.hit !== "idle") {
    problems.push(`the turn is ${turn.status}, reason ${turn.error?.reason}`);
  }
  const next = await runTurn(daemon, session.sessionId, "TEXT=and on;");
  if (next.status !== "completed" || next.finalMessage !== "and on" || next.threadId !== session.threadId) {
    problems.push(`the next turn is ${next.status} on ${next.threadId}: ${next.error?.message ?? next.finalMessage}`);
  }
  const journal = readJournal(real.logsDir);
  problems.push(...journal.problems);
  for (const { event, text } of witness.streams.flatMap((stream) => stream.seen)) {
    const kept = journal.textOf(event.seq);
    if (kept !== text) problems.push(`seq ${event.seq} was told, and is ${kept === undefined ? "gone" : "another"}`);
  }
  const ends = journal.events.filter(({ type, detail }) => {
    return type === "turn.finished" && detail["submissionId"] === turn?.submissionId;
  });
  if (turn !== null && ends.length !== 1) problems.push(`the turn has ended ${ends.length} times`);
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

function bar(title: string, count: number): string {
  return `${title.padEnd(16)}${String(count).padStart(4)} ${"#".repeat(count)}`;
}

/** 1 when too few kills fell where they should: then the soak has not shown what it is for. */
function missedShares(hits: Histogram, n: number, log: SoakOptions["log"]): number {
  const { turn } = hits;
  const early = hits.start + hits.recovery;
  if (turn >= Math.floor(n * HITS_MIN.turn) && early >= Math.floor(n * HITS_MIN.startOrRecovery)) return 0;
  log(`only ${turn} kills in mid-turn and ${early} in start or recovery, of ${n}`);
  return 1;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
