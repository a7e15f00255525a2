// Builds the services on an open store, and the child's supervisor: the composition root that daemon.ts runs.
//
// Deliberately nothing is started here. The one circle (what the child says changes what is asked of it) is closed
// by a function that is first called when all parts exist.

import type { Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import { buildChild, buildChildCare, loginPlace } from "./child-wiring.ts";
import { createLeftovers, type Leftovers } from "./child/leftovers.ts";
import { systemProcesses } from "./child/process-tree.ts";
import { processSpawner } from "./child/spawner.ts";
import type { AppServer, Supervisor } from "./child/supervisor.ts";
import { createSweptChild, type SweptChild } from "./child/swept-child.ts";
import type { ApprovalRuleList } from "./core/approval-rules.ts";
import type { CodexdConfig } from "./core/config.ts";
import { CodexdError } from "./core/errors.ts";
import { systemUuid } from "./core/ids.ts";
import type { ChildState, DaemonState, Identity } from "./core/records.ts";
import type { ServiceStatus } from "./core/status.ts";
import type { CodexdDaemonOptions } from "./daemon-options.ts";
import { buildRuns } from "./run-wiring.ts";
import type { AppServerGate } from "./service/app-server/app-server.ts";
import { createChildService } from "./service/app-server/child.ts";
import { createCodexAbout } from "./service/app-server/codex-about.ts";
import { createCodexRpc } from "./service/app-server/codex-rpc.ts";
import { createCompat, type Compat } from "./service/app-server/compat.ts";
import { createApprovalRules } from "./service/approvals/approval-rules.ts";
import { createApprovals, type Approvals } from "./service/approvals/approvals.ts";
import { createEvents } from "./service/events/events.ts";
import { createIngest, type Ingest } from "./service/events/ingest.ts";
import { explainOutcome } from "./service/explain.ts";
import { createIdempotency } from "./service/idempotency/idempotency.ts";
import { createReceiptMarks, type ReceiptMarks } from "./service/receipts/receipt-marks.ts";
import { markedTurns } from "./service/receipts/receipt-state.ts";
import { createRecordRetention, type RecordRetention } from "./service/retention.ts";
import { createQuietRuns } from "./service/runs/quiet-runs.ts";
import type { Runs } from "./service/runs/runs.ts";
import type { Services } from "./service/services.ts";
import { createCodexThreads } from "./service/sessions/codex-threads.ts";
import { createSessionIndex, type SessionIndex } from "./service/sessions/session-index.ts";
import { createSessions, type Sessions } from "./service/sessions/sessions.ts";
import { createThreads } from "./service/sessions/threads.ts";
import { createUploads, type Uploads } from "./service/sessions/uploads.ts";
import { createStallWatch, type StallWatch } from "./service/stall-watch.ts";
import { createMetrics } from "./service/status/metrics.ts";
import { createStatus } from "./service/status/status.ts";
import { createTally, type Tally } from "./service/status/tally.ts";
import type { CodexdStore } from "./service/tables.ts";
import { createInputItems } from "./service/turns/input-items.ts";
import { createInterrupts, type Interrupts } from "./service/turns/interrupts.ts";
import type { OpenTurn, TurnOutcome } from "./service/turns/open-turn.ts";
import { createOpenTurns, type OpenTurns } from "./service/turns/open-turns.ts";
import { createQuietTurns } from "./service/turns/quiet-turns.ts";
import { createTakeUp } from "./service/turns/take-up.ts";
import { createTurnLeftovers } from "./service/turns/turn-leftovers.ts";
import { createTurnQueue } from "./service/turns/turn-queue.ts";
import { createTurnStart } from "./service/turns/turn-start.ts";
import { createTurnStop } from "./service/turns/turn-stop.ts";
import { createTurnWait } from "./service/turns/turn-wait.ts";
import { createTurns } from "./service/turns/turns.ts";
import { createWorkGate, type WorkGate } from "./service/work-gate.ts";
import { nodeDisk } from "./store/disk.ts";
import type { Recovery } from "./store/types.ts";
import { createUploadFiles } from "./store/upload-files.ts";

/** What a running daemon is made of. */
export interface Parts {
  readonly store: CodexdStore;
  readonly services: Services & { readonly sessions: Sessions; readonly runs: Runs; readonly approvals: Approvals };
  readonly open: OpenTurns;
  readonly interrupts: Interrupts;
  readonly gate: WorkGate;
  readonly appServer: AppServerGate;
  /** Its beginning, and its end with all that it has left. Undefined in `exec` mode, which has no child of its own. */
  readonly child: Pick<Supervisor, "start" | "stop"> | undefined;
  readonly retention: RecordRetention;
  readonly tally: Tally;
  readonly stalls: StallWatch;
  readonly marks: ReceiptMarks;
  readonly disposeEvents: () => void;
  /** The app-server outlives the daemon, and so do its turns. */
  readonly remote: boolean;
}

export interface PartsOptions {
  readonly config: CodexdConfig;
  readonly store: CodexdStore;
  readonly identity: Identity;
  readonly recovery: Pick<Recovery, "copied">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: CodexdDaemonOptions;
  readonly rules: ApprovalRuleList;
  readonly daemonState: () => DaemonState;
  readonly edge: () => ServiceStatus;
  readonly isStopping: () => boolean;
}

export async function buildParts(parts: PartsOptions): Promise<Parts> {
  const { config, store, identity, clock, options, daemonState: daemon, edge: service } = parts;
  const { uuid = systemUuid, env = process.env } = options;
  const remote = config.server.mode === "app-server" && config.server.childStrategy === "external";
  const explain = buildExplain(remote, env);
  const gate = createWorkGate(config.server.mode);
  const index = createSessionIndex(store);
  const tally = createTally();
  const open = createOpenTurns(store, clock, uuid, tally, config.turns.stallWarnMs);
  const approvals = createApprovals({
    store, open, index, clock, uuid, gate, tally, remote,
    policy: config.approvals, rules: createApprovalRules(parts.rules), appServer: () => appServer,
  });
  const marks = buildMarks(store, open, approvals);
  const ingest = createIngest({
    store, turns: open, index, approvals, clock, explain, marks, appServer: () => appServer,
  });
  const foreign = options.spawner !== undefined;
  const leftovers = remote || foreign ? null : buildLeftovers(parts);
  const compat = createCompat({ ownVersion: config.version, appServer: () => appServer });
  const supervisor = await buildSupervisor(parts, ingest, leftovers, {
    died: () => swept?.died(),
    born: () => watch.begin(),
    resume: () => queue.resume(),
    takeUp: (server) => takeUp.run(server),
    refused: compat.refused,
  });
  gate.onDrain(() => supervisor?.drain());
  const swept = buildSweptChild(parts, supervisor, leftovers);
  const appServer: AppServerGate = supervisor ?? noAppServer(idleChild(config));
  const child = swept ?? supervisor;
  const care = { config, env, clock, foreign, child, appServer, open, approvals, gate, log: parts.log };
  const { figures, restart, watch } = buildChildCare(care);
  const interrupts = createInterrupts(appServer, clock, open);
  const threads = createThreads({ ...figures, store, index, appServer, clock, defaultCwd: config.repoRoot });
  const begin = createTurnStart({ open, threads, index, interrupts, gate, remote });
  const uploads = await buildUploads(parts, gate, remote);
  const items = createInputItems({ uploads, defaultCwd: config.repoRoot, remote });
  const queue = createTurnQueue({ store, open, gate, appServer, clock, start: begin, items, remote });
  const takeUp = createTakeUp({ store, open, threads, interrupts, approvals, appServer, clock, explain });
  const events = createEvents(store, clock, tally);
  const runs = await buildRuns({ ...parts, gate, tally, marks });
  const status = createStatus({
    config, identity, store, clock, open, queue, runs, approvals, appServer, compat, figures, daemon, service,
  });
  const processes = swept === undefined ? null : leftovers;
  const left = createTurnLeftovers({ store, open, index, appServer, processes });
  const stop = createTurnStop({ queue, interrupts, leftovers: left });
  const work = { store, open, threads, index, queue, stop, gate, remote };
  const services = {
    sessions: createSessions({ ...work, appServer, clock, uuid, onClosed: uploads.forget, leftovers: left }),
    turns: createTurns({ ...work, begin, items, wait: createTurnWait({ clock, approvals, gate, remote }) }),
    runs,
    approvals,
    codex: { rpc: createCodexRpc({ appServer, index, threads, gate }), about: createCodexAbout(appServer, clock) },
    child: createChildService({ appServer, restart, gate, settled: () => store.settled() }),
    threads: createCodexThreads({ open, threads, index, interrupts, appServer, gate, clock, remote }),
    uploads, events, status,
    idempotency: createIdempotency(store, clock),
    metrics: createMetrics({ config, store, open, queue, appServer, tally, isReady: () => status.readiness().ready }),
  };
  const retention = buildRetention(parts, runs, index, uploads);
  const looks = [createQuietTurns({ ...work, appServer, log: parts.log }), createQuietRuns(store, runs)];
  const stalls = createStallWatch({ ...config.turns, clock, look: () => looks.flatMap((look) => look()) });
  const disposeEvents = (): void => {
    stalls.stop();
    approvals.stop();
    events.dispose();
  };
  return {
    store, services, open, interrupts, gate, child, appServer, retention, marks, tally, stalls, disposeEvents, remote,
  };
}

/** Who has to log in where is known of this machine alone. */
function buildExplain(remote: boolean, env: NodeJS.ProcessEnv) {
  return (outcome: TurnOutcome, turn: OpenTurn): TurnOutcome =>
    (remote ? outcome : explainOutcome(outcome, turn, loginPlace(env)));
}

function buildMarks(store: CodexdStore, open: OpenTurns, approvals: Approvals): ReceiptMarks {
  const marks = createReceiptMarks(store);
  marks.watch(() => markedTurns(open, approvals));
  return marks;
}

/** Not for somebody else's spawner: its processes are signalled through their own `kill` only. */
function buildLeftovers({ clock, identity }: PartsOptions): Leftovers {
  return createLeftovers({ processes: systemProcesses, clock, daemonId: identity.daemonId });
}

/** What the child's lives mean to parts that are made after it. */
interface ChildHooks {
  died(): void;
  born(): void;
  resume(): void;
  takeUp(server: AppServer): Promise<void>;
  readonly refused: Compat["refused"];
}

async function buildSupervisor(
  parts: PartsOptions, ingest: Ingest, leftovers: Leftovers | null, { died, born, resume, takeUp, refused }: ChildHooks,
): Promise<Supervisor | undefined> {
  const { config, identity, store, clock, log, options } = parts;
  if (config.server.mode === "exec") return undefined;
  return buildChild({
    config, identity, store, ingest, clock, env: options.env ?? process.env, log,
    spawner: options.spawner ?? leftovers?.watch(processSpawner) ?? processSpawner,
    appServerClientFactory: options.appServerClientFactory,
    random: options.random ?? Math.random,
    secrets: options.secrets ?? (() => []),
    isStopping: parts.isStopping,
    onOwnedDown: died,
    onRefused: refused,
    onBorn() {
      born();
      resume();
    },
    onConnected(server) {
      takeUp(server).catch((error: unknown) => {
        log.error("open turns could not be taken up", { reason: String(error) });
      });
      resume();
    },
  });
}

function buildSweptChild(
  { store, log }: PartsOptions, supervisor: Supervisor | undefined, leftovers: Leftovers | null,
): SweptChild | undefined {
  if (supervisor === undefined || leftovers === null) return undefined;
  const warn = (reason: string): void => log.warn("leftovers could not be looked for", { reason });
  return createSweptChild({ supervisor, leftovers, report: (draft) => void store.append(draft), warn });
}

async function buildUploads(
  { config, store, clock, log, options }: PartsOptions, gate: WorkGate, remote: boolean,
): Promise<Uploads> {
  const files = createUploadFiles(nodeDisk, config.paths.uploadsDir);
  const uploads = createUploads({ store, files, gate, clock, uuid: options.uuid ?? systemUuid, log, remote });
  await uploads.sweep();
  return uploads;
}

function buildRetention(
  { config, store, clock, log }: PartsOptions, runs: Runs, index: SessionIndex, uploads: Uploads,
): RecordRetention {
  const { keepRecords, keepDays } = config.store;
  return createRecordRetention({
    store, clock, log, keepRecords, keepDays,
    forget: {
      run: ({ runId }) => runs.forget(runId),
      async session(session) {
        index.forget(session);
        await uploads.forget(session.sessionId);
      },
    },
  });
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
