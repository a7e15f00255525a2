// The soak `interrupts`: a real turn is interrupted at a seeded moment, `n` times, a third of them in its first 50 ms.
//
// The turns are of several kinds, and the moment can be before codexd has answered, or after the turn has ended by
// itself. Afterwards the turn must be `interrupted` or had ended, no command of it may live when the interrupt is
// answered, and the session must take a turn. An interrupt that was there before the turn is made again.

import type { CodexdEvent } from "../../src/core/event.ts";
import type { StopReport } from "../../src/core/processes.ts";
import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import { askingSession } from "../../test/support/approval-talk.ts";
import type { Daemon } from "../../test/support/daemon.ts";
import { openEventStream, type EventStream } from "../../test/support/event-stream.ts";
import { readJournal } from "../../test/support/journal-reader.ts";
import { survivors } from "../../test/support/living-processes.ts";
import { createSession, endOfTurn, prepareRealCodex, runTurn } from "../../test/support/real-codex.ts";
import { createSeeded } from "../seeded.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";
import {
  bar, endedOnce, leavingTwo, pause, runTrials, sleepWord, takesTurn, type TrialBench, type Tried,
} from "../soak-trials.ts";

interface Kind {
  /** `word` begins the commands of the trial. */
  readonly prompt: (word: string) => string;
  readonly asks?: boolean;
  /** It can have ended before the interrupt comes. */
  readonly ends?: boolean;
}

const KINDS = {
  deltas: { prompt: () => "DELTAS=600 RATE=1000", ends: true },
  command: { prompt: (word) => `RUNCMD=${word}1;` },
  "command with a grandchild": { prompt: (word) => `${leavingTwo(word)} HANG=1` },
  "hanging model": { prompt: () => "HANG=2" },
  approval: { prompt: (word) => `ESCALATE=${word}1;`, asks: true },
} as const satisfies Record<string, Kind>;

/** How far the turn had come, as its events told it when the interrupt was sent. */
const STAGES = ["not submitted", "submitted", "accepted", "started", "at work", "asking", "ended"] as const;
type Stage = (typeof STAGES)[number];

/** The event from which on a turn is at that stage, the last one first. */
const STAGE_EVENTS: ReadonlyArray<readonly [RegExp, Stage]> = [
  [/^turn\.finished$/, "ended"],
  [/^approval\.requested$/, "asking"],
  [/^app-server\.(turn\.message|command\.output)\.delta$/, "at work"],
  [/^app-server\.turn\.started$/, "started"],
  [/^turn\.accepted$/, "accepted"],
  [/^turn\.submitted$/, "submitted"],
];

interface Trial {
  readonly kind: keyof typeof KINDS;
  /** From the request for the turn to that for its interrupt. */
  readonly afterMs: number;
  readonly word: string;
}

interface Bench extends TrialBench {
  readonly stream: EventStream;
  readonly sessions: ReadonlyMap<Trial["kind"], SessionRecord>;
}

interface Interrupted {
  readonly turn: TurnRecord | null;
  readonly problems: readonly string[];
}

interface Hit {
  readonly kind: Trial["kind"];
  readonly afterMs: number;
  readonly stage: Stage;
  /** The first interrupt was there before the turn. */
  readonly again: boolean;
  readonly status: TurnRecord["status"];
}

const EARLY = { share: 1 / 3, ms: 50 } as const;
const LATEST_MS = 1500;

export async function run({ n, seed, log }: SoakOptions): Promise<SoakResult> {
  const { hits, failures } = await runTrials({
    planned: planTrials(n, seed),
    open: openBench,
    once: interruptOnce,
    title: ({ kind, afterMs }, hit) => `${kind} after ${afterMs.toFixed(1)} ms, ${hit?.stage}`,
    log,
  });
  return { failures, detail: summarize(hits, log) };
}

function planTrials(n: number, seed: number): Trial[] {
  const chance = createSeeded(seed);
  const kinds = Object.keys(KINDS) as Array<Trial["kind"]>;
  const earlies = Math.ceil(n * EARLY.share);
  // Each kind has its share of the early ones.
  const plans = Array.from({ length: n }, (_, i) => {
    return { kind: kinds[i % kinds.length] as Trial["kind"], early: i < earlies };
  });
  return chance.shuffle(plans).map((plan, i) => ({
    kind: plan.kind,
    afterMs: plan.early ? chance.next() * EARLY.ms : EARLY.ms + chance.next() * (LATEST_MS - EARLY.ms),
    word: sleepWord(i),
  }));
}

/** A daemon with a session for each kind of turn, each of which has had one. */
async function openBench(): Promise<Bench> {
  const real = await prepareRealCodex("interrupts");
  try {
    const daemon = await real.start();
    const sessions = new Map<Trial["kind"], SessionRecord>();
    for (const [kind, { asks = false }] of Object.entries<Kind>(KINDS)) {
      const session = await (asks ? askingSession(daemon) : createSession(daemon));
      const turn = await runTurn(daemon, session.sessionId, "DELTAS=2");
      if (turn.status !== "completed") throw new Error(`the first turn ended as ${turn.status}`);
      sessions.set(kind as Trial["kind"], session);
    }
    return { real, daemon, sessions, stream: await openEventStream(daemon) };
  } catch (error) {
    await real.remove();
    throw error;
  }
}

