// The table of options: one row a value that codexd can be told, with its flag, variables, default and parser.
//
// Flags, variables, help and messages all come from here; how a row becomes a value stands in config.ts.
// Invariant: rows stand in the order in which they are resolved, so a default may use the rows above it.

import path from "node:path";
import { LOG_LEVELS, type LogLevel } from "./base/log.ts";
import {
  command, commandArgs, endpoint, filePath, loopbackBase, milliseconds, name, orOff, size, urlPath, wholeNumber, wordOf,
  type ConfigPlatform, type OptionParser,
} from "./config-values.ts";
import {
  APPROVAL_DEFAULTS, AUTH_MODES, CHILD_STRATEGIES, DAEMON_MODES, DURABILITIES,
  type ApprovalDefault, type AuthMode, type ChildStrategy, type DaemonMode, type Durability,
} from "./core/config.ts";
import { LIMITS } from "./core/limits.ts";
import { readVersion } from "./version.ts";

/** Every option by its input name; paths are absolute, null is `off`. */
export interface OptionValues {
  readonly nodeId: string;
  readonly version: string;
  readonly mode: DaemonMode;
  readonly repoRoot: string;
  readonly stateDir: string;
  readonly logsDir: string;
  readonly localApiBase: string;
  readonly eventStreamPath: string;
  readonly socketPath: string | null;
  readonly auth: AuthMode;
  readonly eventCacheSize: number;
  readonly serverStrategy: ChildStrategy;
  readonly serverEndpoint: string;
  readonly serverTokenFile: string | null;
  readonly serverCommand: string;
  readonly serverArgs: readonly string[];
  readonly serverCwd: string;
  readonly execCommand: string;
  readonly execArgs: readonly string[];
  readonly maxRuns: number;
  readonly maxQueuedRuns: number;
  readonly durability: Durability;
  readonly journalMaxBytes: number;
  readonly keepRecords: number;
  readonly keepDays: number;
  readonly approvalDefault: ApprovalDefault;
  readonly approvalTimeoutMs: number | null;
  readonly approvalRules: string | null;
  readonly stallWarnMs: number | null;
  readonly stallInterruptMs: number | null;
  readonly childMaxRss: number | null;
  readonly smokeLifetimeMs: number;
  readonly logLevel: LogLevel;
}

export type OptionName = keyof OptionValues;

/** What a default may be made of; `known` holds the rows above. */
export interface DefaultSource {
  readonly known: OptionValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: ConfigPlatform;
}

export interface ConfigOption<T> {
  /** Null for what only the library can set. */
  readonly flag: string | null;
  /** The first that is set and not empty counts. */
  readonly env: readonly string[];
  /** Stands for the value in help. */
  readonly takes: string;
  readonly summary: string;
  readonly parse: OptionParser<T>;
  readonly fallback: (source: DefaultSource) => T;
}

