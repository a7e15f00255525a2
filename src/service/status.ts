// What the daemon says of itself: the snapshot of SPEC section 8, its limits, and whether it is ready.
// Everything here is read at the moment of asking; nothing is cached that could be stale.

import type { Clock } from "../base/clock.ts";
import type { CodexdConfig } from "../core/config.ts";
import type { CodexdEvent } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import type { DaemonState, Identity, SessionRecord } from "../core/records.ts";
import type { AppServerGate } from "./app-server.ts";
import type { OpenTurn, OpenTurns } from "./open-turns.ts";
import type { StatusService } from "./services.ts";
import type { CodexdStore } from "./tables.ts";

/** What the HTTP edge knows of itself. */
export interface ServiceStatus {
  readonly configuredBaseUrl: string;
  readonly eventStreamPath: string;
  readonly eventStreamUrl: string | null;
  readonly listening: boolean;
  readonly resolvedBaseUrl: string | null;
  readonly websocketClients: number;
}

export interface StatusSnapshot {
  readonly config: CodexdConfig;
  readonly identity: Identity;
  readonly daemon: DaemonState;
  readonly sessionRegistry: {
    readonly updatedAt: string | null;
    readonly sessions: readonly SessionRecord[];
    readonly total: number;
  };
  readonly runRegistry: { readonly updatedAt: string | null; readonly runs: readonly never[]; readonly total: number };
  readonly recentEvents: {
    readonly maxEntries: number;
    readonly updatedAt: string | null;
    readonly events: readonly CodexdEvent[];
  };
}

export interface Readiness {
  readonly ready: boolean;
  /** One sentence each; empty when ready. */
  readonly reasons: readonly string[];
}

export interface StatusOptions {
  readonly config: CodexdConfig;
  readonly identity: Identity;
  readonly store: CodexdStore;
  readonly open: OpenTurns;
  readonly appServer: AppServerGate;
  readonly clock: Clock;
  readonly daemon: () => DaemonState;
  /** What the edge says of itself; asked at each call. */
  readonly service: () => ServiceStatus;
}

export function createStatus(options: StatusOptions): StatusService {
  const { config, identity, store, open, appServer, clock } = options;

  const snapshot = (): StatusSnapshot => {
    const sessions = newest(store.tables.session.newestFirst());
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
      runRegistry: { updatedAt: null, runs: [], total: 0 },
      recentEvents: { maxEntries: config.eventCacheSize, updatedAt: events.at(-1)?.createdAt ?? null, events },
    };
  };

  return {
    snapshot,
    service: options.service,
    recentEvents: () => store.recentEvents(),

    async status() {
      const status = {
        service: options.service(),
        snapshot: snapshot(),
        limits: limits(options),
        liveness: { turns: open.all().filter(({ phase }) => phase !== "reserved")
            .map((turn) => livenessOf(turn, clock.monotonic())) },
        compat: compatOf(appServer.version),
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
      return { ready: reasons.length === 0, reasons };
    },
  };
}

/** Versions that codexd was measured against; any other may work, and is called `degraded` until it was tried. */
const KNOWN_VERSIONS: ReadonlySet<string> = new Set(["0.116.0", "0.169.0"]);

function compatOf(version: string | null): Record<string, unknown> {
  const known = version !== null && KNOWN_VERSIONS.has(version);
  return { status: known ? "ok" : version === null ? "unknown" : "degraded", version, known: [...KNOWN_VERSIONS] };
}

/** Why a turn is quiet, and for how long it has been. */
function livenessOf({ record, phase, receipt, progressMonotonicMs }: OpenTurn, nowMs: number) {
  const { submissionId, turnId, sessionId } = record;
  const began = phase === "accepted" && receipt.started;
  const running = receipt.openTools.size > 0 ? "tool" : "model";
  const state = receipt.reconnecting ? "reconnecting" : began ? running : "starting";
  return { submissionId, turnId, sessionId, state, quietMs: Math.round(nowMs - progressMonotonicMs) };
}

function limits({ store, open, appServer, service }: StatusOptions) {
  return {
    childCalls: { value: appServer.current?.client.underWay ?? 0, limit: LIMITS.childCallsMax },
    journalPendingBytes: { value: store.pendingBytes, limit: LIMITS.journalPendingBytesMax },
    openTurns: { value: open.all().length, limit: null },
    streams: { value: service().websocketClients, limit: LIMITS.connectionsMax },
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
