// Flags, environment and input -> one frozen configuration, each value with where it came from.
//
// Reads nothing but its arguments and codexd's own package.json; whether directories exist, or the command can be
// found, is for those who use them. Invariant: a value that is given is taken or refused by name, never replaced.

import { homedir, hostname, userInfo } from "node:os";
import path from "node:path";
import { DecodeError } from "./base/decode.ts";
import { CONFIG_OPTIONS, type DefaultSource, type OptionName, type OptionValues } from "./config-options.ts";
import { loopbackBase, OFF, type ConfigPlatform } from "./config-values.ts";
import type { CodexdConfig, CodexdPaths } from "./core/config.ts";
import { EXIT, ExitError } from "./core/errors.ts";
import { LIMITS } from "./core/limits.ts";

export type { ConfigPlatform } from "./config-values.ts";

/**
 * Numbers and sizes may be text too (`"1GiB"`), as a flag has them; `"off"` switches off what can be. Null and
 * undefined mean that nothing was said.
 */
export type CodexdConfigInput = {
  readonly [K in OptionName]?: OptionValues[K] | InputText<OptionValues[K]> | null | undefined;
};
type InputText<T> = number extends T ? string : never;

export type ConfigSource = "flag" | `environment ${string}` | "default";

export interface ConfigValueSource {
  /** The name in `CodexdConfigInput`. */
  readonly name: OptionName;
  readonly flag: string | null;
  /** The variables, the one that counts first standing first. */
  readonly env: readonly string[];
  readonly value: OptionValues[OptionName];
  readonly source: ConfigSource;
}

