// One life of an app-server as its supervisor sees it: from the attempt to have one to its end.
//
// An owned child's is child-life.ts's; that of a remote one is a connection. Invariant: `onEnd` is called exactly once,
// after the last message has been handled and every call has been settled.

import type { AppServerConnection } from "./connection.ts";

export interface LifeEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why, as far as codexd knows more than the exit code says. */
  readonly reason: string | null;
  /** It never came to be. */
  readonly spawnFailed: boolean;
  /** True unless trying again cannot help: the command is missing, or not to be executed. */
  readonly canRetry: boolean;
  /**
   * It was refused, and will be until a person has changed something where codexd cannot see it: tried again after so
   * many milliseconds, and called failed until then.
   */
  readonly retryAfterMs?: number;
}

export interface Life {
  /** Null for a remote one. */
  readonly pid: number | null;
  readonly client: AppServerConnection;
  /** Resolves when it has come to be or failed to. */
  readonly spawned: Promise<void>;
  /** Ends it in order; resolves when it has ended. */
  stop(): Promise<void>;
  /** Gives this life up for the given reason. */
  abandon(reason: string): void;
}

export interface LifeCallbacks {
  onSpawn(pid: number | null): void;
  /** Nothing can be asked of it any more; its end follows. */
  onDeaf(): void;
  onEnd(end: LifeEnd): void;
}
