// Kill torture: one daemon after another on one state directory, each under load and each ended by SIGKILL.
//
// The moment is seeded: some milliseconds or files into its start (which is the recovery from the kill before), under
// load, at the rename of a segment, at a checkpoint, at the end of an old segment, at an answer, or in its orderly end.
// The embedded agent stands for Codex. Invariant: what is judged lies in files and answers alone; no daemon outlives
// `end`.

import { existsSync, mkdirSync, watch } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createSeeded, type Seeded } from "../../scripts/seeded.ts";
import { spawnDaemon, type Daemon } from "./daemon.ts";
import { findLiving } from "./living-processes.ts";
import { readJournal } from "./journal-reader.ts";
import { compareAnswers, repeatKeyed } from "./torture-restart.ts";
import { TortureJudge, type Counts } from "./torture-judge.ts";
import { startLoad, type Keyed, type Served } from "./torture-load.ts";
import { listenByNdjson, listenBySse, listenByWebSocket } from "./told-events.ts";

/** Where a kill is meant to fall. */
export const MOMENTS = ["start", "recovery", "load", "rotation", "checkpoint", "retention", "answer", "stop"] as const;
export type Moment = (typeof MOMENTS)[number];
type UnderLoad = Exclude<Moment, "start" | "recovery">;

export interface Kill {
  readonly meant: Moment;
  /** Where it fell: what it waited for can have stayed away, and then it fell in the load. */
  readonly hit: Moment;
  readonly problems: readonly string[];
}

export interface Torture {
  /** One life and its end. */
  kill(): Promise<Kill>;
  /** A last life, ended in order, and what is wrong after all. */
  end(): Promise<string[]>;
  readonly counts: Counts;
}

export interface TortureOptions {
  /** Of the torture's own; it must not be there yet. */
  readonly stateDir: string;
  readonly seed: number;
}

const KIB = 1024;
/** In segments of 64 KiB, which is the least. */
const JOURNAL_BYTES = 384 * KIB;
const KEEP_RECORDS = 40;
const FLAGS = [
  "--journal-max-bytes", String(JOURNAL_BYTES), "--keep-records", String(KEEP_RECORDS), "--max-runs", "2",
  "--log-level", "warn",
];
const DURABILITIES = ["process", "interval", "power"];
/** How often each moment is meant, of a hundred. */
const SHARES: Readonly<Record<Moment, number>> = {
  start: 22, recovery: 18, load: 17, rotation: 12, checkpoint: 12, retention: 5, answer: 9, stop: 5,
};
const LOAD_MS = 250;
/** How long what is waited for may stay away, and how long after it the kill may fall. */
const WATCH_MS = 1000;
const BEHIND_MS = 3;
const STOP_MS = 80;
/** What a start makes, renames and writes: so many changes of names and files are told of it at most. */
const START_CHANGES = 40;
/** What the first start takes at least; later ones are measured. */
const FIRST_START_MS = 200;

export function createTorture({ stateDir, seed }: TortureOptions): Torture {
  const chance = createSeeded(seed);
  const logsDir = path.join(stateDir, "logs");
  mkdirSync(logsDir, { recursive: true, mode: 0o700 });
  const limits = { journalMaxBytes: JOURNAL_BYTES, keepRecords: KEEP_RECORDS };
  const judge = new TortureJudge({ stateDir, logsDir, ...limits });
  let startMs = FIRST_START_MS;
  let lives = 0;
  let keyed: readonly Keyed[] = [];

  const spawn = (): Daemon => {
    const durability = DURABILITIES[Math.floor(chance.next() * DURABILITIES.length)] ?? "interval";
    return spawnDaemon({ stateDir, command: "demo", flags: [...FLAGS, "--durability", durability] });
  };

  /** Waits until it serves: then what the last daemon left has its end, and answers are those of the files. */
  const serve = async (daemon: Daemon): Promise<{ served: Served; listening: Array<Promise<void>> }> => {
    const began = performance.now();
    const { service } = await daemon.started;
    startMs = performance.now() - began;
    const served = { baseUrl: service.resolvedBaseUrl, token: await daemon.token() };
    const listened = { ...served, told: (text: string) => judge.told(text) };
    // First of all, so that nothing comes and goes unseen.
    const listening = [listenByWebSocket(listened, judge.headSeq), listenByNdjson(listened), listenBySse(listened)];
    await compareAnswers(served, judge);
    await repeatKeyed(served, judge, keyed);
    keyed = [];
    // What a daemon cannot end, because it is killed, the next one's start ends. Not at the kill: looking takes time.
    for (const stray of findStrays(stateDir, daemon.pid)) judge.problem(stray);
    return { served, listening };
  };

  const dieInStart = async (daemon: Daemon, meant: Moment): Promise<Moment> => {
    const watched = meant === "recovery"
      ? watchChanges([stateDir, logsDir], 1 + Math.floor(chance.next() * START_CHANGES), daemon.started)
      : null;
    await (watched ?? pause(chance.next() * startMs));
    await daemon.kill("SIGKILL");
    return meant;
  };

  const live = async (daemon: Daemon, meant: UnderLoad): Promise<Moment> => {
    const { served, listening } = await serve(daemon);
    const load = startLoad(served, judge, chance, lives);
    const hit = await waitFor(meant, { stateDir, logsDir, chance, nextAnswer: load.nextAnswer, daemon });
    await daemon.kill("SIGKILL");
    await Promise.all([...listening, load.stop()]);
    keyed = load.keyed;
    return hit;
  };

  return {
    counts: judge.counts,
    async kill() {
      const meant = pickMoment(chance);
      lives += 1;
      const daemon = spawn();
      let hit: Moment = meant;
      try {
        hit = await (meant === "start" || meant === "recovery" ? dieInStart(daemon, meant) : live(daemon, meant));
      } catch (error) {
        judge.problem(error instanceof Error ? error.message : String(error));
        await daemon.kill("SIGKILL");
      }
      return { meant, hit, problems: judge.examine() };
    },
    async end() {
      const daemon = spawn();
      const { listening } = await serve(daemon);
      const { code } = await daemon.kill("SIGTERM");
      if (code !== 0) judge.problem(`the last daemon ended with ${code}: ${daemon.stderr()}`);
      await Promise.all(listening);
      const { events } = readJournal(logsDir);
      if (events.at(-1)?.type !== "daemon.stopped") judge.problem(`the last event is ${events.at(-1)?.type}`);
      for (const stray of findStrays(stateDir, daemon.pid)) judge.problem(stray);
      return judge.examine();
    },
  };
}