export interface ResolvedConfig {
  readonly config: CodexdConfig;
  readonly sources: readonly ConfigValueSource[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Input beats environment beats default.
 *
 * @throws {ExitError} 78, naming the flag or variable, the value, and what it takes.
 */
export function resolveCodexdConfig(
  input: CodexdConfigInput = {},
  env: Environment = process.env,
  platform: ConfigPlatform = systemPlatform(),
): CodexdConfig {
  return resolveConfigWithSources(input, env, platform).config;
}

/** As `resolveCodexdConfig`, with where each value came from, in the order of the table. @throws {ExitError} 78. */
export function resolveConfigWithSources(
  input: CodexdConfigInput = {},
  env: Environment = process.env,
  platform: ConfigPlatform = systemPlatform(),
): ResolvedConfig {
  try {
    refuseUnknownNames(input);
    const { values, sources } = resolveValues(input, env, platform);
    checkTogether(values, sources);
    return deepFreeze({ config: buildConfig(values), sources });
  } catch (error) {
    if (error instanceof DecodeError) throw new ExitError(EXIT.config, error.message, { cause: error });
    throw error;
  }
}

/** This machine, this process. A `HOME` that is empty or relative counts as not set: no two directories agree on it. */
export function systemPlatform(): ConfigPlatform {
  const home = homedir();
  const homeDir = path.isAbsolute(home) ? home : userInfo().homedir;
  return { cwd: process.cwd(), homeDir, hostName: hostname() };
}

export interface ConfigFlag {
  readonly name: OptionName;
  /** With its two dashes. */
  readonly flag: string;
  readonly takes: string;
  readonly summary: string;
  readonly repeatable: boolean;
}

/** The flags of the table, in its order, for a command line to take. */
export function configFlags(): ConfigFlag[] {
  return OPTION_NAMES.flatMap((name) => {
    const { flag, takes, summary } = CONFIG_OPTIONS[name];
    return flag === null ? [] : [{ name, flag, takes, summary, repeatable: name === "serverArgs" }];
  });
}

/**
 * A base URL that a client is told, under the rules of `localApiBase` but for port 0.
 *
 * @param label the flag or variable that said so. @throws {ExitError} 78.
 */
export function resolveClientUrl(text: string, label: string): string {
  try {
    const base = loopbackBase(text, label, systemPlatform());
    if (base.endsWith(":0")) throw new DecodeError(label, "must name the port that the daemon listens on, not 0");
    return base;
  } catch (error) {
    if (error instanceof DecodeError) throw new ExitError(EXIT.config, error.message, { cause: error });
    throw error;
  }
}

/** The table for people, one line an option: value, and where it came from; of a configuration alone the values. */
export function formatCodexdConfigText(resolved: ResolvedConfig | CodexdConfig): string {
  const rows = "sources" in resolved
    ? resolved.sources.map(({ name, flag, env, value, source }) =>
      [flag ?? name, displayValue(value), source === "default" ? defaultText(env) : source] as const)
    : leavesOf(resolved).map(([name, value]) => [name, value, ""] as const);
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.min(Math.max(...rows.map(([, value]) => value.length)), 60);
  return rows
    .map(([name, value, source]) => `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${source}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
}

/** Also what would set it, which a flag shows by itself. */
function defaultText(env: readonly string[]): string {
  return env.length === 0 ? "default" : `default (${env.join(" or ")})`;
}

/** `server.mode` and its like, in the order of the configuration. */
function leavesOf(branch: object, prefix = ""): Array<readonly [string, string]> {
  return Object.entries(branch).flatMap(([name, value]: [string, unknown]) => {
    const isBranch = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isBranch) return leavesOf(value, `${prefix}${name}.`);
    return [[`${prefix}${name}`, displayValue(value as ConfigValueSource["value"])] as const];
  });
}

const OPTION_NAMES = Object.keys(CONFIG_OPTIONS) as OptionName[];

function refuseUnknownNames(input: CodexdConfigInput): void {
  for (const name of Object.keys(input)) {
    if (!Object.hasOwn(CONFIG_OPTIONS, name)) {
      throw new DecodeError(name, `unknown option; the options are ${OPTION_NAMES.join(", ")}`);
    }
  }
}

function resolveValues(input: CodexdConfigInput, env: Environment, platform: ConfigPlatform) {
  const known: Partial<Record<OptionName, OptionValues[OptionName]>> = {};
  // The table's order makes what a default asks for known by then.
  const values = known as OptionValues;
  const sources = OPTION_NAMES.map((name) => {
    const resolved = resolveOption(name, input, { known: values, env, platform });
    known[name] = resolved.value;
    return resolved;
  });
  return { values, sources };
}

function resolveOption(name: OptionName, input: CodexdConfigInput, from: DefaultSource): ConfigValueSource {
  const { flag, env, parse, fallback } = CONFIG_OPTIONS[name];
  const given = input[name];
  if (given !== undefined && given !== null) {
    return { name, flag, env, value: parse(given, flag ?? name, from.platform), source: "flag" };
  }
  // An empty variable counts as absent, so that `BAA_X= codexd …` takes one away.
  const variable = env.find((candidate) => (from.env[candidate] ?? "") !== "");
  if (variable !== undefined) {
    const value = parse(from.env[variable], variable, from.platform);
    return { name, flag, env, value, source: `environment ${variable}` };
  }
  return { name, flag, env, value: fallback(from), source: "default" };
}

/** What each value cannot know of the others. */
function checkTogether(values: OptionValues, sources: readonly ConfigValueSource[]): void {
  const { serverStrategy, serverEndpoint, socketPath } = values;
  if (serverStrategy === "spawn" && serverEndpoint !== "stdio://") {
    throw new DecodeError(labelOf("serverEndpoint", sources),
      `${JSON.stringify(serverEndpoint)} needs --server-strategy external; with spawn it is stdio://`);
  }
  if (serverStrategy === "external" && serverEndpoint === "stdio://") {
    throw new DecodeError(labelOf("serverStrategy", sources),
      '"external" needs --server-endpoint with a ws://, wss://, http://, https:// or unix:// URL, not stdio://');
  }
  const socketBytes = Buffer.byteLength(socketPath ?? "");
  if (socketBytes > LIMITS.socketPathBytesMax) {
    throw new DecodeError(labelOf("socketPath", sources),
      `${JSON.stringify(socketPath)} has ${socketBytes} bytes and a Unix socket's path takes at most ` +
      `${LIMITS.socketPathBytesMax}: give --socket a shorter one, or ${OFF}`);
  }
}

/** The flag or variable that a person has to change. */
function labelOf(name: OptionName, sources: readonly ConfigValueSource[]): string {
  const source = sources.find((candidate) => candidate.name === name)?.source ?? "default";
  const environment = /^environment (.*)$/.exec(source);
  return environment?.[1] ?? CONFIG_OPTIONS[name].flag ?? name;
}

function buildConfig(values: OptionValues): CodexdConfig {
  return {
    nodeId: values.nodeId,
    version: values.version,
    repoRoot: values.repoRoot,
    eventCacheSize: values.eventCacheSize,
    smokeLifetimeMs: values.smokeLifetimeMs,
    logLevel: values.logLevel,
    paths: buildPaths(values.stateDir, values.logsDir),
    service: {
      localApiBase: values.localApiBase,
      eventStreamPath: values.eventStreamPath,
      auth: values.auth,
      socketPath: values.socketPath,
    },
    server: {
      mode: values.mode,
      endpoint: values.serverEndpoint,
      childStrategy: values.serverStrategy,
      childCommand: values.serverCommand,
      childArgs: [...values.serverArgs],
      childCwd: values.serverCwd,
      tokenFile: values.serverTokenFile,
      childMaxRssBytes: values.childMaxRss,
    },
    store: {
      durability: values.durability,
      journalMaxBytes: values.journalMaxBytes,
      keepRecords: values.keepRecords,
      keepDays: values.keepDays,
    },
    runs: {
      command: values.execCommand,
      args: [...values.execArgs],
      max: values.maxRuns,
      maxQueued: values.maxQueuedRuns,
    },
    approvals: {
      default: values.approvalDefault,
      timeoutMs: values.approvalTimeoutMs,
      rulesPath: values.approvalRules,
    },
    turns: { stallWarnMs: values.stallWarnMs, stallInterruptMs: values.stallInterruptMs },
  };
}

function buildPaths(stateDir: string, logsDir: string): CodexdPaths {
  const inState = (file: string): string => path.join(stateDir, file);
  const inLogs = (file: string): string => path.join(logsDir, file);
  return {
    stateDir,
    logsDir,
    identityPath: inState("identity.json"),
    daemonStatePath: inState("daemon-state.json"),
    sessionRegistryPath: inState("session-registry.json"),
    turnRegistryPath: inState("turn-registry.json"),
    approvalRegistryPath: inState("approval-registry.json"),
    answerRegistryPath: inState("answer-registry.json"),
    markRegistryPath: inState("mark-registry.json"),
    uploadsDir: inState("uploads"),
    runRegistryPath: inState("run-registry.json"),
    recentEventsPath: inState("recent-events.json"),
    structuredEventLogPath: inLogs("events.jsonl"),
    stdoutLogPath: inLogs("stdout.log"),
    stderrLogPath: inLogs("stderr.log"),
    tokenPath: inState("token"),
    curlHeaderPath: inState("curl-header"),
  };
}

function displayValue(value: ConfigValueSource["value"]): string {
  if (value === null) return OFF;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
