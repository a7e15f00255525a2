// Deliveries a second to many WebSocket clients, all drained by one program that costs next to nothing.
//
// The floor is the `ws` package's hub, which sends each event to each client by itself, as one writes it first; it is
// given fewer events, because it is slow. The drain is C: it is built where a compiler is, and the bench says so where
// none is.

import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { SessionRecord } from "../../src/core/records.ts";
import { CLIENTS_PREFIX } from "../../test/support/codex-install.ts";
import { startDaemon } from "../../test/support/daemon.ts";
import { installClients } from "../installs.ts";
import { leastFigure, ratioFigure, type Figure } from "./figure.ts";
import { BLAST_FLAGS, startCommand, startProgram, withTempDir, type Program } from "./programs.ts";

const CLIENTS = 100;
const EVENTS = 100_000;
const FLOOR_EVENTS = 5_000;
const TICK_CLIENTS = 10;
const TICK_EVENTS = 100_000;
const TICK_FLOOR_EVENTS = 20_000;
const ROUNDS = 5;
const QUIET_MS = 1000;
const RATIO_MIN = 8;
const DELIVERIES_MIN = 1_000_000;
/** An event's frame is longer: fewer bytes mean that events are missing. */
const FRAME_BYTES_MIN = 200;
const EVENTS_PATH = "/v1/codexd/events?snapshot=0";

export async function benchFanout(): Promise<Figure[]> {
  installClients();
  return withTempDir(async (dir) => {
    const drain = path.join(dir, "drain");
    const source = fileURLToPath(new URL("./drain.c", import.meta.url));
    execFileSync(process.env["CC"] ?? "cc", ["-O2", "-o", drain, source], { stdio: "inherit" });
    const blasts = [];
    const ticks = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      blasts.push({
        floor: await hubPerSecond({ drain, clients: CLIENTS, events: FLOOR_EVENTS, words: [] }),
        value: await withTempDir((state) => daemonPerSecond(drain, state)),
      });
      ticks.push({
        floor: await hubPerSecond({ drain, clients: TICK_CLIENTS, events: TICK_FLOOR_EVENTS, words: ["ticks"] }),
        value: await withTempDir((state) => ticksPerSecond(drain, state)),
      });
    }
    const perSecond = blasts.map(({ value }) => value);
    return [
      ratioFigure(`deliveries to ${CLIENTS} WebSocket clients (floor: ws)`, "/s", blasts, RATIO_MIN),
      leastFigure(`deliveries to ${CLIENTS} WebSocket clients`, "/s", perSecond, DELIVERIES_MIN),
      ratioFigure(`to ${TICK_CLIENTS} clients, one event a tick (floor: ws)`, "/s", ticks, RATIO_MIN),
    ];
  });
}

interface HubRun {
  readonly drain: string;
  readonly clients: number;
  readonly events: number;
  readonly words: readonly string[];
}

async function hubPerSecond({ drain, clients, events, words }: HubRun): Promise<number> {
  const hub = startProgram("ws-hub.mjs", [CLIENTS_PREFIX, String(events), ...words]);
  const readers = await connectReaders(drain, clients, { port: await hub.line(), path: "/", token: "" });
  return measure(readers, { clients, events }, () => hub.say("go")).finally(() => hub.end());
}

async function ticksPerSecond(drain: string, stateDir: string): Promise<number> {
  const daemon = startProgram("tick-daemon.mjs", [stateDir, String(TICK_EVENTS)]);
  const target = { port: await daemon.line(), path: EVENTS_PATH, token: await daemon.line() };
  const readers = await connectReaders(drain, TICK_CLIENTS, target);
  try {
    return await measure(readers, { clients: TICK_CLIENTS, events: TICK_EVENTS }, () => daemon.say("go"));
  } finally {
    daemon.end();
    await ended(daemon);
  }
}

function ended({ process: { exitCode, signalCode }, process: child }: Program): Promise<void> {
  if (exitCode !== null || signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("close", () => resolve()));
}

async function daemonPerSecond(drain: string, stateDir: string): Promise<number> {
  const daemon = await startDaemon({ stateDir, flags: BLAST_FLAGS });
  try {
    const { service } = await daemon.started;
    const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
    const { sessionId } = data.session;
    await daemon.post("/v1/codexd/turn", { sessionId, input: "DELTAS=20000", waitMs: 60_000 });
    const { port } = new URL(service.resolvedBaseUrl);
    const readers = await connectReaders(drain, CLIENTS, { port, path: EVENTS_PATH, token: await daemon.token() });
    return await measure(readers, { clients: CLIENTS, events: EVENTS }, async () => {
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

async function connectReaders(
  drain: string, clients: number, { port, path: target, token }: ReaderTarget,
): Promise<Program> {
  const readers = startCommand(drain, [port, target, String(clients), String(QUIET_MS)]);
  readers.say(token);
  await readers.line();
  return readers;
}

async function measure(
  readers: Program,
  { clients, events }: { readonly clients: number; readonly events: number },
  begin: () => void | Promise<void>,
): Promise<number> {
  readers.say("go");
  await readers.line();
  await begin();
  const { least, ms } = JSON.parse(await readers.line()) as { least: number; ms: number };
  readers.end();
  if (least < events * FRAME_BYTES_MIN) throw new Error(`a reader got only ${least} bytes of ${events} events`);
  return (events * clients * 1000) / ms;
}
