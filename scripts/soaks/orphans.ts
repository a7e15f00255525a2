// The soak `orphans`: kill -9 of codexd, of its child, of both at once, while commands run that have left their group.
//
// Each victim `n` times, at a seeded moment from before the commands have begun to a second after. A turn and a run are
// under way; afterwards nothing of theirs may live, each must have one end, and the session must take a turn. When the
// child alone is killed, the run is no affair of its: it must go on, until it is cancelled.

import type { CodexdEvent } from "../../src/core/event.ts";
import type { ChildState, Identity, SessionRecord, TurnRecord } from "../../src/core/records.ts";
import type { RunRecord } from "../../src/core/runs.ts";
import type { Daemon } from "../../test/support/daemon.ts";
import { readJournal } from "../../test/support/journal-reader.ts";
import { findLiving, survivors, type LivingProcess } from "../../test/support/living-processes.ts";
import { childPidOf, createSession, endOfTurn, prepareRealCodex, runTurn } from "../../test/support/real-codex.ts";
import { createSeeded } from "../seeded.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";
import {
  areBothThere, bar, endedOnce, homeMark, leavingTwo, pause, runTrials, sleepWord, takesTurn, waitUntil,
  type TrialBench, type Tried,
} from "../soak-trials.ts";

const VICTIMS = ["codexd", "child", "both"] as const;
const RUN_ENDS = ["run.completed", "run.failed", "run.cancelled"] as const;
/** How far turn and run had come when the kill fell. */
const STAGES = ["not begun", "begun", "command", "both commands"] as const;
type Stage = (typeof STAGES)[number];

interface Trial {
  readonly victim: (typeof VICTIMS)[number];
  /** The kill is to fall before the turn's commands have begun. */
  readonly early: boolean;
  /** The run has its commands before the turn begins; else both begin at once. */
  readonly runFirst: boolean;
  /** From 0 to 1: how far into what is before the commands, or into the second behind their beginning. */
  readonly moment: number;
  /** The beginnings of the commands of turn and run. */
  readonly words: { readonly turn: string; readonly run: string };
}

interface Bench extends TrialBench {
  readonly daemonId: string;
  /** Another one after its own death. */
  daemon: Daemon;
  session: SessionRecord;
}

/** What was there when the kill fell. */
interface Witness {
  readonly turnCommands: readonly LivingProcess[];
  readonly runCommands: readonly LivingProcess[];
  readonly childPid: number;
  /** Of the newest event before the trial. */
  readonly lastSeq: number;
}

interface Hit {
  readonly victim: Trial["victim"];
  readonly turn: Stage;
  readonly run: Stage;
}

/** What the journal tells of one trial. */
interface Story {
  /** The first event of a type. */
  has(type: string): CodexdEvent | undefined;
  /** Whether there was one before the death. */
  before(type: string): boolean;
}

/** Of the trials: killed before the commands begin; begun with a run that has its commands. */
const SHARES = { early: 0.3, runFirst: 0.5 } as const;
const AFTER_MS = 1000;
const PROFILE = { skipGitRepoCheck: true, sandbox: "danger-full-access" } as const;

export async function run({ n, seed, log }: SoakOptions): Promise<SoakResult> {
  /** From the request for a turn to its commands: by this the early moments are set. */
  const pace = { turnMs: 500 };
  const { hits, failures } = await runTrials({
    planned: planTrials(n, seed),
    open: openBench,
    once: (bench, trial) => killOnce(bench, trial, pace),
    title: ({ victim, early, moment }, hit) =>
      `${victim} ${early ? "before" : "after"} at ${moment.toFixed(3)}, turn ${hit?.turn}, run ${hit?.run}`,
    log,
  });
  return { failures, detail: summarize(hits, log) };
}

function planTrials(n: number, seed: number): Trial[] {
  const chance = createSeeded(seed);
  const victims = VICTIMS.flatMap((victim) => Array.from({ length: n }, () => victim));
  return chance.shuffle(victims).map((victim, i) => ({
    victim,
    early: chance.next() < SHARES.early,
    runFirst: chance.next() < SHARES.runFirst,
    moment: chance.next(),
    words: { turn: sleepWord(2 * i), run: sleepWord(2 * i + 1) },
  }));
}

