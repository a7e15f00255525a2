// GETs a second with guard and token on, beside a bare node:http server that answers with the same body.
// Both are loaded by the same program with the same connections, in turns.

import type { SessionRecord, TurnRecord } from "../../src/core/records.ts";
import { startDaemon } from "../../test/support/daemon.ts";
import { ratioFigure, type Figure } from "./figure.ts";
import { BLAST_FLAGS, startProgram, withTempDir } from "./programs.ts";

const CONNECTIONS = 32;
const ROUND_MS = 2000;
const ROUNDS = 5;
const RATIO_MIN = 0.6;

export async function benchGets(): Promise<Figure[]> {
  return withTempDir(async (stateDir) => {
    const daemon = await startDaemon({ stateDir, flags: BLAST_FLAGS });
    try {
      const { service } = await daemon.started;
      const { data } = await daemon.post<{ session: SessionRecord }>("/v1/codexd/sessions");
      // What clients read most: the receipt of a turn.
      const turn = { sessionId: data.session.sessionId, input: "DELTAS=3", waitMs: 10_000 };
      const ended = await daemon.post<{ turn: TurnRecord }>("/v1/codexd/turn", turn);
      const route = `/v1/codexd/turns/${ended.data.turn.turnId}`;
      const token = await daemon.token();
      const response = await fetch(new URL(route, service.resolvedBaseUrl), {
        headers: { authorization: `Bearer ${token}` },
      });
      const bare = startProgram("bare-server.mjs", [], await response.text());
      const barePort = await bare.line();
      const rounds = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const floor = await getsPerSecond(barePort, route, token);
        rounds.push({ floor, value: await getsPerSecond(new URL(service.resolvedBaseUrl).port, route, token) });
      }
      bare.process.kill();
      return [ratioFigure("GET of a turn's receipt", "requests/s", rounds, RATIO_MIN)];
    } finally {
      await daemon.kill("SIGTERM");
    }
  });
}

async function getsPerSecond(port: string, route: string, token: string): Promise<number> {
  const load = startProgram("get-load.mjs", [port, route, token, String(CONNECTIONS), String(ROUND_MS)]);
  const { requests, ms } = JSON.parse(await load.line()) as { requests: number; ms: number };
  return (requests / ms) * 1000;
}
