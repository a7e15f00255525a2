// What the daemon says of itself: the snapshot of SPEC section 8, its limits, and whether it is ready.

import type { CodexdConfig } from "../core/config.ts";
import type { CodexdEvent } from "../core/event.ts";
import type { DaemonState, Identity, SessionRecord } from "../core/records.ts";

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
