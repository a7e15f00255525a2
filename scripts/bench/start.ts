// How soon a daemon is ready, alone and with its child, and what memory it takes when idle.
// With the real Codex where it is installed; a synthetic child stands in elsewhere, and the name of the figure says so.

import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { spawnDaemon } from "../../test/support/daemon.ts";
import { chooseChild, untilReady } from "./codex-child.ts";
import { boundFigure, type Figure } from "./figure.ts";
import { withTempDir } from "./programs.ts";

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
  let child = "";
  for (let round = 0; round < ROUNDS; round += 1) {
    await withTempDir(async (root) => {
      const stateDir = path.join(root, "state");
      mkdirSync(stateDir, { mode: 0o700 });
      const startedAt = performance.now();
      const { name, options } = chooseChild(root);
      child = name;
      const daemon = spawnDaemon({ stateDir, ...options });
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
  return [
    boundFigure("from spawn to listening", "ms", listening, LISTENING_MS),
    boundFigure(`from spawn to ready (${child})`, "ms", ready, READY_MS),
    boundFigure("resident memory, idle", "MiB", idle, IDLE_MIB),
  ];
}

export function residentMib(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}
