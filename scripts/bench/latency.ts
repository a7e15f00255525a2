// How long an event is under way from the child's write until its client has parsed it, at 1,000 events a second.
//
// The floor reads the same child over its pipe, with nothing between. What is bounded is the whole way through codexd;
// what codexd adds to the floor stands beside it. Times are of the monotonic clock, which all processes share.

import type { SessionRecord } from "../../src/core/records.ts";
import { startDaemon } from "../../test/support/daemon.ts";
import { median, quantile, type BenchOptions, type Figure } from "./figure.ts";
import { BLAST_FLAGS, startProgram, withTempDir, type Program } from "./programs.ts";

const RATE = 1000;
const ROUNDS = 3;
/** Of each reading, behind the second that warms everything up. */
const SECONDS = 10;
const IDLE_CLIENTS = 100;
/** A type of which there is none meanwhile. */
const IDLE_QUERY = "&type=daemon.*";
const MEDIAN_MS_MAX = 1;
const P99_MS_MAX = 5;

/** Milliseconds. */
interface Latency {
  readonly median: number;
  readonly p99: number;
}

export async function benchLatency({ seconds = SECONDS }: BenchOptions): Promise<Figure[]> {
  const floor: Latency[] = [];
  const alone: Latency[] = [];
  const crowded: Latency[] = [];
  const deltas = RATE * (seconds + 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    floor.push(await latencyOf(startProgram("latency-reader.mjs", ["pipe", String(deltas), String(RATE)]), deltas));
    alone.push(await throughDaemon(deltas, 0));
    crowded.push(await throughDaemon(deltas, IDLE_CLIENTS));
  }
  const rows = (name: string, value: readonly Latency[]): Figure[] => [
    latencyFigure(`latency ${name}, median`, value.map(medianOf), floor.map(medianOf), MEDIAN_MS_MAX),
    latencyFigure(`latency ${name}, p99`, value.map(p99Of), floor.map(p99Of), P99_MS_MAX),
  ];
  return [...rows("to one client", alone), ...rows(`with ${IDLE_CLIENTS} idle clients`, crowded)];
}

function throughDaemon(deltas: number, idleClients: number): Promise<Latency> {
  return withTempDir(async (stateDir) => {
    const daemon = await startDaemon({ stateDir, flags: BLAST_FLAGS });
    try {
      const { service } = await daemon.started;
      const { port } = new URL(service.resolvedBaseUrl);
      const token = await daemon.token();
      const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
      const idle = idleClients === 0
        ? undefined
        : startProgram("idle-readers.mjs", [port, token, String(idleClients), IDLE_QUERY]);
      await idle?.line();
      const reader = startProgram("latency-reader.mjs", ["ws", port, token]);
      await reader.line();
      const input = `DELTAS=${deltas} RATE=${RATE}`;
      await daemon.post("/v1/codexd/turn", { sessionId: data.session.sessionId, input });
      const latency = await latencyOf(reader, deltas);
      idle?.end();
      return latency;
    } finally {
      await daemon.kill("SIGTERM");
    }
  });
}

const medianOf = (latency: Latency): number => latency.median;
const p99Of = (latency: Latency): number => latency.p99;

async function latencyOf(reader: Program, deltas: number): Promise<Latency> {
  const timesUs = JSON.parse(await reader.line()) as number[];
  if (timesUs.length !== deltas) throw new Error(`the reader got ${timesUs.length} of ${deltas} deltas`);
  const warm = timesUs.slice(RATE);
  return { median: median(warm) / 1000, p99: quantile(warm, 0.99) / 1000 };
}

function latencyFigure(
  name: string, values: readonly number[], floors: readonly number[], mostMs: number,
): Figure {
  const value = median(values);
  const floor = median(floors);
  const spread = `${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)}`;
  return {
    name,
    value: `${value.toFixed(2)} ms (${spread}, n=${values.length})`,
    floor: `${floor.toFixed(2)} ms`,
    ratio: `+${(value - floor).toFixed(2)} ms`,
    wanted: `< ${mostMs} ms`,
    met: value < mostMs,
  };
}
