// Runs a second on the embedded agent, four at a time, beside the same program started four at a time and nothing else.
//
// What a run costs is Node's own start, which both pay; the difference is what codexd does around it: records, events,
// output files, and the search for what a run has left behind.

import { spawn } from "node:child_process";
import path from "node:path";
import type { RunRecord } from "../../src/core/runs.ts";
import { startDaemon, type Daemon } from "../../test/support/daemon.ts";
import { ROOT } from "../dist.ts";
import { ratioFigure, type Figure } from "./figure.ts";
import { withTempDir } from "./programs.ts";

const RUNS = 60;
const AT_A_TIME = 4;
const ROUNDS = 5;
const RATIO_MIN = 0.7;

export async function benchRuns(): Promise<Figure[]> {
  return withTempDir(async (stateDir) => {
    const daemon = await startDaemon({ stateDir, command: "demo", flags: ["--max-runs", String(AT_A_TIME)] });
    try {
      const bare = (): Promise<void> => runBare(stateDir);
      const own = (): Promise<void> => runOnce(daemon, stateDir);
      await own();
      const rounds = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        rounds.push({ floor: await perSecond(bare), value: await perSecond(own) });
      }
      return [ratioFigure("runs on the embedded agent (floor: spawned bare)", "runs/s", rounds, RATIO_MIN)];
    } finally {
      await daemon.kill("SIGTERM");
    }
  });
}

/** `RUNS` of them, `AT_A_TIME` at once. */
async function perSecond(once: () => Promise<void>): Promise<number> {
  const began = performance.now();
  let left = RUNS;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await once();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return (RUNS * 1000) / (performance.now() - began);
}

async function runOnce(daemon: Daemon, cwd: string): Promise<void> {
  const body = { prompt: "hello", cwd, skipGitRepoCheck: true, waitMs: 60_000 };
  const { data } = await daemon.post<{ run: RunRecord }>("/v1/codexd/runs", body);
  if (data.run?.status !== "completed") throw new Error(`a run did not complete: ${JSON.stringify(data)}`);
}

function runBare(cwd: string): Promise<void> {
  const agent = path.join(ROOT, "dist", "agent.js");
  const child = spawn(process.execPath, [agent, "exec", "--json", "--skip-git-repo-check", "-"], {
    cwd, stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.end("hello");
  child.stdout.resume();
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`the agent ended with ${code}`))));
  });
}
