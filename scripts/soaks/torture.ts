// The soak `torture`: kill -9 of a daemon under load, `n` times, on the embedded agent.
//
// Unlike `kill`, which has the real Codex and a turn at a time, it goes for the store: segments of 64 KiB, a journal of
// six, forty records of a kind. Several tortures run at a time, each on a directory of its own that it keeps for
// fifty kills. One that has found a problem ends there, and leaves its directory to be looked at.

import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import type { Counts } from "../../test/support/torture-judge.ts";
import { createTorture, MOMENTS, type Kill, type Moment } from "../../test/support/torture.ts";
import { createSeeded } from "../seeded.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";
import { bar, verdict } from "../soak-trials.ts";

const KILLS_EACH = 50;
/** Of so many some must have fallen on each moment. */
const ALL_MOMENTS = 500;
/** A life waits about as long as it works. */
const AT_A_TIME = Math.min(6, availableParallelism() + 1);

interface Share {
  readonly n: number;
  readonly seed: number;
}

export async function run({ n, seed, log }: SoakOptions): Promise<SoakResult> {
  const waiting = planShares(n, seed);
  const hits = new Map<Moment, number>(MOMENTS.map((moment) => [moment, 0]));
  const total: Counts = { told: 0, answered: 0, blind: 0, pruned: 0, segmentsGone: 0 };
  const began = performance.now();
  let kills = 0;
  let failures = 0;
  const note = (share: Share, { meant, hit, problems }: Kill): void => {
    kills += 1;
    hits.set(hit, (hits.get(hit) ?? 0) + 1);
    if (problems.length > 0 || kills % 50 === 0) {
      const rate = (kills / (performance.now() - began)) * 1000;
      const where = `seed ${share.seed}, ${meant}, hit ${hit}`;
      log(`${kills}/${n} (${rate.toFixed(1)} a second), ${where}: ${verdict(problems)}`);
    }
  };
  const lane = async (): Promise<void> => {
    for (let share = waiting.pop(); share !== undefined; share = waiting.pop()) {
      const { counts, failed } = await torture(share, note, log);
      failures += failed;
      for (const name of Object.keys(total) as Array<keyof Counts>) total[name] += counts[name];
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  log("where the kills fell:");
  for (const [moment, count] of hits) log(bar(moment, count));
  const missing = n >= ALL_MOMENTS ? [...hits].filter(([, count]) => count === 0).map(([moment]) => moment) : [];
  for (const moment of missing) log(`no kill has fallen on ${moment}`);
  return { failures: failures + missing.length, detail: { kills, ...total, ...Object.fromEntries(hits) } };
}

function planShares(n: number, seed: number): Share[] {
  const chance = createSeeded(seed);
  const shares = Math.max(1, Math.min(Math.ceil(n / KILLS_EACH), n));
  return Array.from({ length: shares }, (_, i) => ({
    n: Math.floor(((i + 1) * n) / shares) - Math.floor((i * n) / shares),
    seed: Math.floor(chance.next() * 2 ** 32),
  }));
}

/** The kills of one directory. 1 in `failed` when a problem has ended them. */
async function torture(
  share: Share, note: (share: Share, kill: Kill) => void, log: SoakOptions["log"],
): Promise<{ readonly counts: Counts; readonly failed: number }> {
  const root = mkdtempSync(path.join(tmpdir(), "codexd-torture-"));
  const { kill, end, counts } = createTorture({ stateDir: path.join(root, "state"), seed: share.seed });
  let failed = false;
  for (let i = 0; i < share.n && !failed; i++) {
    const done = await kill();
    note(share, done);
    failed = done.problems.length > 0;
  }
  const last = failed ? [] : await end();
  if (last.length > 0) log(`seed ${share.seed}, at the end: ${verdict(last)}`);
  failed ||= last.length > 0;
  if (failed) log(`its files are kept in ${root}`);
  else rmSync(root, { recursive: true, force: true });
  return { counts, failed: failed ? 1 : 0 };
}
