// Whether a child that has died is worth another life.
//
// Deliberately of owned children alone: an app-server that runs elsewhere is connected to for ever, because it can come
// back without a word. Invariant: what died less often than the limit is always worth another life, unless its command
// line or its configuration is refused, which no retry changes.

import type { Clock } from "../base/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { LifeEnd } from "./life.ts";

export interface GiveUp {
  /** Counts a death. Why another life would be no use, as half a sentence; null where it is worth a try. */
  after(end: LifeEnd, worked: boolean, stderr: readonly string[]): string | null;
  /** A person has asked for another life. */
  reset(): void;
}

interface Refusal {
  readonly exitCode: number;
  /** What one line of stderr then says. */
  readonly says: RegExp;
  readonly outcome: string;
}

/**
 * How Codex refuses what it was given (measured). What the machine denies it, such as a home that is not there yet, it
 * tells with `Error: ` and exit code 1 too: that can pass, and is tried again.
 */
const REFUSALS: readonly Refusal[] = [
  { exitCode: 2, says: /^error: /, outcome: "it does not take its arguments" },
  { exitCode: 1, says: /^Error: error parsing -c overrides: /, outcome: "it does not take its arguments" },
  {
    exitCode: 1,
    says: /^Error: (.* is no longer supported\b|Model provider .* not found$|error loading config)/i,
    outcome: "it refuses its configuration",
  },
];

export function createGiveUp(clock: Clock): GiveUp {
  /** When it died, by the monotonic clock. */
  let deaths: number[] = [];
  return {
    after(end, worked, stderr) {
      // What never began has not died: a machine that is short of something is asked again.
      if (end.spawnFailed) return null;
      const refused = worked ? undefined : REFUSALS.find(({ exitCode, says }) =>
        end.exitCode === exitCode && stderr.some((line) => says.test(line)));
      if (refused !== undefined) return `${refused.outcome}, so it is not started again`;
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
