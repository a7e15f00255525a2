// What the daemon says of itself: the shapes of status, snapshot and readiness that daemon, library and client share.
//
// Only shapes and words; service/status/status.ts fills them. The names are public API.

import type { CodexdConfig } from "./config.ts";
import type { CodexdEvent } from "./event.ts";
import type { DaemonState, Identity, SessionRecord } from "./records.ts";
import type { RunSummary } from "./runs.ts";

/** What the HTTP edge knows of itself. */
export interface ServiceStatus {
  readonly configuredBaseUrl: string;
  readonly eventStreamPath: string;
  readonly eventStreamUrl: string | null;
  readonly listening: boolean;
  readonly resolvedBaseUrl: string | null;
  readonly websocketClients: number;
}

/** The registries hold the newest `LIMITS.snapshotRecords` records. */
export interface StatusSnapshot {
  readonly config: CodexdConfig;
  readonly identity: Identity;
  readonly daemon: DaemonState;
  readonly sessionRegistry: {
    readonly updatedAt: string | null;
    readonly sessions: readonly SessionRecord[];
    readonly total: number;
  };
  readonly runRegistry: {
    readonly updatedAt: string | null;
    readonly runs: readonly RunSummary[];
    readonly total: number;
  };
  readonly recentEvents: {
    readonly maxEntries: number;
    readonly updatedAt: string | null;
    readonly events: readonly CodexdEvent[];
  };
}

/** `unknown` until an app-server has shaken hands; `refused` where it lacks what codexd cannot do without. */
export const COMPAT_STATUSES = ["ok", "degraded", "refused", "unknown"] as const;

/** How the app-server fits what codexd was written for. */
export interface CompatReport {
  readonly status: (typeof COMPAT_STATUSES)[number];
  /** As the app-server tells it; null where it has not. */
  readonly version: string | null;
  /** The versions of Codex that codexd was tried with. */
  readonly known: readonly string[];
  /** It is codexd's own agent, and no Codex. */
  readonly embeddedAgent: boolean;
  /** Features that codexd uses and this one does not have, by name. */
  readonly missing: readonly string[];
}

export interface Readiness {
  readonly ready: boolean;
  /** One sentence each; empty when ready. */
  readonly reasons: readonly string[];
}
