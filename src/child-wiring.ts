// Builds the supervisor of an owned child out of a configuration: the command, its environment, its logs, and where
// what it says goes. Part of the composition root, apart from daemon.ts so that each stays readable.

import type { Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import { createChildOutput } from "./child/child-output.ts";
import { resolveNativeCodex } from "./child/native-codex.ts";
import { resolveCommand } from "./child/resolve-command.ts";
import { createRotatingLog } from "./child/rotating-log.ts";
import { childEnvironment, type Spawner } from "./child/spawner.ts";
import { createSupervisor, type Supervisor } from "./child/supervisor.ts";
import type { CodexdConfig } from "./core/config.ts";
import { LIMITS } from "./core/limits.ts";
import type { Identity } from "./core/records.ts";
import type { Ingest } from "./service/ingest.ts";
import type { CodexdStore } from "./service/tables.ts";

export interface ChildWiring {
  readonly config: CodexdConfig;
  readonly identity: Identity;
  readonly store: CodexdStore;
  readonly ingest: Ingest;
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly spawner: Spawner;
  readonly random: () => number;
  readonly secrets: () => readonly string[];
  readonly isStopping: () => boolean;
}

export async function buildChild(wiring: ChildWiring): Promise<Supervisor> {
  const { config, identity, store, ingest, clock, env, log } = wiring;
  const { childCommand, childArgs, childCwd, endpoint } = config.server;
  const { stdoutLogPath, stderrLogPath } = config.paths;
  const found = await resolveCommand(childCommand, env["PATH"], childCwd);
  return createSupervisor({
    spawner: wiring.spawner,
    // A command that is not there is still tried: the error of the attempt is the child's state.
    command: found === null ? childCommand : await resolveNativeCodex(found),
    args: childArgs,
    endpoint,
    spawnOptions: { cwd: childCwd, env: childEnvironment(env, { daemonId: identity.daemonId, endpoint }) },
    version: config.version,
    clock,
    random: wiring.random,
    output: createChildOutput({
      clock,
      stdoutLog: createRotatingLog(stdoutLogPath, LIMITS.childLogBytesMax, log),
      stderrLog: createRotatingLog(stderrLogPath, LIMITS.childLogBytesMax, log),
      report: (draft) => void store.append(draft),
      secrets: wiring.secrets,
    }),
    handlers: {
      onLine: (text) => ingest.line(text),
      onNotification: (method, params, emittedAtMs) => ingest.notification(method, params, emittedAtMs),
      onRequest: (id, method, params) => ingest.request(id, method, params),
    },
    report: (draft) => void store.append(draft),
    onChange: () => store.touchDaemonState(),
    onDown: (reason) => ingest.down(reason, wiring.isStopping() ? "daemon_stopped" : "child_exited"),
  });
}
