// The processor time of a daemon that has nothing to do and a hundred WebSocket clients: timers, pings and heartbeats.
//
// The clients are all in one process of its own, and answer pings. What the child takes is not counted.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";

import { startDaemon } from "../../test/support/daemon.ts";
import { chooseChild, untilReady } from "./codex-child.ts";
import type { BenchOptions, Figure } from "./figure.ts";
import { processorSeconds } from "./processor-time.ts";
import { startProgram, withWorkDir } from "./programs.ts";

const CLIENTS = 100;
/** Three rounds of pings; what is recorded is measured over 300. */
const SECONDS = 60;
/** Of a core. */
const PERCENT_MAX = 0.5;
/** What the start has left to collect and to compile is over by then. */
const SETTLE_MS = 5000;

export function benchIdle({ seconds = SECONDS }: BenchOptions): Promise<Figure[]> {
  return withWorkDir(async (root) => {
    const stateDir = path.join(root, "state");
    mkdirSync(stateDir, { mode: 0o700 });
    const { name, options } = chooseChild(root);
    const daemon = await startDaemon({ stateDir, ...options });
    try {
      await untilReady(daemon);
      const { service } = await daemon.started;
      const { port } = new URL(service.resolvedBaseUrl);
      const readers = startProgram("idle-readers.mjs", [port, await daemon.token(), String(CLIENTS)]);
      await readers.line();
      await setTimeout(SETTLE_MS);
      const before = processorSeconds(daemon.pid);
      const began = performance.now();
      await setTimeout(seconds * 1000);
      const used = processorSeconds(daemon.pid) - before;
      const percent = (100_000 * used) / (performance.now() - began);
      if (readers.process.exitCode !== null) throw new Error("a client was cut off while it was idle");
      readers.end();
      return [{
        name: `idle with ${CLIENTS} WebSocket clients (${name})`,
        value: `${percent.toFixed(2)} % of a core (${used.toFixed(2)} s in ${seconds} s)`,
        floor: "", ratio: "", wanted: `< ${PERCENT_MAX} %`, met: percent < PERCENT_MAX,
      }];
    } finally {
      await daemon.kill("SIGTERM");
    }
  });
}
