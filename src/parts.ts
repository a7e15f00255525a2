// Builds the services on an open store, and the child's supervisor: the composition root that daemon.ts runs.
//
// Deliberately nothing is started here. The one circle (what the child says changes what is asked of it) is closed
// by a function that is first called when all parts exist.

import { userInfo } from "node:os";
import path from "node:path";

import type { Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import { buildChild } from "./child-wiring.ts";
import { processSpawner } from "./child/spawner.ts";
import type { Supervisor } from "./child/supervisor.ts";
import type { CodexdConfig } from "./core/config.ts";
import { CodexdError } from "./core/errors.ts";
import { systemUuid } from "./core/ids.ts";
import type { ChildState, DaemonState, Identity } from "./core/records.ts";
import type { CodexdDaemonOptions } from "./daemon.ts";
import type { AppServerGate } from "./service/app-server.ts";
import { createEvents } from "./service/events.ts";
import { explainOutcome, type LoginPlace } from "./service/explain.ts";
import { createIngest } from "./service/ingest.ts";
import { createInterrupts, type Interrupts } from "./service/interrupts.ts";
import { createOpenTurns, type OpenTurns } from "./service/open-turns.ts";
import type { Services } from "./service/services.ts";
import { createSessionIndex } from "./service/session-index.ts";
import { createSessions, type Sessions } from "./service/sessions.ts";
import { createStatus, type ServiceStatus } from "./service/status.ts";
import type { CodexdStore } from "./service/tables.ts";
import { createThreads } from "./service/threads.ts";
import { createTurns } from "./service/turns.ts";
import { createWorkGate, type WorkGate } from "./service/work-gate.ts";

/** What a running daemon is made of. */
export interface Parts {
  readonly store: CodexdStore;
  readonly services: Services & { readonly sessions: Sessions };
  readonly open: OpenTurns;
  readonly interrupts: Interrupts;
  readonly gate: WorkGate;
  readonly appServer: AppServerGate;
  /** Undefined in `exec` mode, which has no child of its own. */
  readonly supervisor: Supervisor | undefined;
  readonly disposeEvents: () => void;
}

export interface PartsOptions {
  readonly config: CodexdConfig;
  readonly store: CodexdStore;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: CodexdDaemonOptions;
  readonly daemonState: () => DaemonState;
  readonly edge: () => ServiceStatus;
  readonly isStopping: () => boolean;
}

export async function buildParts(parts: PartsOptions): Promise<Parts> {
  const { config, store, identity, clock, options } = parts;
  const uuid = options.uuid ?? systemUuid;
  const env = options.env ?? process.env;
  const gate = createWorkGate(config.server.mode);
  const index = createSessionIndex(store);
  const open = createOpenTurns(store, clock, uuid);
  const ingest = createIngest({
    store, turns: open, index, clock,
    appServer: () => appServer,
    explain: (outcome, turn) => explainOutcome(outcome, turn, loginPlace(env)),
  });
  const supervisor = config.server.mode === "exec" ? undefined : await buildChild({
    config, identity, store, ingest, clock, env, log: parts.log,
    spawner: options.spawner ?? processSpawner,
    random: options.random ?? Math.random,
    secrets: options.secrets ?? (() => []),
    isStopping: parts.isStopping,
  });
  const appServer: AppServerGate = supervisor ?? noAppServer(idleChild(config));
  const interrupts = createInterrupts(appServer, clock, open);
  const threads = createThreads({ store, index, appServer, clock, defaultCwd: config.repoRoot });
  const events = createEvents(store, clock);
  const services = {
    sessions: createSessions({ store, open, threads, index, appServer, interrupts, gate, clock, uuid }),
    turns: createTurns({ store, open, threads, index, interrupts, gate, clock }),
    events,
    status: createStatus({
      config, identity, store, open, appServer, clock, daemon: parts.daemonState, service: parts.edge,
    }),
  };
  return { store, services, open, interrupts, gate, supervisor, appServer, disposeEvents: () => events.dispose() };
}

/** Who would have to log in, and where; a container's user may have no name. */
function loginPlace(env: NodeJS.ProcessEnv): LoginPlace {
  const codexHome = env["CODEX_HOME"] ?? path.join(env["HOME"] ?? "~", ".codex");
  try {
    return { user: userInfo().username, codexHome };
  } catch {
    // No entry for this uid: the number is all there is.
    return { user: `uid ${process.getuid?.() ?? "unknown"}`, codexHome };
  }
}

/** The child before its first start, and in `exec` mode for ever. */
export function idleChild({ server }: CodexdConfig): ChildState {
  const { childCommand, childArgs, childCwd, endpoint } = server;
  return {
    status: "idle", pid: null, command: childCommand, args: childArgs, cwd: childCwd, endpoint, startedAt: null,
    exitedAt: null, exitCode: null, signal: null, restarts: 0, lastError: null,
  };
}

function noAppServer(state: ChildState): AppServerGate {
  const ready = (): Promise<never> =>
    Promise.reject(new CodexdError("wrong_mode", "codexd runs with --mode exec, which has no app-server"));
  return { state, version: null, current: undefined, ready };
}
