// The soak `slow-readers`: readers that stop reading during `n` MiB of events, and what the daemon's memory says to it.
//
// A turn with them is held against the same turn without, each in a daemon of its own that has had a turn before: what
// the heap takes for a turn is in both. Against are held the sizes behind the turn, and the largest of each; where the
// bound is small beside what the collector leaves by chance (10 MiB either way), the medians of three.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runSlowReaders, type SlowPlan, type SlowResult, type StreamForm } from "../../test/support/slow-readers.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";

const MIB = 2 ** 20;
const FORMS: readonly StreamForm[] = ["websocket", "sse", "ndjson"];
const WARM_UP_BYTES = 32 * MIB;
const MANY = 50;
const PAGING = 5;
/** One that stops, and fifty of them. */
const ONE_BYTES_MAX = 20 * MIB;
const MANY_BYTES_MAX = 80 * MIB;

interface Case {
  readonly name: string;
  readonly plan: Partial<SlowPlan>;
  readonly grownBytesMax: number;
}

const CASES: readonly Case[] = [
  ...FORMS.map((form) => ({ name: `one ${form}`, plan: { stopped: [form] }, grownBytesMax: ONE_BYTES_MAX })),
  { name: `${MANY} websocket`, plan: { stopped: times(MANY, ["websocket"]) }, grownBytesMax: MANY_BYTES_MAX },
  { name: `${MANY} of all forms`, plan: { stopped: times(MANY, FORMS) }, grownBytesMax: MANY_BYTES_MAX },
  { name: `${MANY} with filters`, plan: { filtered: times(MANY, FORMS) }, grownBytesMax: MANY_BYTES_MAX },
  {
    name: `${MANY} mixed, and ${PAGING} that page`,
    plan: { stopped: times(MANY / 2, FORMS), filtered: times(MANY / 2, FORMS), paging: PAGING },
    grownBytesMax: MANY_BYTES_MAX,
  },
  { name: "slow, and bytewise", plan: { slow: FORMS, bytewise: FORMS }, grownBytesMax: MANY_BYTES_MAX },
];

export async function run({ n, log }: SoakOptions): Promise<SoakResult> {
  const without = await median(n, {});
  log(`without: ${described(without)}`);
  let failures = without.problems.length > 0 ? 1 : 0;
  const grown: Record<string, readonly number[]> = {};
  for (const { name, plan, grownBytesMax } of CASES) {
    const result = await (grownBytesMax === ONE_BYTES_MAX ? median(n, plan) : once(n, plan));
    const bytes = [result.rssBytes - without.rssBytes, result.peakBytes - without.peakBytes];
    const problems = [...result.problems, ...(Math.max(...bytes) < grownBytesMax ? [] : ["it has grown too much"])];
    grown[name] = bytes.map((size) => Math.round(size / MIB));
    log([`${name}: ${described(result)}, ${grown[name].join(" and ")} MiB more`, ...problems].join("; "));
    if (problems.length > 0) failures += 1;
  }
  return { failures, detail: { rssMib: Math.round(without.rssBytes / MIB), grownMib: grown } };
}

async function median(n: number, plan: Partial<SlowPlan>): Promise<SlowResult> {
  const first = await once(n, plan);
  const all = [first, await once(n, plan), await once(n, plan)];
  const middle = (sizes: readonly number[]): number => sizes.toSorted((a, b) => a - b)[1] ?? 0;
  return {
    ...first,
    problems: all.flatMap(({ problems }) => problems),
    rssBytes: middle(all.map(({ rssBytes }) => rssBytes)),
    peakBytes: middle(all.map(({ peakBytes }) => peakBytes)),
  };
}

async function once(n: number, plan: Partial<SlowPlan>): Promise<SlowResult> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "codexd-slow-"));
  try {
    const nobody = { stopped: [], slow: [], bytewise: [] };
    const course = { warmUpBytes: WARM_UP_BYTES, bytes: n * MIB, cutOff: true, wholeMax: 1 };
    return await runSlowReaders({ stateDir, ...course, ...nobody, ...plan });
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function described({ events, turnMs, rssBytes, peakBytes }: SlowResult): string {
  const [rss, peak] = [rssBytes, peakBytes].map((bytes) => Math.round(bytes / MIB));
  return `${events} events in ${(turnMs / 1000).toFixed(1)} s, ${rss} MiB, at most ${peak}`;
}

function times(count: number, forms: readonly StreamForm[]): StreamForm[] {
  return Array.from({ length: count }, (_, i) => forms[i % forms.length] ?? "websocket");
}
