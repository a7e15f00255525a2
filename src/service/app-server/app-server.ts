// The app-server as the use cases need it: a running one, or the reason why there is none.
//
// A seam: sessions, turns and ingest know this much of child/, so that tests put a double in its place.

import type { AppServerConnection } from "../../child/connection.ts";
import type { ChildState } from "../../core/records.ts";

/** What the use cases ask of a running app-server; its beginning and its end are the supervisor's. */
export type AppServerCalls = Omit<AppServerConnection, "initialize" | "close" | "abort">;

export interface RunningAppServer {
  readonly client: AppServerCalls;
  /** Differs from life to life of the child. */
  readonly generation: number;
}

export interface AppServerGate {
  readonly state: ChildState;
  /** Codex's version; null while it is not known. */
  readonly version: string | null;
  readonly current: RunningAppServer | undefined;
  /** What it has answered to the handshake; undefined before the first one. */
  readonly handshake?: unknown;
  /** Waits for a child that starts or restarts. @throws `not_ready`, `child_failed`, `draining`, `wrong_mode`. */
  ready(): Promise<RunningAppServer>;
}