function pickMoment(chance: Seeded): Moment {
  let at = chance.next() * 100;
  return MOMENTS.find((moment) => (at -= SHARES[moment]) < 0) ?? "load";
}

interface Scene {
  readonly stateDir: string;
  readonly logsDir: string;
  readonly chance: Seeded;
  readonly daemon: Daemon;
  nextAnswer(): Promise<void>;
}

/** Resolves when the kill is due; gives what it falls upon. */
async function waitFor(meant: UnderLoad, scene: Scene): Promise<Moment> {
  const { chance, daemon } = scene;
  const behind = chance.next();
  const nth = 1 + Math.floor(chance.next() * 3);
  if (meant === "load") await pause(behind * LOAD_MS);
  else if (meant === "stop") {
    await pause(behind * LOAD_MS);
    process.kill(daemon.pid, "SIGTERM");
    await pause(chance.next() * STOP_MS);
  } else if (meant === "answer") {
    const late = pause(WATCH_MS, "late");
    for (let i = 0; i < nth * 3; i++) if ((await Promise.race([scene.nextAnswer(), late])) === "late") return "load";
  } else {
    if (!(await watchFor(meant, scene, meant === "checkpoint" ? nth : 1))) return "load";
    // A third of them at once.
    if (behind > 1 / 3) await pause((behind - 1 / 3) * 1.5 * BEHIND_MS);
  }
  return meant;
}

/** What a name that came or went tells. */
const SIGNS: Readonly<Record<"rotation" | "checkpoint" | "retention", RegExp>> = {
  rotation: /^events-\d{16}\.jsonl$/,
  retention: /^events-\d{16}\.jsonl$/,
  checkpoint: /^[a-z]+-registry\.json\.[0-9a-f]{16}\.tmp$/,
};

/** False when it has stayed away. A segment's name comes when it is closed, and goes when it is old. */
function watchFor(sign: keyof typeof SIGNS, { stateDir, logsDir }: Scene, nth: number): Promise<boolean> {
  return new Promise((resolve) => {
    const seen = new Set<string>();
    let left = nth;
    const end = (found: boolean): void => {
      clearTimeout(timer);
      watcher.close();
      resolve(found);
    };
    const timer = setTimeout(() => end(false), WATCH_MS);
    const watcher = watch(sign === "checkpoint" ? stateDir : logsDir, (event, name) => {
      if (event !== "rename" || name === null || !SIGNS[sign].test(name)) return;
      // The second rename of a name that was seen to come is its going.
      const isNew = !seen.has(name) && existsSync(path.join(logsDir, name));
      seen.add(name);
      if (sign === "rotation" && !isNew) return;
      if (sign === "retention" && isNew) return;
      left -= 1;
      if (left === 0) end(true);
    });
  });
}

/** Resolves at the nth change of anything in these directories, and when `until` is settled. */
async function watchChanges(directories: readonly string[], nth: number, until: Promise<unknown>): Promise<void> {
  let left = nth;
  let end: () => void = () => undefined;
  const changed = new Promise<void>((resolve) => (end = resolve));
  const watchers = directories.map((directory) => watch(directory, () => {
    left -= 1;
    if (left === 0) end();
  }));
  await Promise.race([changed, until.catch(() => undefined)]);
  for (const watcher of watchers) watcher.close();
}

/** Programs of the agent in this directory that have lost their daemon. */
function findStrays(stateDir: string, daemonPid: number): string[] {
  const found = findLiving({ marks: [], words: [`--home ${path.join(stateDir, "agent")}`] });
  const strays = found.filter(({ line }) => !line.includes(daemonPid));
  return strays.map(({ pid, command }) => `process ${pid} lives: ${command}`);
}