export const CONFIG_OPTIONS: { readonly [K in OptionName]: ConfigOption<OptionValues[K]> } = {
  nodeId: row("--node-id", "BAA_NODE_ID", "NAME", "this machine's name", name, ({ platform }) => platform.hostName),
  version: { ...row("", [], "VERSION", "codexd's version", name, () => readVersion()), flag: null },
  mode: row("--mode", "BAA_CODEXD_MODE", "MODE", "app-server or exec", wordOf(DAEMON_MODES), () => "app-server"),
  repoRoot: row("--repo-root", "BAA_CODEXD_REPO_ROOT", "DIR", "default working directory",
    filePath, ({ platform }) => platform.cwd),
  stateDir: row("--state-dir", "BAA_CODEXD_STATE_DIR", "DIR", "where sessions, runs and the token are kept",
    filePath, defaultStateDir),
  logsDir: row("--logs-dir", ["BAA_CODEXD_LOGS_DIR", "BAA_LOGS_DIR"], "DIR", "where the journal and logs are kept",
    filePath, ({ known }) => path.join(known.stateDir, "logs")),
  localApiBase: row("--local-api-base", "BAA_CODEXD_LOCAL_API_BASE", "URL", "HTTP base; port 0 picks one",
    loopbackBase, () => "http://127.0.0.1:4319"),
  eventStreamPath: row("--event-stream-path", "BAA_CODEXD_EVENT_STREAM_PATH", "PATH", "event stream's path",
    urlPath, () => "/v1/codexd/events"),
  socketPath: row("--socket", "BAA_CODEXD_SOCKET", "PATH|off", "Unix socket",
    orOff(filePath), ({ known }) => path.join(known.stateDir, "codexd.sock")),
  auth: row("--auth", "BAA_CODEXD_AUTH", "MODE", "token or none", wordOf(AUTH_MODES), () => "token"),
  eventCacheSize: row("--event-cache-size", "BAA_CODEXD_EVENT_CACHE_SIZE", "N", "recent events kept in memory",
    wholeNumber(0, 10_000), () => 50),
  serverStrategy: row("--server-strategy", "BAA_CODEXD_SERVER_STRATEGY", "WORD", "spawn a child, or external",
    wordOf(CHILD_STRATEGIES), () => "spawn"),
  serverEndpoint: row("--server-endpoint", "BAA_CODEXD_SERVER_ENDPOINT", "URL", "stdio://, or where it runs",
    endpoint, () => "stdio://"),
  serverTokenFile: row("--server-token-file", "BAA_CODEXD_SERVER_TOKEN_FILE", "FILE|off", "token for that endpoint",
    orOff(filePath), () => null),
  serverCommand: row("--server-command", "BAA_CODEXD_SERVER_COMMAND", "COMMAND", "child command",
    command, () => "codex"),
  serverArgs: row("--server-arg", "BAA_CODEXD_SERVER_ARGS", "ARG", "child argument, repeatable (JSON array in env)",
    commandArgs, () => ["app-server"]),
  serverCwd: row("--server-cwd", "BAA_CODEXD_SERVER_CWD", "DIR", "child working directory",
    filePath, ({ known }) => known.repoRoot),
  execCommand: row("--exec-command", "BAA_CODEXD_EXEC_COMMAND", "COMMAND", "command of a run",
    command, ({ known }) => known.serverCommand),
  execArgs: { ...row("", [], "ARGS", "arguments of that command before exec", commandArgs, () => []), flag: null },
  maxRuns: row("--max-runs", "BAA_CODEXD_MAX_RUNS", "N", "runs at a time", wholeNumber(1, 256), () => 4),
  maxQueuedRuns: row("--max-queued-runs", "BAA_CODEXD_MAX_QUEUED_RUNS", "N", "runs that may wait",
    wholeNumber(0, 100_000), () => 1000),
  durability: row("--durability", "BAA_CODEXD_DURABILITY", "WORD", "process, interval or power",
    wordOf(DURABILITIES), () => "interval"),
  journalMaxBytes: row("--journal-max-bytes", "BAA_CODEXD_JOURNAL_MAX_BYTES", "SIZE", "journal kept (such as 512MiB)",
    size, () => 2 ** 30),
  keepRecords: row("--keep-records", "BAA_CODEXD_KEEP_RECORDS", "N", "runs, turns, approvals, closed sessions kept",
    wholeNumber(0, 1_000_000), () => 10_000),
  keepDays: row("--keep-days", "BAA_CODEXD_KEEP_DAYS", "N", "days for which they are kept",
    wholeNumber(1, 36_500), () => 365),
  approvalDefault: row("--approval-default", "BAA_CODEXD_APPROVAL_DEFAULT", "WORD", "ask, accept or decline",
    wordOf(APPROVAL_DEFAULTS), () => "ask"),
  approvalTimeoutMs: row("--approval-timeout-ms", "BAA_CODEXD_APPROVAL_TIMEOUT_MS", "MS|off", "decline after this time",
    orOff(milliseconds), () => null),
  approvalRules: row("--approval-rules", "BAA_CODEXD_APPROVAL_RULES", "FILE|off", "rules that answer approvals",
    orOff(filePath), () => null),
  stallWarnMs: row("--stall-warn-ms", "BAA_CODEXD_STALL_WARN_MS", "MS|off", "warn of a turn quiet for this long",
    orOff(milliseconds), () => 120_000),
  stallInterruptMs: row("--stall-interrupt-ms", "BAA_CODEXD_STALL_INTERRUPT_MS", "MS|off", "interrupt such a turn",
    orOff(milliseconds), () => null),
  childMaxRss: row("--child-max-rss", "BAA_CODEXD_CHILD_MAX_RSS", "SIZE|off", "restart an idle child above this size",
    orOff(size), () => null),
  smokeLifetimeMs: row("--smoke-lifetime-ms", "BAA_CODEXD_SMOKE_LIFETIME_MS", "MS", "how long a smoke daemon lives",
    wholeNumber(0, LIMITS.timerMsMax), () => 100),
  logLevel: row("--log-level", "BAA_CODEXD_LOG_LEVEL", "LEVEL", `one of ${LOG_LEVELS.join(", ")}`,
    wordOf(LOG_LEVELS), () => "info"),
};

function row<T>(
  flag: string,
  env: string | readonly string[],
  takes: string,
  summary: string,
  parse: OptionParser<T>,
  fallback: (source: DefaultSource) => T,
): ConfigOption<T> {
  return { flag, env: typeof env === "string" ? [env] : env, takes, summary, parse, fallback };
}

/** XDG Base Directory: a relative `XDG_STATE_HOME` is invalid and counts as not set. */
function defaultStateDir({ env, platform }: DefaultSource): string {
  const stateHome = env["XDG_STATE_HOME"] ?? "";
  const base = path.isAbsolute(stateHome) ? stateHome : path.join(platform.homeDir, ".local", "state");
  return path.join(base, "codexd");
}
