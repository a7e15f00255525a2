// Runs a daemon in the foreground, from its start to its end in order: what `start` and `demo` share.
//
// Deliberately no daemonizing: that is the service manager's. Invariants: nothing is written before the command of the
// child is found; one signal ends in order with 0, a second one at once with 130, and then nothing that it has started
// lives on.

import { sleep } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { createLogger, type Logger } from "../base/log.ts";
import type { CodexdConfig } from "../core/config.ts";
import { CodexdError, EXIT, ExitError, errorMessage } from "../core/errors.ts";
import {
  STOP_SIGNALS,
  type CliContext, type CliIo, type FlagSpec, type RunnableService, type StartedService, type StopSignal,
} from "./command.ts";

export const RUN_ONCE_FLAG: FlagSpec = {
  name: "run-once", takes: null, summary: "stop again after the smoke lifetime, with 0",
};

export interface ServeOptions {
  readonly config: CodexdConfig;
  readonly acceptLoss: boolean;
  readonly runOnce: boolean;
  /** What is printed once the daemon listens. */
  readonly describe: (started: StartedService) => string;
}

/** Gives the exit code. @throws {ExitError} 69 for a command that is not there, and whatever the start throws. */
export async function serveInForeground(context: CliContext, options: ServeOptions): Promise<number> {
  const { io, parts } = context;
  const { config, acceptLoss } = options;
  const log = createCliLogger(config, io);
  // First of all, so that a signal in the earliest moment ends it in order too.
  const signals = watchSignals(io, () => {
    const killed = parts.killChildren();
    log.warn("ending at once, at the second signal", { killed: killed.join(" ") });
  });
  try {
    await requireCommand(config, context);
    const service = parts.createService(config, { acceptLoss, log });
    const ended = serve(service, { io, options, log, stopped: signals.first });
    return await Promise.race([ended, signals.second.then(() => EXIT.interrupted)]);
  } finally {
    signals.remove();
  }
}

/** The log of a daemon that runs in this process, on standard error. */
export function createCliLogger(config: CodexdConfig, io: CliIo): Logger {
  return createLogger({
    level: config.logLevel,
    write: (line) => io.stderr(`${line}\n`),
    now: () => io.clock.now(),
  });
}

/** @throws {ExitError} 69, before anything is written. */
async function requireCommand({ server }: CodexdConfig, { io, parts }: CliContext): Promise<void> {
  if (server.mode !== "app-server" || server.childStrategy !== "spawn") return;
  const command = server.childCommand;
  const pathVariable = io.env["PATH"];
  if ((await parts.resolveCommand(command, pathVariable, server.childCwd)) !== null) return;
  const where = command.includes("/") ? "is not an executable file" : `was not found on PATH (${pathVariable ?? ""})`;
  throw new ExitError(EXIT.codexNotFound,
    `${command} ${where}: install the Codex CLI (npm install -g @openai/codex) or name it with --server-command; ` +
    "or see codexd without it: codexd demo");
}

interface Serving {
  readonly io: CliIo;
  readonly options: ServeOptions;
  readonly log: Logger;
  /** Resolves at the first signal. */
  readonly stopped: Promise<StopSignal>;
}

async function serve(service: RunnableService, { io, options, log, stopped }: Serving): Promise<number> {
  const starting = service.start();
  const early = await Promise.race([starting.then(() => null), stopped]);
  if (early !== null) return stopEarly(service, { starting, log, signal: early });
  const started = await starting;
  io.stdout(options.describe(started));

  const reasons: Array<Promise<{ signal: StopSignal | null }>> = [stopped.then((signal) => ({ signal }))];
  const { smokeLifetimeMs } = options.config;
  if (options.runOnce) reasons.push(sleep(io.clock, smokeLifetimeMs).then(() => ({ signal: null })));
  const failed = service.failed.then((error) => ({ error }));
  const end = await Promise.race([...reasons, failed]);
  if ("error" in end) return diskFailed(end.error, service, log);
  log.info("stopping", end.signal === null ? { lifetimeMs: smokeLifetimeMs } : { signal: end.signal });
  const last = await Promise.race([service.stop().then(() => null), failed]);
  return last === null ? EXIT.ok : diskFailed(last.error, service, log);
}

interface EarlyStop {
  readonly starting: Promise<unknown>;
  readonly log: Logger;
  readonly signal: StopSignal;
}

/** What it has opened is closed again, no work is begun; what was wrong with the start is told all the same. */
async function stopEarly(service: RunnableService, { starting, log, signal }: EarlyStop): Promise<number> {
  log.info("stopping before it has started", { signal });
  const [start, stop] = await Promise.allSettled([starting, service.stop()]);
  for (const outcome of [start, stop]) {
    if (outcome.status === "rejected" && !isDraining(outcome.reason)) throw outcome.reason;
  }
  return EXIT.ok;
}

function isDraining(error: unknown): boolean {
  return error instanceof CodexdError && error.code === "draining";
}

/** The state can no longer be written; child and runs are still to be ended. */
async function diskFailed(error: Error, service: RunnableService, log: Logger): Promise<number> {
  const next = "see to the disk, then start codexd again";
  log.error("the disk has failed, so codexd ends", { reason: error.message, next });
  try {
    await service.stop();
  } catch (reason) {
    log.error("could not stop in order", { reason: errorMessage(reason) });
  }
  return EXIT.diskFailed;
}

interface WatchedSignals {
  readonly first: Promise<StopSignal>;
  readonly second: Promise<StopSignal>;
  remove(): void;
}

/** `onSecond` is called within the second signal itself: what ends the process may come before any promise goes on. */
function watchSignals(io: CliIo, onSecond: () => void): WatchedSignals {
  const first = createDeferred<StopSignal>();
  const second = createDeferred<StopSignal>();
  let count = 0;
  const removals = STOP_SIGNALS.map((signal) => io.onSignal(signal, () => {
    count += 1;
    if (count === 1) return first.resolve(signal);
    if (count === 2) onSecond();
    second.resolve(signal);
  }));
  return { first: first.promise, second: second.promise, remove: () => removals.forEach((remove) => remove()) };
}