async function interruptOnce(bench: Bench, trial: Trial): Promise<Tried<Hit>> {
  const { real, daemon, stream, sessions } = bench;
  const { kind, afterMs, word } = trial;
  const { prompt, ends = false }: Kind = KINDS[kind];
  const session = sessions.get(kind) as SessionRecord;
  const { sessionId, threadId } = session;
  const from = stream.seen.length;
  const events = (): CodexdEvent[] =>
    stream.seen.slice(from).map(({ event }) => event).filter(({ detail }) => detail.sessionId === sessionId);
  const commands = { marks: [`CODEX_THREAD_ID=${threadId}`], words: [word] };

  const asked = daemon.post<{ submissionId: string }>("/v1/codexd/turn", { sessionId, input: prompt(word) });
  await pause(afterMs);
  const stage = stageOf(events());
  const first = await interrupt(daemon, sessionId);
  const { status, data } = await asked;
  const problems = [...first.problems];
  if (status !== 202) problems.push(`the turn was answered with ${status}: ${JSON.stringify(data)}`);
  const turn = await daemon.get<{ turn: TurnRecord }>(`/v1/codexd/turns/${data.submissionId}`);
  const again = turn.data.turn.status === "inProgress";
  if (again) {
    if (stage !== "not submitted" || first.turn !== null) problems.push("the turn runs on behind its interrupt");
    problems.push(...(await interrupt(daemon, sessionId)).problems);
  }
  problems.push(...survivors(commands));
  const ended = await endOfTurn(daemon, data.submissionId);
  if (ended.status !== "interrupted" && !(ends && ended.status === "completed")) {
    problems.push(`the turn is ${ended.status}: ${ended.error?.message}`);
  }
  problems.push(...(await stillAsked(daemon, sessionId)));
  problems.push(...(await takesTurn(daemon, session)), ...survivors(commands));
  const journal = readJournal(real.logsDir);
  problems.push(...journal.problems, ...endedOnce(journal, data.submissionId, ended.status, ["turn.finished"]));
  return { hit: { kind, afterMs, stage, again, status: ended.status }, problems };
}

async function interrupt(daemon: Daemon, sessionId: string): Promise<Interrupted> {
  type Answer = StopReport & { readonly turn: TurnRecord | null };
  const { status, data } = await daemon.post<Answer>(`/v1/codexd/sessions/${sessionId}/interrupt`);
  if (status !== 200) return { turn: null, problems: [`the interrupt was answered with ${status}`] };
  const problems: string[] = [];
  if (data.turn?.status === "inProgress") problems.push("the interrupt was answered with a turn in progress");
  if (data.survived.length > 0) problems.push(`survived the interrupt: ${JSON.stringify(data.survived)}`);
  return { turn: data.turn, problems };
}

/** What an ended turn has asked is no question any more. */
async function stillAsked(daemon: Daemon, sessionId: string): Promise<string[]> {
  const { data } = await daemon.get<{ approvals: unknown[] }>(`/v1/codexd/approvals?session=${sessionId}`);
  return data.approvals.length === 0 ? [] : ["the turn's question is still open"];
}

function stageOf(events: readonly CodexdEvent[]): Stage {
  const found = STAGE_EVENTS.find(([type]) => events.some((event) => type.test(event.type)));
  return found?.[1] ?? "not submitted";
}

/** How the turns ended, and where the interrupts fell: by kind and stage, and early ones by tens of milliseconds. */
function summarize(hits: readonly Hit[], log: SoakOptions["log"]): Record<string, unknown> {
  const count = (title: string, fits: (hit: Hit) => boolean): number => {
    const found = hits.filter(fits).length;
    log(bar(title, found));
    return found;
  };
  const ends = ["interrupted", "completed"].map((status) => [status, count(status, (hit) => hit.status === status)]);
  const again = count("interrupted again", (hit) => hit.again);
  const stages = STAGES.map((stage) => [stage, count(stage, (hit) => hit.stage === stage)]);
  const kinds = Object.keys(KINDS).map((kind) => [kind, count(kind, (hit) => hit.kind === kind)]);
  const tens = Array.from({ length: EARLY.ms / 10 }, (_, ten) => {
    return count(`${ten * 10}-${ten * 10 + 10} ms`, ({ afterMs }) => Math.floor(afterMs / 10) === ten);
  });
  const [byStage, byKind] = [Object.fromEntries(stages), Object.fromEntries(kinds)];
  return { ...Object.fromEntries(ends), again, stages: byStage, kinds: byKind, tens };
}
