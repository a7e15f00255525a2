// Events a second from a synthetic child through journal and WebSocket to one client that decodes every event.
//
// The floor reads the same child, parses each line, stringifies an event and drops it: what no daemon can do without.

import type { SessionRecord } from "../../src/core/records.ts";
import { startDaemon } from "../../test/support/daemon.ts";
import { ratioFigure, type Figure } from "./figure.ts";
import { BLAST_FLAGS, startProgram, withTempDir } from "./programs.ts";

const EVENTS = 300_000;
const ROUNDS = 5;
const RATIO_MIN = 0.45;

export async function benchEvents(): Promise<Figure[]> {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push({ floor: await floorPerSecond(), value: await withTempDir(daemonPerSecond) });
  }
  return [ratioFigure("events to one WebSocket client", "events/s", rounds, RATIO_MIN)];
}

async function floorPerSecond(): Promise<number> {
  const { events, ms } = JSON.parse(await startProgram("floor.mjs", [String(EVENTS)]).line()) as {
    events: number;
    ms: number;
  };
  return (events / ms) * 1000;
}

async function daemonPerSecond(stateDir: string): Promise<number> {
  const daemon = await startDaemon({ stateDir, flags: BLAST_FLAGS });
  try {
    const { service } = await daemon.started;
    const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
    const { sessionId } = data.session;
    // The floor has no cold code either, once its clock runs: one small turn warms both ends.
    await measureTurn(daemon, service.resolvedBaseUrl, sessionId, 20_000);
    return await measureTurn(daemon, service.resolvedBaseUrl, sessionId, EVENTS);
  } finally {
    await daemon.kill("SIGTERM");
  }
}

async function measureTurn(
  daemon: Awaited<ReturnType<typeof startDaemon>>,
  base: string,
  sessionId: string,
  deltas: number,
): Promise<number> {
  const reader = startProgram("ws-reader.mjs", [new URL(base).port, await daemon.token(), "turn.finished"]);
  await reader.line();
  const startedAt = performance.timeOrigin + performance.now();
  await daemon.post("/v1/codexd/turn", { sessionId, input: `DELTAS=${deltas}` });
  const { events, lastAt } = JSON.parse(await reader.line()) as { events: number; lastAt: number };
  if (events < deltas) throw new Error(`the reader got ${events} of ${deltas} events`);
  return (events / (lastAt - startedAt)) * 1000;
}
