// What the guard costs: GETs a second with guard and token, beside the same edge with a judge that lets all pass.
//
// Both are processes of their own that one program loads in turns. They are compiled as the product is: what runs
// TypeScript as it is would charge each function that a request makes with the keeping of its name.
// Invariant: nothing that the product is made of can be told to do without the guard; that is guard-server.ts alone.

import { once } from "node:events";
import { symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../dist.ts";
import { run } from "../run.ts";
import { ratioFigure, type Figure } from "./figure.ts";
import { processorSeconds } from "./processor-time.ts";
import { BLAST, startCommand, startProgram, withTempDir, type Program } from "./programs.ts";

const CONNECTIONS = 32;
const ROUND_MS = 1000;
const ROUNDS = 11;
const RATIO_MIN = 0.9;

interface Side {
  readonly program: Program;
  readonly port: string;
  readonly route: string;
  readonly token: string;
}

interface Rates {
  /** Requests in a second of the clock. */
  readonly wall: number;
  /** Requests in a second of the server's processor time. */
  readonly processor: number;
}

export async function benchGuard(): Promise<Figure[]> {
  return withTempDir(async (dir) => {
    const program = compile(dir);
    const sides: Side[] = [];
    try {
      for (const mode of ["guarded", "open"]) sides.push(await startSide(program, mode, path.join(dir, mode)));
      const rounds = await playRounds(sides);
      const figure = (name: string, unit: string, kind: keyof Rates): Figure => ratioFigure(
        name, unit, rounds.map(({ guarded, open }) => ({ value: guarded[kind], floor: open[kind] })), RATIO_MIN,
      );
      return [
        figure("GET with guard and token (floor: without)", "requests/s", "wall"),
        figure("the same in processor time", "requests/s", "processor"),
      ];
    } finally {
      await Promise.all(sides.map(({ program }) => endOf(program)));
    }
  });
}

/** Which side goes first changes from round to round; the first round only warms both. */
async function playRounds(sides: readonly Side[]): Promise<Array<{ guarded: Rates; open: Rates }>> {
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const rates = new Map<Side, Rates>();
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) rates.set(side, await load(side));
    const [guarded, open] = sides.map((side) => rates.get(side));
    if (round > 0 && guarded !== undefined && open !== undefined) rounds.push({ guarded, open });
  }
  return rounds;
}

async function load({ program, port, route, token }: Side): Promise<Rates> {
  const pid = program.process.pid ?? 0;
  const before = processorSeconds(pid);
  const asked = startProgram("get-load.mjs", [port, route, token, String(CONNECTIONS), String(ROUND_MS)]);
  const { requests, ms, all } = JSON.parse(await asked.line()) as { requests: number; ms: number; all: number };
  return { wall: (requests / ms) * 1000, processor: all / (processorSeconds(pid) - before) };
}

async function startSide(file: string, mode: string, stateDir: string): Promise<Side> {
  const program = startCommand(process.execPath, [file, mode, stateDir, BLAST]);
  return { program, ...JSON.parse(await program.line()) as Omit<Side, "program"> };
}

async function endOf({ process, end }: Program): Promise<void> {
  end();
  if (process.exitCode === null && process.signalCode === null) await once(process, "exit");
}

/** guard-server.ts and what it imports, as the build makes them. Gives the program's file. */
function compile(dir: string): string {
  const config = {
    extends: path.join(ROOT, "tsconfig.build.json"),
    compilerOptions: { rootDir: ROOT, outDir: dir, declaration: false, noCheck: true, types: [] },
    files: [path.join(ROOT, "scripts/bench/guard-server.ts")],
    include: [],
  };
  const project = path.join(dir, "tsconfig.json");
  writeFileSync(project, JSON.stringify(config));
  run(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-p", project], { cwd: dir });
  // Says that these are modules, and codexd's version.
  symlinkSync(path.join(ROOT, "package.json"), path.join(dir, "package.json"));
  return path.join(dir, "scripts/bench/guard-server.js");
}
