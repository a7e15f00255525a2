// An app-server that an embedding program brings itself: what codexd asks of it, and what it may leave out.
//
// Only shapes. codexd's own CodexAppServerClient is such an adapter, so that a program can wrap it.

import type { AppServerAdapterEvent } from "../codex/adapter-events.ts";
import type { CodexdConfig } from "../core/config.ts";
import type { ChildHandle } from "./spawner.ts";

/** Parameters and results are Codex's own: `{thread: {id}, …}` of a thread, `{turn: {id}, …}` of a turn. */
export type AdapterCall = (params: Record<string, unknown>) => unknown;

/** How a subscription ends: by a call of the function, or of its `unsubscribe`. */
export type Subscription = { unsubscribe(): void } | (() => void) | void;

/** A question of Codex's, which is answered by its `id`. */
export interface AdapterRequest {
  readonly id: number | string;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/**
 * Whatever is left out is known to be missing when it is first asked for: that call fails and names it. Each call may
 * give its result or a promise of it, and fail by throwing or rejecting; codexd's time limits hold for all of them.
 * Events of a turn may come before its `turnStart` has given its result.
 */
export interface AppServerClientAdapter {
  /** What Codex answers to the handshake; codexd reads its version from `userAgent`. */
  initialize?(): unknown;
  threadStart?: AdapterCall;
  threadResume?: AdapterCall;
  turnStart?: AdapterCall;
  turnSteer?: AdapterCall;
  turnInterrupt?: AdapterCall;
  /** Any other method of the app-server. */
  call?(method: string, params: Record<string, unknown>): unknown;
  /** Lets go of what it holds; the child is ended by codexd. */
  close?(): unknown;
  readonly events?: { subscribe(listener: (event: AppServerAdapterEvent) => void): Subscription } | undefined;
  /** What Codex asks; without it nobody is asked. */
  readonly requests?: { subscribe(listener: (request: AdapterRequest) => void): Subscription } | undefined;
  answer?(id: number | string, result: unknown): unknown;
  refuse?(id: number | string, code: number, message: string): unknown;
  /** Settles when nothing can come or go any more; a child's exit says so too. */
  readonly closed?: Promise<unknown> | undefined;
}

export interface AppServerClientFactory {
  /**
   * Called once for each life of the app-server. `child` is the process that codexd has just spawned, whose `stdin`
   * and `stdout` are the adapter's from now on; null with `serverStrategy: "external"`, where there is none.
   */
  create(context: {
    readonly child: ChildHandle | null;
    readonly config: CodexdConfig;
  }): AppServerClientAdapter | Promise<AppServerClientAdapter>;
}