/** A daemon with a session that has had a turn. */
async function openBench(): Promise<Bench> {
  const real = await prepareRealCodex("orphans");
  try {
    const daemon = await real.start();
    const { data } = await daemon.get<{ snapshot: { identity: Identity } }>("/v1/codexd/status");
    const session = await createSession(daemon);
    const turn = await runTurn(daemon, session.sessionId, "DELTAS=2");
    if (turn.status !== "completed") throw new Error(`the first turn ended as ${turn.status}`);
    return { real, daemon, session, daemonId: data.snapshot.identity.daemonId };
  } catch (error) {
    await real.remove();
    throw error;
  }
}

async function killOnce(bench: Bench, trial: Trial, pace: { turnMs: number }): Promise<Tried<Hit>> {
  const { real, daemon, session: { sessionId } } = bench;
  const { turn, run } = trial.words;
  const lastSeq = readJournal(real.logsDir).events.at(-1)?.seq ?? 0;
  const childPid = await childPidOf(daemon);
  const hasCommand = (word: string): boolean => findLiving({ marks: [], words: [word] }).length > 0;

  const prompt = `${leavingTwo(run)} HANG=1`;
  const ask = (route: string, body: object): Promise<unknown> => daemon.post(route, body).catch(() => null);
  const asked = [ask("/v1/codexd/runs", { prompt, cwd: real.workDir, ...PROFILE })];
  if (trial.runFirst) await waitUntil("the run has its command", () => hasCommand(run));
  const began = performance.now();
  asked.push(ask("/v1/codexd/turn", { sessionId, input: `${leavingTwo(turn)} HANG=1` }));
  if (trial.early) {
    await pause(trial.moment * pace.turnMs);
  } else {
    await waitUntil("the turn has its command", () => hasCommand(turn));
    pace.turnMs = performance.now() - began;
    await pause(trial.moment * AFTER_MS);
  }
  const turnCommands = findLiving({ marks: [], words: [turn] });
  const runCommands = findLiving({ marks: [], words: [run] });
  if (trial.victim !== "codexd") process.kill(childPid, "SIGKILL");
  if (trial.victim !== "child") await daemon.kill("SIGKILL");
  await Promise.all(asked);
  if (trial.victim !== "child") bench.daemon = await real.start();
  return examine(bench, trial, { turnCommands, runCommands, childPid, lastSeq });
}

async function examine(bench: Bench, trial: Trial, witness: Witness): Promise<Tried<Hit>> {
  const { daemon, session, real } = bench;
  const story = await readStory(bench, trial, witness);
  const problems: string[] = [];
  const turn = await endTurn(daemon, trial, story, problems);
  const next = await takesTurn(daemon, session);
  const run = await endRun(daemon, trial, story, witness, problems);
  problems.push(...next, ...(await leftBehind(bench, trial, run)));
  // It also forgets how often the child has died of late, which would be taken for a child that cannot live.
  const { status } = await daemon.post("/v1/codexd/child/restart");
  if (status !== 200) problems.push(`a restart was refused with ${status}`);
  problems.push(...(await leftBehind(bench, trial, run)).map((problem) => `after a restart: ${problem}`));
  const journal = readJournal(real.logsDir);
  problems.push(...journal.problems);
  if (turn !== null) problems.push(...endedOnce(journal, turn.submissionId, turn.status, ["turn.finished"]));
  if (run !== null) problems.push(...endedOnce(journal, run.runId, run.status, RUN_ENDS));
  const hit = {
    victim: trial.victim,
    turn: stageOf(witness.turnCommands, trial.words.turn, story.before("turn.accepted")),
    run: stageOf(witness.runCommands, trial.words.run, story.before("run.started")),
  };
  return { hit, problems };
}

/** Waits until there is a child again, and reads what the trial has come to so far. */
async function readStory(
  { daemon, real }: Bench, { victim }: Trial, { childPid, lastSeq }: Witness,
): Promise<Story> {
  await waitUntil("there is another child", async () => {
    const { pid, status } = await childOf(daemon);
    return pid !== childPid && status === "running";
  });
  const events = readJournal(real.logsDir).events.filter(({ seq }) => seq > lastSeq);
  const death = events.find(({ type }) => type === (victim === "child" ? "child.exited" : "daemon.started"));
  if (death === undefined) throw new Error("nobody has told of the death");
  return {
    has: (type) => events.find((event) => event.type === type),
    before: (type) => events.some((event) => event.type === type && event.seq < death.seq),
  };
}

