// A turn of the real Codex with 20,000 deltas through codexd, beside the same turn over Codex's own stdio.
//
// Two Codexes of the same version, one below the daemon and one below a bare client, on one mock model, which is a
// process of its own and streams as fast as it is read. Pairs alternate which comes first, so that neither a machine
// that drifts nor what a turn leaves behind counts for one of them. Each turn has a thread of its own.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import type { SessionRecord } from "../../src/core/records.ts";
import { CODEX_VERSION, codexBinary, codexHomeEnv, writeCodexHome } from "../../test/support/codex-install.ts";
import { startDaemon, type Daemon } from "../../test/support/daemon.ts";
import { installCodex } from "../installs.ts";
import { untilReady } from "./codex-child.ts";
import { median, medianUpperBound, type BenchOptions, type Figure } from "./figure.ts";
import { processorSeconds } from "./processor-time.ts";
import { startCommand, startProgram, withWorkDir, type Program } from "./programs.ts";

const DELTAS = 20_000;
const PAIRS = 31;
const RATIO_MAX = 1.05;
const UPPER_MAX = 1.1;
const MOCK = fileURLToPath(new URL("../../test/support/mock-model.ts", import.meta.url));

interface TurnTime {
  readonly ms: number;
  /** Of the process between Codex and whoever reads: the daemon, or the bare client, which is both. */
  readonly processorMs: number;
}

interface Pair {
  readonly value: TurnTime;
  readonly floor: TurnTime;
}

export function benchCodexTurn({ pairs = PAIRS }: BenchOptions): Promise<Figure[]> {
  installCodex(CODEX_VERSION);
  return withWorkDir(async (root) => {
    const mock = startCommand(process.execPath, ["--import", "tsx", MOCK]);
    try {
      return await withClients(root, Number(await mock.line()), async (own, bare) => {
        const measured: Pair[] = [];
        // The first is for what is compiled and made once.
        for (let n = -1; n < pairs; n += 1) {
          const first = await (n % 2 === 0 ? own() : bare());
          const second = await (n % 2 === 0 ? bare() : own());
          if (n >= 0) measured.push(n % 2 === 0 ? { value: first, floor: second } : { value: second, floor: first });
        }
        return figures(measured);
      });
    } finally {
      mock.process.kill("SIGTERM");
    }
  });
}

type Turn = () => Promise<TurnTime>;

async function withClients<T>(root: string, mockPort: number, body: (own: Turn, bare: Turn) => Promise<T>): Promise<T> {
  const [ownHome, bareHome] = [path.join(root, "own"), path.join(root, "bare")];
  for (const home of [ownHome, bareHome]) writeCodexHome(home, mockPort);
  const stateDir = path.join(root, "state");
  mkdirSync(stateDir, { mode: 0o700 });
  const flags = ["--server-command", codexBinary(), "--repo-root", root];
  const daemon = await startDaemon({ stateDir, flags, env: codexHomeEnv(ownHome) });
  const bare = startProgram("bare-client.mjs", [codexBinary(), bareHome]);
  try {
    await untilReady(daemon);
    const { service } = await daemon.started;
    const client = startProgram("turn-client.mjs", [new URL(service.resolvedBaseUrl).port, await daemon.token()]);
    await Promise.all([client.line(), bare.line()]);
    const result = await body(() => throughDaemon(daemon, client), () => overStdio(bare, root));
    client.end();
    return result;
  } finally {
    const gone = new Promise((resolve) => bare.process.once("exit", resolve));
    if (bare.process.exitCode === null) {
      bare.end();
      await gone;
    }
    await daemon.kill("SIGTERM");
  }
}

async function throughDaemon(daemon: Daemon, client: Program): Promise<TurnTime> {
  const profile = { sandbox: "danger-full-access", approvalPolicy: "never" };
  const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions", profile);
  return timed(daemon.pid, client, { sessionId: data.session.sessionId, input: `DELTAS=${DELTAS}` });
}

function overStdio(bare: Program, cwd: string): Promise<TurnTime> {
  return timed(bare.process.pid ?? 0, bare, { cwd, input: `DELTAS=${DELTAS}` });
}

async function timed(pid: number, client: Program, turn: Readonly<Record<string, string>>): Promise<TurnTime> {
  const before = processorSeconds(pid);
  client.say(JSON.stringify(turn));
  const { ms, deltas } = JSON.parse(await client.line()) as { ms: number; deltas: number };
  if (deltas !== DELTAS) throw new Error(`the client got ${deltas} of ${DELTAS} deltas`);
  return { ms, processorMs: (processorSeconds(pid) - before) * 1000 };
}

function figures(pairs: readonly Pair[]): Figure[] {
  const ratios = pairs.map(({ value, floor }) => value.ms / floor.ms);
  const ratio = median(ratios);
  const upper = medianUpperBound(ratios);
  const processorMs = (times: readonly TurnTime[]): string => {
    const mean = times.reduce((sum, one) => sum + one.processorMs, 0) / times.length;
    return `${(mean / 1000).toFixed(2)} s`;
  };
  const values = pairs.map(({ value }) => value);
  const floors = pairs.map(({ floor }) => floor);
  return [
    {
      name: `a turn of the real Codex with ${DELTAS.toLocaleString("en-US")} deltas`,
      value: `${median(values.map(({ ms }) => ms)).toFixed(0)} ms`,
      floor: `${median(floors.map(({ ms }) => ms)).toFixed(0)} ms`,
      ratio: `${ratio.toFixed(3)} (upper bound ${upper.toFixed(3)}, n=${pairs.length})`,
      wanted: `<= ${RATIO_MAX}, upper <= ${UPPER_MAX}`,
      met: ratio <= RATIO_MAX && upper <= UPPER_MAX,
    },
    {
      name: "processor time of codexd in it (floor: of the bare client)",
      value: processorMs(values), floor: processorMs(floors), ratio: "", wanted: "", met: true,
    },
  ];
}
