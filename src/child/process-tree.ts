// The processes of this machine, as far as it takes to find and end what a run or a turn has left behind.
//
// Linux only, out of /proc; elsewhere nothing is found, and of a run only its process group can be ended.
// Deliberately not a policy: who is to be ended is the caller's question (end-processes.ts).
//
// Invariants: a process is a pid and its start time, and the start time is read again right before a signal, so that
// a pid that now is somebody else's is left alone; codexd and the processes above it are never found.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { redact } from "../core/redact.ts";

/** A process is the same one only if both numbers are. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Ticks since the machine has started (proc(5), field 22 of stat). */
  readonly startTime: number;
}

export interface ProcessEntry extends ProcessIdentity {
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
}

export interface ProcessQuery {
  /** Has one of these in its environment as it was started: `NAME=value`. */
  readonly marks: readonly string[];
  /** Also what belongs to this one by group, session or descent. A group counts as long as its number is not reused. */
  readonly root?: ProcessIdentity | undefined;
  /** Only of these, and of what they have started: for a mark that others may carry too. */
  readonly descendantsOf?: ProcessIdentity | undefined;
  /** With it also what has left that descent, where it carries this too; without a descent whatever carries both. */
  readonly strayMark?: string | undefined;
}

export interface ProcessTree {
  /** The living process of that pid, or undefined. */
  identify(pid: number): ProcessEntry | undefined;
  /** Whether it still lives; a zombie does not. */
  isAlive(process: ProcessIdentity): boolean;
  /**
   * Everything that fits, and all below it, in order of pid. Reads all of /proc (some 50 µs a process), and lets others
   * run meanwhile.
   */
  find(query: ProcessQuery): Promise<ProcessEntry[]>;
  /** Its command line, for people: cut, and without secrets. */
  describe(process: ProcessIdentity): string;
  /** False where it has gone, or may not be signalled. */
  signal(process: ProcessIdentity, signal: NodeJS.Signals): boolean;
  /** To the whole group of a leader that its parent has not yet seen end: until then its number is not reused. */
  signalGroup(leaderPid: number, signal: NodeJS.Signals): void;
}

export interface ProcessTreeOptions {
  /** Where the process file system is. */
  readonly root?: string;
  readonly ownPid?: number;
  /** @throws as process.kill does. */
  readonly kill?: (pid: number, signal: NodeJS.Signals) => void;
}

const COMMAND_CHARS_MAX = 200;
/** Files that are read before others get a turn: under a millisecond. */
const READS_A_SLICE = 16;
/** A process has no environment to show for as long as the kernel takes to put another program into it. */
const SECOND_LOOK_MS = 10;

export function createProcessTree(options: ProcessTreeOptions = {}): ProcessTree {
  const { root = "/proc", ownPid = process.pid, kill = (pid, signal) => void process.kill(pid, signal) } = options;
  const fileOf = (pid: number, name: string): string => path.join(root, String(pid), name);
  const identify = (pid: number): ProcessEntry | undefined => parseStat(pid, read(fileOf(pid, "stat")));
  const isAlive = ({ pid, startTime }: ProcessIdentity): boolean => identify(pid)?.startTime === startTime;

  const list = async (pause: () => Promise<void>): Promise<Map<number, ProcessEntry>> => {
    const all = new Map<number, ProcessEntry>();
    for (const pid of pidsIn(root)) {
      const entry = identify(pid);
      if (entry !== undefined) all.set(pid, entry);
      await pause();
    }
    return all;
  };

  /** `blank` is what shows no environment: another user's process, or one that is just becoming another program. */
  const lookAt = (
    { pid }: ProcessEntry, marks: readonly string[], also?: string,
  ): "marked" | "unmarked" | "blank" => {
    const environment = read(fileOf(pid, "environ"));
    if (environment === "") return "blank";
    const carries = (mark: string): boolean => `\0${environment}`.includes(`\0${mark}\0`);
    return marks.some(carries) && (also === undefined || carries(also)) ? "marked" : "unmarked";
  };

  const send = (pid: number, signal: NodeJS.Signals): boolean => {
    try {
      kill(pid, signal);
      return true;
    } catch {
      // It has gone meanwhile, or is another user's: who looks again sees which.
      return false;
    }
  };

  return {
    identify,
    isAlive,
    async find({ marks, root: top, descendantsOf, strayMark }) {
      const pause = createPause();
      const all = await list(pause);
      const spared = ancestorsOf(all, ownPid);
      const below = descendantsOf === undefined ? undefined : descendantsIn(all, aliveIn(all, descendantsOf));
      const isStray = ({ pid }: ProcessEntry): boolean => strayMark !== undefined && below?.has(pid) !== true;
      const found = top === undefined ? new Set<number>() : familyOf(all, top);
      // What is older than the root cannot be the root's: it need not be looked into.
      const since = Math.max(top?.startTime ?? 0, strayMark === undefined ? (descendantsOf?.startTime ?? 0) : 0);
      const blank: ProcessEntry[] = [];
      // Without a mark to look for there is nothing to read.
      for (const entry of marks.length === 0 ? [] : all.values()) {
        if (spared.has(entry.pid) || found.has(entry.pid) || entry.startTime < since) continue;
        if (below?.has(entry.pid) === false && !isStray(entry)) continue;
        const look = lookAt(entry, marks, isStray(entry) ? strayMark : undefined);
        if (look === "marked") found.add(entry.pid);
        if (look === "blank") blank.push(entry);
        await pause();
      }
      if (blank.length > 0) await setTimeout(SECOND_LOOK_MS);
      for (const entry of blank) {
        const look = lookAt(entry, marks, isStray(entry) ? strayMark : undefined);
        if (look === "marked" && isAlive(entry)) found.add(entry.pid);
      }
      const whole = descendantsIn(all, found);
      return [...all.values()].filter(({ pid }) => whole.has(pid) && !spared.has(pid));
    },
    describe({ pid }) {
      const words = read(fileOf(pid, "cmdline")).split("\0").join(" ").trim();
      const command = words === "" ? read(fileOf(pid, "comm")).trim() : words;
      return redact(command).slice(0, COMMAND_CHARS_MAX);
    },
    signal: (target, signal) => isAlive(target) && send(target.pid, signal),
    signalGroup(leaderPid, signal) {
      send(-leaderPid, signal);
    },
  };
}

