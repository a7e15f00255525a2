// The soak `runs-codex`: as `runs`, with the real Codex and the mock model.
//
// A run of the real Codex takes most of a second of a core, so it is asked for fewer.

import { prepareRealCodex } from "../../test/support/real-codex.ts";
import type { SoakOptions, SoakResult } from "../soak.ts";
import { soakRuns } from "./runs.ts";

export async function run(options: SoakOptions): Promise<SoakResult> {
  const real = await prepareRealCodex("soak-runs");
  try {
    const daemon = await real.start();
    const prompts = [
      { prompt: "DELTAS=3", status: "completed", share: 6 },
      { prompt: "RUNCMD=echo hi;", status: "completed", share: 2 },
      { prompt: "HTTP=500", status: "failed", share: 1 },
      { prompt: "DELTAS=1000 RATE=10", status: "cancelled", share: 1 },
    ] as const;
    return await soakRuns({ daemon, prompts, cwd: real.workDir }, options);
  } finally {
    await real.remove();
  }
}
