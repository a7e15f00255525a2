// What Codex leaves running: found by whose it is, and ended.
//
// Deliberately not when (service/turns/turn-leftovers.ts for a session, swept-child.ts for the child). A process is a
// thread's when it carries the thread's mark and lies below the living child, or carries the mark of this codexd too.
// It is an earlier child's when it is in that child's session (what Codex starts for itself carries no mark), or when
// it carries codexd's mark and is older than the living child, or lies below such a one. Invariant: nothing else is
// ever ended: not the child, not another session's, not another codexd's, not what somebody's own Codex runs.

import type { Clock } from "../base/clock.ts";
import type { StoppedProcess, StopReport } from "../core/processes.ts";
import { endProcesses, keyOf } from "./end-processes.ts";
import { descendantsIn, type ProcessEntry, type ProcessTree } from "./process-tree.ts";
import { daemonMark, type Spawner } from "./spawner.ts";
import { threadMarks } from "./thread-marks.ts";

/** A process of which its command line is known, also when it has gone. */
export interface SeenProcess extends ProcessEntry {
  readonly command: string;
}

export interface EndOfThread {
  /** Asks Codex to end them itself, once it is known what there is to end. Must not reject. */
  readonly ask: () => Promise<void>;
  /** False as soon as the thread has a turn again: what is found from then on may be that turn's. */
  readonly isIdle: () => boolean;
  /** What was the thread's before its turn was to end: to be ended and told whatever has begun since. */
  readonly seen?: readonly SeenProcess[];
}

export interface Leftovers {
  /** The spawner, through which the newest child is known from the moment on that it is there. */
  watch(spawner: Spawner): Spawner;
  /** The commands of a thread, and what they have started. */
  ofThread(threadId: string): Promise<readonly SeenProcess[]>;
  /** Ends the commands of a thread. */
  endThread(threadId: string, how: EndOfThread): Promise<StopReport>;
  /** What lies below the living child now: some of it may outlive the child, without any mark. */
  belowChild(): Promise<readonly ProcessEntry[]>;
  /** Ends what is left of every child that has died, and what of `known` still lives. */
  endStrays(known?: readonly ProcessEntry[]): Promise<StopReport>;
}

export interface LeftoversOptions {
  readonly processes: ProcessTree;
  readonly clock: Clock;
  readonly daemonId: string;
}

export function createLeftovers({ processes, clock, daemonId }: LeftoversOptions): Leftovers {
  const ownMark = daemonMark(daemonId);
  let newest: ProcessEntry | undefined;
  /** Children behind which nobody has looked yet. A number is not given anew while a session bears it. */
  let unswept: ProcessEntry[] = [];

  const livingChild = (): ProcessEntry | undefined =>
    newest !== undefined && processes.isAlive(newest) ? newest : undefined;

  const ofThread = async (threadId: string): Promise<SeenProcess[]> => {
    const marks = threadMarks(threadId);
    if (marks.length === 0) return [];
    const found = await processes.find({ marks, descendantsOf: livingChild(), strayMark: ownMark });
    const own = found.filter(({ pid }) => pid !== newest?.pid);
    return own.map((entry) => ({ ...entry, command: processes.describe(entry) }));
  };

  const findStrays = async (): Promise<ProcessEntry[]> => {
    const found = await processes.find({ marks: [ownMark] });
    // Read after the search: a child that has been started meanwhile is younger than what is to be ended.
    const bornBefore = livingChild()?.startTime ?? Number.POSITIVE_INFINITY;
    const older = found.filter(({ startTime }) => startTime < bornBefore).map(({ pid }) => pid);
    // One that starts others for ever is itself old, and they are not.
    const strays = descendantsIn(new Map(found.map((entry) => [entry.pid, entry])), new Set(older));
    return found.filter(({ pid }) => strays.has(pid));
  };

  return {
    watch: (spawner) => ({
      spawn(command, args, options) {
        const child = spawner.spawn(command, args, options);
        newest = child.pid === undefined ? undefined : processes.identify(child.pid);
        if (newest !== undefined) unswept.push(newest);
        return child;
      },
    }),

    ofThread,

    async endThread(threadId, { ask, isIdle, seen = [] }) {
      const known = new Map(seen.map((entry) => [keyOf(entry), entry]));
      const look = async (): Promise<ProcessEntry[]> => {
        const found = await ofThread(threadId);
        if (isIdle()) for (const entry of found) known.set(keyOf(entry), entry);
        return [...known.values()].filter((entry) => processes.isAlive(entry));
      };
      await look();
      const before = [...known.values()];
      if (isIdle()) await ask();
      return withEarlier(before, await endProcesses(look, { processes, clock }));
    },

    async belowChild() {
      const child = livingChild();
      if (child === undefined) return [];
      return (await processes.find({ marks: [], root: child })).filter(({ pid }) => pid !== child.pid);
    },

    async endStrays(known = []) {
      const dead = unswept.filter((child) => !processes.isAlive(child));
      const report = await endProcesses(async () => {
        const families = await Promise.all(dead.map((root) => processes.find({ marks: [], root })));
        const outlived = known.filter((entry) => processes.isAlive(entry));
        const found = [...families.flat(), ...(await findStrays()), ...outlived];
        return [...new Map(found.map((entry) => [keyOf(entry), entry])).values()];
      }, { processes, clock });
      unswept = unswept.filter((child) => !dead.includes(child));
      return report;
    },
  };
}

/** What went with its turn, or when Codex was asked, has been killed by Codex, which does so without a warning. */
function withEarlier(before: readonly SeenProcess[], report: StopReport): StopReport {
  const named = new Set([...report.stopped, ...report.survived].map(({ pid }) => pid));
  const gone = before.filter(({ pid }) => !named.has(pid))
    .map(({ pid, command }): StoppedProcess => ({ pid, command, signal: "SIGKILL" }));
  return { ...report, stopped: [...gone, ...report.stopped] };
}
