// What the soaks on the real Codex share: the course of their trials, commands that outlive their turn, and what a
// trial shows.
//
// Who lives says test/support/living-processes.ts. Invariant: a trial that has found a problem is a failure, and the
// next one begins on an empty bench.

import path from "node:path";
import type { SessionRecord } from "../src/core/records.ts";
import type { Daemon } from "../test/support/daemon.ts";
import type { Journal } from "../test/support/journal-reader.ts";
import { findLiving, type LivingProcess } from "../test/support/living-processes.ts";
import { runTurn, type RealCodex } from "../test/support/real-codex.ts";

const PROGRAM_MS_MAX = 30_000;
/** Far longer than any trial: such a sleep ends only when it is ended. */
const SLEEP_SECONDS_MIN = 1_000_000;

/** What trials work on: one after the other on the same, until one of them finds a problem. */
export interface TrialBench {
  readonly real: RealCodex;
  /** The one that runs now. */
  readonly daemon: Daemon;
}

export interface Tried<Hit> {
  readonly hit: Hit;
  readonly problems: readonly string[];
}

export interface Trials<Trial, Bench extends TrialBench, Hit> {
  readonly planned: readonly Trial[];
  open(): Promise<Bench>;
  /** @throws what makes the trial a failure as a problem does. */
  once(bench: Bench, trial: Trial): Promise<Tried<Hit>>;
  /** What the line of a trial begins with; without a hit it has thrown. */
  title(trial: Trial, hit: Hit | undefined): string;
  log(line: string): void;
}

/** Runs them all, one line each. One with any number of problems is one failure, and the next has a new bench. */
export async function runTrials<Trial, Bench extends TrialBench, Hit>(
  { planned, open, once, title, log }: Trials<Trial, Bench, Hit>,
): Promise<{ hits: Hit[]; failures: number }> {
  const hits: Hit[] = [];
  let failures = 0;
  let bench: Bench | null = null;
  for (const [i, trial] of planned.entries()) {
    let tried: Partial<Tried<Hit>> & { readonly problems: readonly string[] };
    try {
      bench ??= await open();
      tried = await once(bench, trial);
    } catch (error) {
      tried = { problems: [error instanceof Error ? error.message : String(error)] };
    }
    const { hit, problems } = tried;
    if (hit !== undefined) hits.push(hit);
    log(`${i + 1}/${planned.length} ${title(trial, hit)}: ${verdict(problems)}`);
    if (problems.length === 0) continue;
    failures++;
    if (bench !== null) await removeWithAll(bench);
    bench = null;
  }
  if (bench !== null) await removeWithAll(bench);
  return { hits, failures };
}

/** Removes it with whatever a trial that has failed has left: its directory could not go otherwise. */
async function removeWithAll({ real, daemon }: TrialBench): Promise<void> {
  await daemon.kill("SIGKILL");
  for (const { pid } of findLiving({ marks: [homeMark(real)], words: [] })) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has gone meanwhile.
      continue;
    }
  }
  await real.remove();
}

/** How one trial went, in one line. */
export function verdict(problems: readonly string[]): string {
  if (problems.length === 0) return "ok";
  return `${problems.length} problems: ${problems.slice(0, 5).join("; ")}`;
}

/** The beginning of a command line: by their seconds the sleeps with one `serial` are told from all others. */
export function sleepWord(serial: number): string {
  return `sleep ${SLEEP_SECONDS_MIN + (process.pid % 10_000) * 10_000 + serial}.`;
}

/** A step of the mock model: a command that goes on behind its turn, and one below it that no group of Codex's has. */
export function leavingTwo(word: string): string {
  return `YIELD=200:setsid ${word}1 & ${word}2\\;;`;
}

/** Whether both commands of `leavingTwo` have come to be what they are to be. */
export function areBothThere(living: readonly LivingProcess[], word: string): boolean {
  return ["1", "2"].every((part) => living.some(({ command }) => command === `${word}${part}`));
}

/** What all that codexd and Codex start here has in its environment, and nothing else. */
export function homeMark({ stateDir }: RealCodex): string {
  return `CODEX_HOME=${path.join(path.dirname(stateDir), "home")}`;
}

/** @throws when it has not come true in half a minute. */
export async function waitUntil(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const until = performance.now() + PROGRAM_MS_MAX;
  while (!(await isTrue())) {
    if (performance.now() > until) throw new Error(`waited in vain until ${what}`);
    await pause(20);
  }
}

/** A session must take a turn that runs to its end on the same thread. */
export async function takesTurn(daemon: Daemon, session: SessionRecord): Promise<string[]> {
  const next = await runTurn(daemon, session.sessionId, "TEXT=and on;");
  if (next.status === "completed" && next.finalMessage === "and on" && next.threadId === session.threadId) return [];
  return [`the next turn is ${next.status} on ${next.threadId}: ${next.error?.message ?? next.finalMessage}`];
}

/** What has ended must have been told to have ended just once, and as what it is. `id`: of the submission or run. */
export function endedOnce(
  journal: Journal, id: string | null, status: string, types: readonly string[],
): string[] {
  const ends = journal.events.filter(({ type, detail }) => {
    return types.includes(type) && (detail["submissionId"] === id || detail.runId === id);
  });
  if (ends.length !== 1) return [`${id} has ended ${ends.length} times`];
  const told = ends[0]?.detail["status"] ?? ends[0]?.type.split(".")[1];
  return told === status ? [] : [`${id} is ${status}, and was told to be ${String(told)}`];
}

/** A line of a histogram. */
export function bar(title: string, count: number): string {
  return `${title.padEnd(28)}${String(count).padStart(4)} ${"#".repeat(count)}`;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
