// The framer on a socket beside the package `ws`: messages of 64 KiB echoed a second, and memory of idle connections.
//
// Both are asked by the same program, in turns. Memory is that of the whole process, with what it has loaded: the
// framer is imported alone, as a program that wants nothing else does.

import path from "node:path";
import { pathToFileURL } from "node:url";
import { CLIENTS_PREFIX } from "../../test/support/codex-install.ts";
import { ROOT } from "../dist.ts";
import { installClients } from "../installs.ts";
import { median, ratioFigure, type Figure } from "./figure.ts";
import { startProgram, type Program } from "./programs.ts";

const ROUNDS = 5;
const MESSAGES = 2000;
const CONNECTIONS = 1000;
const ECHO_RATIO_MIN = 1.5;
const MEMORY_RATIO_MAX = 1;

const OURS = [pathToFileURL(path.join(ROOT, "dist", "framer.js")).href] as const;
const WS = ["ws", path.join(CLIENTS_PREFIX, "node_modules", "ws")] as const;

export async function benchFramer(): Promise<Figure[]> {
  installClients();
  const figures: Figure[] = [];
  for (const kind of ["text", "binary"]) {
    const rounds = await times(() => echoesPerSecond(kind));
    figures.push(ratioFigure(`echo of 64 KiB ${kind} on the framer (floor: ws)`, "/s", rounds, ECHO_RATIO_MIN));
  }
  const idle = await times(async () => ({ floor: await idleKib(WS), value: await idleKib(OURS) }));
  return [...figures, memoryFigure(idle)];
}

async function times<T>(round: () => Promise<T>): Promise<T[]> {
  const rounds: T[] = [];
  for (let i = 0; i < ROUNDS; i += 1) rounds.push(await round());
  return rounds;
}

async function echoesPerSecond(kind: string): Promise<{ value: number; floor: number }> {
  return withServer(OURS, (ours) => withServer(WS, async (ws) => {
    const ports = [await ours.line(), await ws.line()];
    const load = startProgram("framer-load.mjs", ["echo", kind, String(MESSAGES), ...ports], "");
    const [value = 0, floor = 0] = JSON.parse(await load.line()) as number[];
    return { value, floor };
  }));
}

async function idleKib(args: readonly string[]): Promise<number> {
  return withServer(args, async (server) => {
    const clients = startProgram("framer-load.mjs", ["idle", String(CONNECTIONS), await server.line()]);
    try {
      await clients.line();
      server.say("memory");
      return Number(await server.line());
    } finally {
      clients.end();
    }
  });
}

async function withServer<T>(args: readonly string[], body: (server: Program) => Promise<T>): Promise<T> {
  const server = startProgram("framer-server.mjs", args);
  return body(server).finally(() => server.end());
}

function memoryFigure(rounds: ReadonlyArray<{ readonly value: number; readonly floor: number }>): Figure {
  const ratios = rounds.map(({ value, floor }) => value / floor);
  const ratio = median(ratios);
  const mib = (values: readonly number[]): string => `${(median(values) / 1024).toFixed(1)} MiB`;
  return {
    name: `memory with ${CONNECTIONS} idle connections on the framer (floor: ws)`,
    value: mib(rounds.map(({ value }) => value)),
    floor: mib(rounds.map(({ floor }) => floor)),
    ratio: `${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}, n=${ROUNDS})`,
    wanted: `<= ${MEMORY_RATIO_MAX}`,
    met: ratio <= MEMORY_RATIO_MAX,
  };
}
