// start: runs the daemon in the foreground until a signal, and says how to reach it.
//
// Deliberately no daemonizing: that is the service manager's. Invariant: nothing is written before the configuration
// is right and the command of the child is found; one signal ends in order with 0, a second one at once with 130.

import { createDeferred } from "../base/deferred.ts";
import { createLogger, type Logger } from "../base/log.ts";
import type { CodexdConfig } from "../core/config.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
import {
  hasFlag, STOP_SIGNALS,
  type CliContext, type CliIo, type CommandSpec, type RunnableService, type StartedService, type StopSignal,
} from "./command.ts";
import { JSON_FLAG } from "./print.ts";

export const startCommand: CommandSpec = {
  positionals: "",
  positionalsMin: 0,
  positionalsMax: 0,
  summary: "run the daemon in the foreground until SIGINT, SIGTERM or SIGHUP",
  notes: "--json prints one line once the daemon listens; the log goes to standard error.\n",
  flags: [
    { name: "accept-loss", takes: null, summary: "cut a damaged journal where it can no longer be read" },
    JSON_FLAG,
  ],
  config: "all",
  run: runStart,
};

async function runStart(context: CliContext): Promise<number> {
  const { io, parts, request } = context;
  const { config } = context.resolveConfig();
  await requireCommand(config, context);
  const log = createLogger({
    level: config.logLevel,
    write: (line) => io.stderr(`${line}\n`),
    now: () => io.clock.now(),
  });
  const signals = watchSignals(io);
  try {
    const service = parts.createService(config, { acceptLoss: hasFlag(request, "accept-loss"), log });
    const ended = serve(service, { context, config, log, stopped: signals.first });
    return await Promise.race([ended, signals.second.then(() => EXIT.interrupted)]);
  } finally {
    signals.remove();
  }
}

/** @throws {ExitError} 69, before anything is written. */
async function requireCommand({ server }: CodexdConfig, { io, parts }: CliContext): Promise<void> {
  if (server.mode !== "app-server" || server.childStrategy !== "spawn") return;
  const command = server.childCommand;
  const pathVariable = io.env["PATH"];
  if ((await parts.resolveCommand(command, pathVariable, server.childCwd)) !== null) return;
  const where = command.includes("/") ? "is not an executable file" : `was not found on PATH (${pathVariable ?? ""})`;
  throw new ExitError(EXIT.codexNotFound,
    `${command} ${where}: install the Codex CLI (npm install -g @openai/codex) or name it with --server-command`);
}

interface Serving {
  readonly context: CliContext;
  readonly config: CodexdConfig;
  readonly log: Logger;
  /** Resolves at the first signal. */
  readonly stopped: Promise<StopSignal>;
}

async function serve(service: RunnableService, { context, config, log, stopped }: Serving): Promise<number> {
  // A signal during the start waits for its end: half a daemon cannot be stopped in order.
  const started = await service.start();
  const { io, request } = context;
  io.stdout(hasFlag(request, "json") ? startedJson(started, config) : startedText(started, config));

  const signalled = stopped.then((signal) => ({ signal }));
  const failed = service.failed.then((error) => ({ error }));
  const end = await Promise.race([signalled, failed]);
  if ("error" in end) return diskFailed(end.error, service, log);
  log.info("stopping", { signal: end.signal });
  const last = await Promise.race([service.stop().then(() => null), failed]);
  return last === null ? EXIT.ok : diskFailed(last.error, service, log);
}

/** The state can no longer be written; child and runs are still to be ended. */
async function diskFailed(error: Error, service: RunnableService, log: Logger): Promise<number> {
  log.error("the disk has failed, so codexd ends", { reason: error.message });
  try {
    await service.stop();
  } catch (reason) {
    log.error("could not stop in order", { reason: errorMessage(reason) });
  }
  return EXIT.diskFailed;
}

function watchSignals(io: CliIo): { first: Promise<StopSignal>; second: Promise<StopSignal>; remove(): void } {
  const first = createDeferred<StopSignal>();
  const second = createDeferred<StopSignal>();
  let count = 0;
  const removals = STOP_SIGNALS.map((signal) =>
    io.onSignal(signal, () => (count++ === 0 ? first : second).resolve(signal)));
  return { first: first.promise, second: second.promise, remove: () => removals.forEach((remove) => remove()) };
}

/** One line, since the pipe stays open and a reader must know where the document ends. */
function startedJson(started: StartedService, config: CodexdConfig): string {
  const { tokenPath, curlHeaderPath } = config.paths;
  const open = config.service.auth === "none";
  return `${JSON.stringify({
    service: started.service,
    snapshot: started.snapshot,
    socketPath: config.service.socketPath,
    tokenFile: open ? null : tokenPath,
    headerFile: open ? null : curlHeaderPath,
  })}\n`;
}

function startedText({ service, snapshot }: StartedService, config: CodexdConfig): string {
  const base = service.resolvedBaseUrl ?? config.service.localApiBase;
  const { child } = snapshot.daemon;
  const process = child.pid === null ? "" : `, process ${child.pid}`;
  const what = child.endpoint === "stdio://" ? [child.command, ...child.args].join(" ") : child.endpoint;
  return [
    `codexd ${config.version} listens on ${base}\n`,
    `  child   ${child.status}${process}: ${what}\n`,
    `  socket  ${config.service.socketPath ?? "off"}\n`,
    `  token   ${config.service.auth === "none" ? "none needed" : config.paths.tokenPath}\n`,
    `  curl    ${curlLine(base, config)}\n`,
    `  wscat   ${wscatLine(service.eventStreamUrl ?? streamUrl(base, config), config)}\n`,
  ].join("");
}

/** The header comes from a file, so that the token never stands in argv. */
function curlLine(base: string, { service, paths }: CodexdConfig): string {
  const header = service.auth === "none" ? "" : `-H ${shellWord(`@${paths.curlHeaderPath}`)} `;
  return `curl ${header}${shellWord(`${base}/v1/codexd/status`)}`;
}

function wscatLine(url: string, { service, paths }: CodexdConfig): string {
  const header = service.auth === "none" ? "" : ` -H "Authorization: Bearer $(cat ${shellWord(paths.tokenPath)})"`;
  return `wscat -c ${shellWord(url)}${header}`;
}

function streamUrl(base: string, { service }: CodexdConfig): string {
  return base.replace(/^http/, "ws") + service.eventStreamPath;
}

/** As it is where every shell leaves it alone, else in single quotes. */
function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
