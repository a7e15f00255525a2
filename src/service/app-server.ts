// The app-server as the use cases need it: a running one, or the reason why there is none.
//
// A seam: sessions, turns and ingest know this much of child/, so that tests put a double in its place.

import type { CallOptions } from "../child/rpc-client.ts";
import type { ChildState } from "../core/records.ts";

/** The calls of a running app-server. @see RpcClient.call for what they throw. */
export interface AppServerCalls {
  call(method: string, params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  threadStart(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  threadResume(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  turnStart(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  turnSteer(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  turnInterrupt(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  answer(id: number | string, result: unknown): void;
  refuse(id: number | string, code: number, message: string): void;
  pause(): void;
  resume(): void;
  readonly underWay: number;
}

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
  /** Waits for a child that starts or restarts. @throws `not_ready`, `child_failed`, `draining`, `wrong_mode`. */
  ready(): Promise<RunningAppServer>;
}
