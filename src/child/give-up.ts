// Whether a child that has died is worth another life.
//
// Deliberately of owned children alone: an app-server that runs elsewhere is connected to for ever, because it can come
// back without a word. Invariant: what died less often than the limit is always worth another life, unless its command
// line is refused, which no retry changes.

import type { Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { LifeEnd } from "./life.ts";

export interface GiveUp {
  /** Counts a death. Why another life would be no use, as half a sentence; null where it is worth a try. */
  after(end: LifeEnd, worked: boolean, stderr: readonly string[]): string | null;
  /** A person has asked for another life. */
  reset(): void;
}

/** The exit code of Codex's parser of arguments, and what it then says on stderr (measured). */
const USAGE_EXIT = 2;
const USAGE_LINE = /^error: /;

export function createGiveUp(clock: Clock): GiveUp {
  /** When it died, by the monotonic clock. */
  let deaths: number[] = [];
  return {
    after(end, worked, stderr) {
      // What never began has not died: a machine that is short of something is asked again.
      if (end.spawnFailed) return null;
      const refused = !worked && end.exitCode === USAGE_EXIT && stderr.some((line) => USAGE_LINE.test(line));
      if (refused) return "it does not take its arguments, so it is not started again";
      const now = clock.monotonic();
      deaths = [...deaths.filter((at) => now - at < LIMITS.childDeathsMs), now];
      if (deaths.length < LIMITS.childDeathsMax) return null;
      return `it has died ${deaths.length} times in ${LIMITS.childDeathsMs / 1000} s, so it is not started again`;
    },
    reset() {
      deaths = [];
    },
  };
}
