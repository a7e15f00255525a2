// Builds the runs out of a configuration: where their output lies, what is started for each, and what is ended of one
// that a dead daemon has left. Part of the composition root, apart from parts.ts so that each stays readable.

import path from "node:path";

import type { Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import { endMarkedProcesses } from "./child/end-processes.ts";
import { runCodexExec, runMark } from "./child/exec-process.ts";
import { systemProcesses } from "./child/process-tree.ts";
import { resolveCommand } from "./child/resolve-command.ts";
import { threadIdIn, threadMarks } from "./child/thread-marks.ts";
import type { CodexdConfig } from "./core/config.ts";
import { systemUuid } from "./core/ids.ts";
import { LIMITS } from "./core/limits.ts";
import { NOTHING_STOPPED, type StopReport } from "./core/processes.ts";
import { redact } from "./core/redact.ts";
import type { CodexdDaemonOptions } from "./daemon-options.ts";
import type { ReceiptMarks } from "./service/receipts/receipt-marks.ts";
import { watchRuns } from "./service/runs/run-state.ts";
import { createRuns, type Runs } from "./service/runs/runs.ts";
import type { Tally } from "./service/status/tally.ts";
import type { CodexdStore } from "./service/tables.ts";
import type { WorkGate } from "./service/work-gate.ts";
import { nodeDisk } from "./store/disk.ts";
import { openRunFiles, type RunFiles } from "./store/run-files.ts";
import type { Recovery } from "./store/types.ts";

export interface RunWiring {
  readonly config: CodexdConfig;
  readonly store: CodexdStore;
  readonly recovery: Pick<Recovery, "copied">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: CodexdDaemonOptions;
  readonly gate: WorkGate;
  readonly tally: Tally;
  readonly marks: ReceiptMarks;
}

export async function buildRuns({ options, ...wiring }: RunWiring): Promise<Runs> {
  const { config, recovery, clock } = wiring;
  const { secrets = () => [], uuid = systemUuid, env = process.env } = options;
  // Below the logs directory, not the system's temporary one: what a killed daemon leaves is removed at the next start.
  const runsDir = path.join(config.paths.logsDir, "runs");
  const files = await openRunFiles(nodeDisk, runsDir, clock);
  // Found once: what is put on the PATH later is not run. One that is not there yet is looked for at each run, and to
  // a spawner of somebody else's a name may mean what it does not mean here.
  const command = options.spawner === undefined
    ? await resolveCommand(config.runs.command, env["PATH"], config.repoRoot) : null;
  const runs = createRuns({
    ...wiring, files, uuid,
    executor: options.runExecutor ?? ((request) => runCodexExec(
      { ...request, command: command ?? request.command },
      { spawner: options.spawner, clock, env, uuid, scratchDir: runsDir },
    )),
    keepUnrecorded: options.acceptLoss,
    // What a copied journal calls under way is a run of the daemon that it was copied from.
    endLeftovers: async (runId) => (recovery.copied ? NOTHING_STOPPED : endRun(runId, files, clock)),
    redact: (text) => redact(text, secrets()),
  });
  watchRuns(wiring.marks, runs);
  return runs;
}

async function endRun(runId: string, files: RunFiles, clock: Clock): Promise<StopReport> {
  // Without its output there is still codexd's own mark.
  const stdout = await files.readOutput(runId, "stdout", 0, LIMITS.runTextBytesMax).catch(() => null);
  const marks = [runMark(runId), ...threadMarks(threadIdIn(stdout?.bytes.toString() ?? ""))];
  return endMarkedProcesses(marks, { processes: systemProcesses, clock });
}
