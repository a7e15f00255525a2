// How soon a daemon is ready, alone and with its child, and what memory it takes when idle.
// With the real Codex where it is installed; a synthetic child stands in elsewhere, and the name of the figure says so.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { codexBinary, writeCodexHome } from "../../test/support/codex-install.ts";
import { spawnDaemon, type Daemon, type DaemonOptions } from "../../test/support/daemon.ts";
import { boundFigure, type Figure } from "./figure.ts";
import { BLAST_FLAGS, withTempDir } from "./programs.ts";

const ROUNDS = 9;
const LISTENING_MS = 300;
const READY_MS = 600;
const IDLE_MIB = 80;
/** Long enough for the memory of the start itself to have been given back or kept. */
const SETTLE_MS = 3000;

export async function benchStart(): Promise<Figure[]> {
  const listening: number[] = [];
  const ready: number[] = [];
  const idle: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await withTempDir(async (root) => {
      const stateDir = path.join(root, "state");
      mkdirSync(stateDir, { mode: 0o700 });
      const startedAt = performance.now();
      const daemon = spawnDaemon({ stateDir, ...codexOptions(root) });
      await daemon.started;
      listening.push(performance.now() - startedAt);
      await untilReady(daemon);
      ready.push(performance.now() - startedAt);
      if (round < 3) {
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
        idle.push(residentMib(daemon.pid));
      }
      await daemon.kill("SIGTERM");
    });
  }
  const child = realCodex() === undefined ? "synthetic child" : "real Codex";
  return [
    boundFigure("from spawn to listening", "ms", listening, LISTENING_MS),
    boundFigure(`from spawn to ready (${child})`, "ms", ready, READY_MS),
    boundFigure("resident memory, idle", "MiB", idle, IDLE_MIB),
  ];
}

function realCodex(): string | undefined {
  try {
    const binary = codexBinary();
    return existsSync(binary) ? binary : undefined;
  } catch {
    // Not installed: `npm run e2e` does that. The synthetic child stands in, and the figure's name says so.
    return undefined;
  }
}

function codexOptions(root: string): Omit<DaemonOptions, "stateDir"> {
  const binary = realCodex();
  if (binary === undefined) return { flags: BLAST_FLAGS };
  const home = path.join(root, "home");
  // Nothing is asked of the model, so no model need listen there.
  writeCodexHome(home, 9, 0);
  return { flags: ["--server-command", binary], env: { CODEX_HOME: home } };
}

async function untilReady(daemon: Daemon): Promise<void> {
  for (;;) {
    if ((await daemon.get("/readyz")).status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function residentMib(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}
