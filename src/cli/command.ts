// What a command is: its row in the table, what a request for it holds, and what it may use while it runs.
//
// Types, and how a flag is read out of a request. Everything that a command touches outside itself comes with
// CliContext, so that a test needs neither a daemon nor a terminal.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { CodexdConfigInput, ConfigPlatform, Environment, ResolvedConfig } from "../config.ts";
import type { CodexdConfig } from "../core/config.ts";
import type { ExportKind, Inspection } from "../core/inspection.ts";
import type { ChildState } from "../core/records.ts";
import type { StateReading } from "../store/read-state.ts";

export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** The process around a command. */
export interface CliIo {
  readonly env: Environment;
  readonly platform: ConfigPlatform;
  readonly clock: Clock;
  /** Standard output is a terminal that may be written to in colours. */
  readonly colours: boolean;
  /** Standard input is a terminal: somebody may be there to answer. */
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  stdout(text: string): void;
  /** Resolves when standard output takes more without keeping it in memory, or takes nothing any more. */
  stdoutReady(): Promise<void>;
  stderr(text: string): void;
  /** All of standard input that is left. @throws (rejects) {ExitError} 64 when that is too long. */
  readStdin(): Promise<string>;
  /**
   * The next line of standard input, without its end; null at the end of input. One call at a time. At a terminal what
   * was typed before the call is dropped, as it cannot be an answer; `question` is shown (on standard error) behind
   * that, so that an answer to what is seen is never lost.
   *
   * @throws (rejects) the signal's reason; {ExitError} 64 for a line that is too long.
   */
  readLine(signal?: AbortSignal, question?: string): Promise<string | null>;
  /** Calls `listener` at each such signal, in place of the system's default, until the result is called. */
  onSignal(signal: StopSignal, listener: () => void): () => void;
  /** Calls `listener` when standard output can no longer be written, until the result is called. */
  onOutputClosed(listener: () => void): () => void;
  /** False too for a process of another user's, which cannot be the daemon of this state directory. */
  isAlive(pid: number): boolean;
  /** Sends SIGTERM. @throws when there is no such process. */
  terminate(pid: number): void;
  /** Keeps the process alive until the result is called: codexd's timers alone do not. */
  hold(): () => void;
}

/** A daemon as `start` sees it. */
export interface RunnableService {
  start(): Promise<StartedService>;
  stop(): Promise<unknown>;
  /** Resolves when the disk has failed for good. */
  readonly failed: Promise<Error>;
}

/** What `start` prints; with `--json` whatever else is in it too. */
export interface StartedService {
  readonly service: { readonly resolvedBaseUrl: string | null; readonly eventStreamUrl: string | null };
  readonly snapshot: { readonly daemon: { readonly child: ChildState } };
}

/** A program with the arguments that stand before any other. */
export interface AgentProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** The records and events of a daemon's files. */
export type ReadableState = StateReading<{ readonly [K in Exclude<ExportKind, "event">]: object }>;

/** What the command line is built on and may not import: who composes the program hands it in. */
export interface CliParts {
  createService(config: CodexdConfig, options: { acceptLoss: boolean; log: Logger }): RunnableService;
  /** The absolute path of the program that `command` names, or null. */
  resolveCommand(command: string, pathVariable: string | undefined, cwd: string): Promise<string | null>;
  /** How the embedded agent is started. */
  agentProgram(): AgentProgram;
  /** Replaces the token in `stateDir` by a new one, and the header file with it. */
  rotateToken(stateDir: string): Promise<unknown>;
  /** Looks at the files of a state directory; changes nothing. */
  inspectFiles(config: CodexdConfig): Promise<Inspection>;
  /** As `inspectFiles`, for what is in them; to be closed. @throws (rejects) {ExitError} as a start. */
  readFiles(config: CodexdConfig, acceptLoss: boolean): Promise<ReadableState>;
  /** Ends all that the daemon in this process has started, at once and synchronously; gives the pids. */
  killChildren(): readonly number[];
}

export const COMMAND_NAMES = [
  "start", "demo", "status", "smoke", "shutdown", "config", "token", "api", "events", "send", "run", "ps", "logs",
  "stop", "approvals", "approve", "deny", "doctor", "export", "help", "version",
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** A command line, understood. */
export interface CodexdCliRequest {
  readonly command: CommandName;
  /** `--help` stood somewhere: the command's help is wanted and nothing else. */
  readonly help: boolean;
  /** The flags that are configuration, by input name. */
  readonly config: CodexdConfigInput;
  /** The command's own flags, without dashes, in the order they came. A switch has the empty string. */
  readonly options: ReadonlyArray<readonly [flag: string, value: string]>;
  readonly positionals: readonly string[];
}

export interface CliContext {
  readonly request: CodexdCliRequest;
  readonly io: CliIo;
  readonly parts: CliParts;
  /** Aborts when a command other than `start` is interrupted, or its output has no reader any more. */
  readonly signal: AbortSignal;
  /**
   * The configuration by flags, then `presets`, then the environment (`env` in the place of the process's).
   *
   * @throws {ExitError} 78.
   */
  resolveConfig(presets?: CodexdConfigInput, env?: Environment): ResolvedConfig;
  /** codexd's own version. */
  version(): string;
  /** Help on one command, or on all. */
  usage(command?: CommandName): string;
}

export interface FlagSpec {
  /** Without dashes. */
  readonly name: string;
  readonly short?: string;
  /** Stands for the value in help; null for a switch. */
  readonly takes: string | null;
  readonly summary: string;
}

export interface CommandSpec {
  /** As help shows it, such as `[METHOD] PATH`. */
  readonly positionals: string;
  readonly positionalsMin: number;
  readonly positionalsMax: number;
  readonly summary: string;
  /** More for its own help; empty, or lines that end in a newline. */
  readonly notes: string;
  readonly flags: readonly FlagSpec[];
  /** Which configuration it takes: all of it, or what finds the daemon. */
  readonly config: "all" | "flags" | "state" | "none";
  /** Gives the exit code. @throws {ExitError} for a message and a code. */
  run(context: CliContext): number | Promise<number>;
}

export function hasFlag(request: CodexdCliRequest, name: string): boolean {
  return request.options.some(([flag]) => flag === name);
}

/** The last value given, as is usual for flags. */
export function flagValue(request: CodexdCliRequest, name: string): string | undefined {
  return request.options.findLast(([flag]) => flag === name)?.[1];
}