/** The one of the machine that codexd runs on. */
export const systemProcesses: ProcessTree = createProcessTree();

/** Lets others run at every so many calls. */
function createPause(): () => Promise<void> {
  let reads = 0;
  return async () => {
    reads += 1;
    if (reads % READS_A_SLICE === 0) await setImmediate();
  };
}

/** The numbers of all processes, lowest first; none where there is no such file system. */
export function pidsIn(root: string): number[] {
  try {
    return readdirSync(root).filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b);
  } catch {
    // No /proc: nothing can be found.
    return [];
  }
}

/** A file of the process file system; empty where the process has gone, or is another user's. */
export function read(file: string): string {
  try {
    // Arguments and environments are bytes; nothing that is looked for is outside of ASCII. UTF-8 is what Node reads
    // in half the time that Latin-1 takes it, and a start looks at every process.
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Undefined for what is none, or dead. The name in parentheses may hold anything, so it is skipped from its end. */
function parseStat(pid: number, stat: string): ProcessEntry | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0] ?? "";
  const numberAt = (field: number): number => Number(fields[field - 3]);
  if (state === "" || state === "Z" || state === "X" || fields.length < 20) return undefined;
  return { pid, parentPid: numberAt(4), groupId: numberAt(5), sessionId: numberAt(6), startTime: numberAt(22) };
}

/** Group and session of a process, which need not live any more; itself where it does. */
function familyOf(all: ReadonlyMap<number, ProcessEntry>, top: ProcessIdentity): Set<number> {
  const family = aliveIn(all, top);
  // The number is another's by now: so are all groups that bear it.
  if (family.size === 0 && all.has(top.pid)) return family;
  for (const { pid, groupId, sessionId } of all.values()) {
    if (groupId === top.pid || sessionId === top.pid) family.add(pid);
  }
  return family;
}

/** The process alone, if it still is the same one. */
function aliveIn(all: ReadonlyMap<number, ProcessEntry>, { pid, startTime }: ProcessIdentity): Set<number> {
  return new Set(all.get(pid)?.startTime === startTime ? [pid] : []);
}

/** With the processes themselves. */
export function descendantsIn(all: ReadonlyMap<number, ProcessEntry>, tops: ReadonlySet<number>): Set<number> {
  const found = new Set(tops);
  // Children have greater numbers than their parents only until the numbers wrap: so until nothing is added.
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const { pid, parentPid } of all.values()) {
      if (found.has(parentPid)) found.add(pid);
    }
  }
  return found;
}

/** With the process itself. */
function ancestorsOf(all: ReadonlyMap<number, ProcessEntry>, pid: number): Set<number> {
  const found = new Set<number>();
  for (let at = all.get(pid); at !== undefined && !found.has(at.pid); at = all.get(at.parentPid)) found.add(at.pid);
  return found;
}
