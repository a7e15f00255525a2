// What the daemon says of itself: its snapshot, its limits, and whether it is ready.
// Everything here is read at the moment of asking; nothing is cached that could be stale.

import type { Clock } from "../../base/clock.ts";
import type { CodexdConfig } from "../../core/config.ts";
import { LIMITS } from "../../core/limits.ts";
import type { ChildSize } from "../../core/processes.ts";
import type { DaemonState, Identity } from "../../core/records.ts";
import { runSummary } from "../../core/runs.ts";
import type { ServiceStatus, StatusSnapshot } from "../../core/status.ts";
import type { AppServerGate } from "../app-server/app-server.ts";
import type { Compat } from "../app-server/compat.ts";
import { countKept } from "../retention.ts";
import type { Runs } from "../runs/runs.ts";
import type { StatusService } from "../services.ts";
import { toldSession } from "../sessions/session-parts.ts";
import type { CodexdStore } from "../tables.ts";
import type { OpenTurn } from "../turns/open-turn.ts";
import type { OpenTurns } from "../turns/open-turns.ts";

export interface StatusOptions {
  readonly config: CodexdConfig;
  readonly identity: Identity;
  readonly store: CodexdStore;
  readonly clock: Clock;
  readonly open: OpenTurns;
  readonly queue: { readonly size: number };
  readonly runs: Pick<Runs, "underWay" | "waiting" | "running">;
  readonly approvals: { readonly pending: number };
  readonly appServer: AppServerGate;
  readonly compat: Pick<Compat, "report">;
  readonly figures: StatusFigures;
  readonly daemon: () => DaemonState;
  /** What the edge says of itself; asked at each call. */
  readonly service: () => ServiceStatus;
}

/** What takes a look at the machine; null where it cannot be told. */
export interface StatusFigures {
  size(): Promise<ChildSize | null>;
  codexHomeBytes(): Promise<number | null>;
}

export function createStatus(options: StatusOptions): StatusService {
  const { config, identity, store, open, appServer, compat } = options;

  const snapshot = (): StatusSnapshot => {
    const sessions = newest(store.tables.session.newestFirst()).map(toldSession);
    const runs = newest(store.tables.run.newestFirst());
    const events = store.recentEvents();
    return {
      config,
      identity,
      daemon: options.daemon(),
      sessionRegistry: {
        updatedAt: sessions.map((session) => session.updatedAt).sort().at(-1) ?? null,
        sessions,
        total: store.tables.session.size,
      },
      runRegistry: {
        updatedAt: runs.map((run) => run.updatedAt).sort().at(-1) ?? null,
        runs: runs.map(runSummary),
        total: store.tables.run.size,
      },
      recentEvents: { maxEntries: config.eventCacheSize, updatedAt: events.at(-1)?.createdAt ?? null, events },
    };
  };

  return {
    snapshot,
    service: options.service,
    recentEvents: () => store.recentEvents(),

    async status() {
      const { figures } = options;
      const [size, codexHomeBytes] = await Promise.all([figures.size(), figures.codexHomeBytes()]);
      const status = {
        service: options.service(),
        snapshot: snapshot(),
        limits: { ...limits(options), ...kept(options), ...costs(size, codexHomeBytes, config) },
        liveness: {
          turns: open.all().filter(({ phase }) => phase !== "reserved").map((turn) => quietTurn(turn, open)),
          runs: options.runs.running().map(({ run: { runId, sessionId }, pulse }) =>
            ({ runId, sessionId, ...pulse.liveness(config.turns.stallWarnMs) })),
        },
        compat: compat.report(),
      };
      await store.settled();
      return status;
    },

    readiness() {
      const reasons: string[] = [];
      const { state } = appServer;
      const health = store.health();
      if (!options.daemon().started) reasons.push("the daemon is not running");
      if (!health.writable) reasons.push(health.reason ?? "state cannot be written");
      if (config.server.mode === "app-server" && appServer.current === undefined) {
        reasons.push(`the app-server is ${state.status}${state.lastError === null ? "" : `: ${state.lastError}`}`);
      }
      const { status, missing } = compat.report();
      if (status === "refused") reasons.push(`Codex does not have what codexd needs: it lacks ${missing.join(", ")}`);
      return { ready: reasons.length === 0, reasons };
    },
  };
}

/** A turn by its ids, and why it is quiet. */
function quietTurn(turn: OpenTurn, open: Pick<OpenTurns, "liveness">) {
  const { submissionId, turnId, sessionId } = turn.record;
  return { submissionId, turnId, sessionId, ...open.liveness(turn) };
}

function limits({ config, store, open, queue, runs, approvals, appServer, service }: StatusOptions) {
  return {
    childCalls: { value: appServer.current?.client.underWay ?? 0, limit: LIMITS.childCallsMax },
    journalPendingBytes: { value: store.pendingBytes, limit: LIMITS.journalPendingBytesMax },
    openTurns: { value: open.all().length, limit: null },
    queuedTurns: { value: queue.size, limit: null },
    keptAnswers: { value: store.tables.answer.size, limit: LIMITS.keptAnswersMax },
    pendingApprovals: { value: approvals.pending, limit: null },
    runs: { value: runs.underWay, limit: config.runs.max },
    queuedRuns: { value: runs.waiting, limit: config.runs.maxQueued },
    streams: { value: service().websocketClients, limit: LIMITS.connectionsMax },
  };
}

/** What stays of what is over, by each of the settings that bound it. */
function kept({ config, store, clock }: StatusOptions) {
  const { journalMaxBytes, keepRecords, keepDays } = config.store;
  const { counts, keptDays } = countKept(store.tables, clock.now());
  return {
    journalBytes: { value: store.journalSize().bytes, limit: journalMaxBytes },
    ...Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, { value, limit: keepRecords }])),
    keptDays: { value: keptDays, limit: keepDays },
  };
}

/** `limit` of the home is where it is worth a warning; nothing is done about it. */
function costs(size: ChildSize | null, codexHomeBytes: number | null, { server }: CodexdConfig) {
  return {
    childRssBytes: { value: size?.rssBytes ?? null, limit: server.childMaxRssBytes },
    childDescendants: { value: size?.descendants ?? null, limit: null },
    codexHomeBytes: { value: codexHomeBytes, limit: LIMITS.codexHomeWarnBytes },
  };
}

function newest<R>(records: Iterable<R>): R[] {
  const kept: R[] = [];
  for (const record of records) {
    if (kept.length === LIMITS.snapshotRecords) break;
    kept.push(record);
  }
  return kept;
}