/** The end of the trial's turn; null when its victim died before it had written anything of it. */
async function endTurn(
  daemon: Daemon, { victim }: Trial, story: Story, problems: string[],
): Promise<TurnRecord | null> {
  const submitted = story.has("turn.submitted");
  if (submitted === undefined) return null;
  const { submissionId, sessionId } = submitted.detail as { submissionId: string; sessionId: string };
  // A request that the killed child had not been given went to the next one, where the turn runs as it should.
  const wasLate = story.has("turn.accepted") !== undefined && !story.before("turn.accepted");
  if (wasLate && victim !== "child") problems.push("the turn was sent by a daemon that had not been asked for it");
  if (wasLate) await daemon.post(`/v1/codexd/sessions/${sessionId}/interrupt`);
  const turn = await endOfTurn(daemon, submissionId);
  if (turn.status !== "interrupted" || (turn.error?.reason == null && !wasLate)) {
    problems.push(`the turn is ${turn.status}, reason ${turn.error?.reason}`);
  }
  return turn;
}

/** The end of the trial's run, in the same way. One that its victim did not end is cancelled. */
async function endRun(
  daemon: Daemon, { victim, words }: Trial, story: Story, { runCommands }: Witness, problems: string[],
): Promise<RunRecord | null> {
  const runId = story.has("run.queued")?.detail.runId;
  if (runId === undefined) return null;
  const get = async (): Promise<RunRecord> =>
    (await daemon.get<{ run: RunRecord }>(`/v1/codexd/runs/${runId}`)).data.run;
  if (victim !== "child" && story.before("run.started")) {
    await waitUntil("the run has its end", async () => (await get()).finishedAt !== null);
    const run = await get();
    if (run.status === "failed" && run.error?.reason === "interrupted") return run;
    problems.push(`the run is ${run.status}, reason ${run.error?.reason}`);
    return run;
  }
  // Its first shell may have become something else meanwhile, but it is the same process.
  const living = findLiving({ marks: [], words: [words.run] });
  const gone = runCommands.filter(({ pid }) => !living.some((process) => process.pid === pid));
  for (const { pid, command } of gone) problems.push(`process ${pid} of the run has gone with the child: ${command}`);
  type Cancelled = { readonly run: RunRecord; readonly survived: readonly unknown[] };
  const { data } = await daemon.post<Cancelled>(`/v1/codexd/runs/${runId}/cancel`);
  if (data.run.status !== "cancelled") problems.push(`the run is ${data.run.status} when it is cancelled`);
  if (data.survived.length > 0) problems.push(`survived the run: ${JSON.stringify(data.survived)}`);
  return data.run;
}

/**
 * A problem for each process that has anything of the trial, and for each that Codex's home knows but codexd and its
 * child, who may be at work for itself.
 */
async function leftBehind(bench: Bench, { words }: Trial, run: RunRecord | null): Promise<string[]> {
  const { daemon, daemonId, session, real } = bench;
  const child = (await childOf(daemon)).pid ?? 0;
  const marks = [`CODEX_THREAD_ID=${session.threadId}`, `BAA_CODEXD_RUN_ID=${run?.runId}`];
  const ofTrial = survivors({ marks, words: [words.turn, words.run] });
  const ofHome = { marks: [`BAA_CODEXD_DAEMON_ID=${daemonId}`, homeMark(real)], words: [] };
  return [...ofTrial, ...survivors(ofHome, ({ pid, line }) => pid === daemon.pid || line.includes(child))];
}

async function childOf(daemon: Daemon): Promise<ChildState> {
  const { data } = await daemon.get<{ snapshot: { daemon: { child: ChildState } } }>("/v1/codexd/status");
  return data.snapshot.daemon.child;
}

function stageOf(commands: readonly LivingProcess[], word: string, hasBegun: boolean): Stage {
  if (areBothThere(commands, word)) return "both commands";
  if (commands.length > 0) return "command";
  return hasBegun ? "begun" : "not begun";
}

/** Kills by victim and by how far turn and run had come. */
function summarize(hits: readonly Hit[], log: SoakOptions["log"]): Record<string, Record<string, number>> {
  const entries = VICTIMS.flatMap((victim) => (["turn", "run"] as const).map((work) => {
    const counts = STAGES.map((stage) => {
      return [stage, hits.filter((hit) => hit.victim === victim && hit[work] === stage).length] as const;
    });
    for (const [stage, count] of counts) log(bar(`${victim}, ${work} ${stage}`, count));
    return [`${victim}: ${work}`, Object.fromEntries(counts)] as const;
  }));
  return Object.fromEntries(entries);
}
