// The soak `streams`: clients of every form of the event stream, cut `n` times in all while their daemon is ended.
//
// Fifty cuts a directory, on which a dozen clients, the library's follower and `codexd events` live through some
// daemons; every third has a journal so short that cursors expire. One with a problem leaves its directory.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ENDS, runStreams } from "../../test/support/stream-world.ts";
import { createSeeded } from "../seeded.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";
import { bar, verdict } from "../soak-trials.ts";

const CUTS_EACH = 50;
const SMALL_EVERY = 3;
/** They mostly wait for what they have planned. */
const AT_A_TIME = 2;

export async function run({ n, seed, log }: SoakOptions): Promise<SoakResult> {
  const { next } = createSeeded(seed);
  const worlds = Math.max(1, Math.ceil(n / CUTS_EACH));
  const waiting = Array.from({ length: worlds }, (_, i) => ({
    cuts: Math.min(CUTS_EACH, n - i * CUTS_EACH), seed: Math.floor(next() * 2 ** 32), small: i % SMALL_EVERY === 2,
  }));
  const hits = new Map<string, number>(ENDS.map((end) => [end, 0]));
  const total = { cuts: 0, kills: 0, told: 0, gaps: 0 };
  let failures = 0;
  const lane = async (): Promise<void> => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
      const root = mkdtempSync(path.join(tmpdir(), "codexd-streams-"));
      const result = await runStreams({ root, ...plan });
      for (const name of Object.keys(total) as Array<keyof typeof total>) total[name] += result[name];
      for (const end of ENDS) hits.set(end, (hits.get(end) ?? 0) + result.hits[end]);
      log(`${total.cuts}/${n} seed ${plan.seed}${plan.small ? ", a short journal" : ""}: ${verdict(result.problems)}`);
      if (result.problems.length === 0) {
        rmSync(root, { recursive: true, force: true });
      } else {
        failures += 1;
        log(`its files are kept in ${root}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  log("where the clients were when they were cut (whole: a page, or a refusal, which is no cut):");
  for (const [end, count] of hits) log(bar(end, count).slice(0, 120));
  return { failures, detail: { ...total, ...Object.fromEntries(hits) } };
}
