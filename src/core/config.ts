// The shape of a resolved configuration. How flags, environment and input become one stands in src/config.ts.
//
// Only the shape: it is frozen when it is built, and every value in it has been checked.

import type { LogLevel } from "../base/log.ts";

export const DURABILITIES = ["process", "interval", "power"] as const;
/** What an acknowledgement means: written, also synced within a second, or synced before it. */
export type Durability = (typeof DURABILITIES)[number];

export const DAEMON_MODES = ["app-server", "exec"] as const;
export type DaemonMode = (typeof DAEMON_MODES)[number];

export const CHILD_STRATEGIES = ["spawn", "external"] as const;
export type ChildStrategy = (typeof CHILD_STRATEGIES)[number];

export const AUTH_MODES = ["token", "none"] as const;
export type AuthMode = (typeof AUTH_MODES)[number];

export const APPROVAL_DEFAULTS = ["ask", "accept", "decline"] as const;
export type ApprovalDefault = (typeof APPROVAL_DEFAULTS)[number];

export interface CodexdPaths {
  readonly stateDir: string;
  readonly logsDir: string;
  readonly identityPath: string;
  readonly daemonStatePath: string;
  readonly sessionRegistryPath: string;
  readonly turnRegistryPath: string;
  readonly runRegistryPath: string;
  readonly approvalRegistryPath: string;
  readonly answerRegistryPath: string;
  readonly markRegistryPath: string;
  /** Uploaded images, one folder a session. */
  readonly uploadsDir: string;
  readonly recentEventsPath: string;
  readonly structuredEventLogPath: string;
  readonly stdoutLogPath: string;
  readonly stderrLogPath: string;
  readonly tokenPath: string;
  readonly curlHeaderPath: string;
}

/** One frozen value; every path is absolute. */
export interface CodexdConfig {
  readonly nodeId: string;
  readonly version: string;
  readonly repoRoot: string;
  readonly eventCacheSize: number;
  readonly smokeLifetimeMs: number;
  readonly logLevel: LogLevel;
  readonly paths: CodexdPaths;
  readonly service: {
    readonly localApiBase: string;
    readonly eventStreamPath: string;
    readonly auth: AuthMode;
    /** Null where there is no Unix socket. */
    readonly socketPath: string | null;
  };
  readonly server: {
    readonly mode: DaemonMode;
    readonly endpoint: string;
    readonly childStrategy: ChildStrategy;
    readonly childCommand: string;
    readonly childArgs: readonly string[];
    readonly childCwd: string;
    readonly tokenFile: string | null;
    /** Bytes of resident memory above which an idle child is restarted; null for never. */
    readonly childMaxRssBytes: number | null;
  };
  readonly store: {
    readonly durability: Durability;
    readonly journalMaxBytes: number;
    readonly keepRecords: number;
    readonly keepDays: number;
  };
  readonly runs: {
    readonly command: string;
    /** Arguments of the command before `exec`. */
    readonly args: readonly string[];
    readonly max: number;
    readonly maxQueued: number;
  };
  readonly approvals: {
    readonly default: ApprovalDefault;
    readonly timeoutMs: number | null;
    readonly rulesPath: string | null;
  };
  readonly turns: { readonly stallWarnMs: number | null; readonly stallInterruptMs: number | null };
}
