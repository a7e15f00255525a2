// Runs a daemon in the foreground, from its start to its end in order: what `start` and `demo` share.
//
// Deliberately no daemonizing: that is the service manager's. Invariants: nothing is written before the command of the
// child is found; one signal ends in order with 0, a second one at once with 130.

import { sleep } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { createLogger, type Logger } from "../base/log.ts";
import type { CodexdConfig } from "../core/config.ts";
import { EXIT, ExitError, errorMessage } from "../core/errors.ts";
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
  await requireCommand(config, context);
  const log = createCliLogger(config, io);
  const signals = watchSignals(io);
  try {
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
  // A signal during the start waits for its end: half a daemon cannot be stopped in order.
  const started = await service.start();
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
