// Deliveries a second to 50 WebSocket clients, all drained by one program that costs next to nothing.
//
// The floor is a hub that writes each event to each client by itself, which is what one writes first; it is given fewer
// events, because it is slow. The drain is C: it is built where a compiler is, and the bench says so where none is.

import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { SessionRecord } from "../../src/core/records.ts";
import { startDaemon } from "../../test/support/daemon.ts";
import { leastFigure, ratioFigure, type Figure } from "./figure.ts";
import { BLAST_FLAGS, startCommand, startProgram, withTempDir, type Program } from "./programs.ts";

const CLIENTS = 50;
const EVENTS = 100_000;
const FLOOR_EVENTS = 10_000;
const ROUNDS = 5;
const QUIET_MS = 1000;
const RATIO_MIN = 8;
const DELIVERIES_MIN = 500_000;
/** An event's frame is longer: fewer bytes mean that events are missing. */
const FRAME_BYTES_MIN = 200;

export async function benchFanout(): Promise<Figure[]> {
  return withTempDir(async (dir) => {
    const drain = path.join(dir, "drain");
    const source = fileURLToPath(new URL("./drain.c", import.meta.url));
    execFileSync(process.env["CC"] ?? "cc", ["-O2", "-o", drain, source], { stdio: "inherit" });
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const floor = await naivePerSecond(drain);
      rounds.push({ floor, value: await withTempDir((state) => daemonPerSecond(drain, state)) });
    }
    return [
      ratioFigure(`deliveries to ${CLIENTS} WebSocket clients (floor: one write each)`, "/s", rounds, RATIO_MIN),
      leastFigure(`deliveries to ${CLIENTS} WebSocket clients`, "/s", rounds.map(({ value }) => value), DELIVERIES_MIN),
    ];
  });
}

async function naivePerSecond(drain: string): Promise<number> {
  const hub = startProgram("naive-hub.mjs", [String(FLOOR_EVENTS)]);
  const readers = await connectReaders(drain, { port: await hub.line(), path: "/", token: "" });
  return measure(readers, FLOOR_EVENTS, () => hub.say("go")).finally(() => hub.end());
}

async function daemonPerSecond(drain: string, stateDir: string): Promise<number> {
  const daemon = await startDaemon({ stateDir, flags: BLAST_FLAGS });
  try {
    const { service } = await daemon.started;
    const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
    const { sessionId } = data.session;
    await daemon.post("/v1/codexd/turn", { sessionId, input: "DELTAS=20000", waitMs: 60_000 });
    const readers = await connectReaders(drain, {
      port: new URL(service.resolvedBaseUrl).port, path: "/v1/codexd/events?snapshot=0", token: await daemon.token(),
    });
    return await measure(readers, EVENTS, async () => {
      await daemon.post("/v1/codexd/turn", { sessionId, input: `DELTAS=${EVENTS}` });
    });
  } finally {
    await daemon.kill("SIGTERM");
  }
}

interface ReaderTarget {
  readonly port: string;
  readonly path: string;
  readonly token: string;
}

async function connectReaders(drain: string, { port, path: target, token }: ReaderTarget): Promise<Program> {
  const readers = startCommand(drain, [port, target, String(CLIENTS), String(QUIET_MS)]);
  readers.say(token);
  await readers.line();
  return readers;
}

async function measure(readers: Program, events: number, begin: () => void | Promise<void>): Promise<number> {
  readers.say("go");
  await readers.line();
  await begin();
  const { least, ms } = JSON.parse(await readers.line()) as { least: number; ms: number };
  readers.end();
  if (least < events * FRAME_BYTES_MIN) throw new Error(`a reader got only ${least} bytes of ${events} events`);
  return (events * CLIENTS * 1000) / ms;
}
