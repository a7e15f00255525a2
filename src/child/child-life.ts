// One life of an owned app-server, from spawn to exit: the process, its transport and its client.
//
// Deliberately not: whether and when the next life begins (supervisor.ts). Invariant: `onEnd` is called exactly once,
// after the last message has been handled and every call has been settled.

import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { errorCode } from "../base/error-code.ts";
import { errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { CodexAppServerClient } from "./app-server-client.ts";
import type { ChildOutput } from "./child-output.ts";
import type { AppServerConnection, ConnectionHandlers } from "./connection.ts";
import type { Life, LifeCallbacks, LifeEnd } from "./life.ts";
import type { RpcHandlers } from "./rpc-client.ts";
import { bytesOf, type ChildHandle, type Spawner, type SpawnOptions } from "./spawner.ts";
import { createCodexdAppServerStdioTransport } from "./transport-stdio.ts";

/** What the machine is short of now and may have again in a moment; ETXTBSY is a program that is being replaced. */
const PASSING_ERRORS: ReadonlySet<unknown> = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM", "ETXTBSY"]);

/** The end of a life that never began, for what the spawner threw or its child told. */
export function spawnFailure(error: unknown): LifeEnd {
  const canRetry = PASSING_ERRORS.has(errorCode(error));
  return { exitCode: null, signal: null, reason: errorMessage(error), spawnFailed: true, canRetry };
}

export interface ChildLifeOptions extends LifeCallbacks {
  readonly spawner: Spawner;
  readonly command: string;
  readonly args: readonly string[];
  readonly spawnOptions: SpawnOptions;
  readonly version: string;
  readonly clock: Clock;
  readonly output: ChildOutput;
  readonly handlers: Omit<RpcHandlers, "onClose" | "onNoise">;
  /** How one talks to the child; over its pipes, unless an embedding program brings an adapter of its own. */
  readonly connect?: (child: ChildHandle, handlers: ConnectionHandlers) => AppServerConnection;
}

/** @throws what the spawner throws. */
export function startChildLife(options: ChildLifeOptions): Life {
  const { clock, output } = options;
  const child = options.spawner.spawn(options.command, options.args, options.spawnOptions);
  const spawned = createDeferred<void>();
  const ended = createDeferred<void>();
  let exit: { code: number | null; signal: string | null } | undefined;
  let streamClosed = false;
  /** Of its stderr nothing more comes. */
  let isSilent = false;
  let reason: string | null = null;
  /** It has told so, or said something. */
  let born = false;
  let announced = false;
  let stopping = false;
  let done = false;
  const timers: Timer[] = [];

  output.begin(child.pid ?? null);

  const end = (failure?: LifeEnd): void => {
    if (done) return;
    done = true;
    for (const timer of timers) timer.cancel();
    output.flush();
    const { code = null, signal = null } = exit ?? {};
    options.onEnd(failure ?? { exitCode: code, signal, reason, spawnFailed: false, canRetry: true });
    spawned.resolve();
    ended.resolve();
  };

  /** Its last words, which say why it has gone, may come behind its exit and the end of its stdout. */
  const endWhenSilent = (): void => {
    if (exit !== undefined && streamClosed && isSilent) end();
  };

  /** Only while this life lasts. */
  const later = (ms: number, fn: () => void): void => {
    if (!done) timers.push(clock.after(ms, fn));
  };

  const announce = (): void => {
    if (announced || done) return;
    announced = true;
    options.onSpawn(child.pid ?? null);
    spawned.resolve();
  };

  /** What has answered runs, and is told of before its answer; without a pid its failure may still be on its way. */
  const hear = (): void => {
    if (typeof child.pid === "number") announce();
    else setImmediate(announce);
  };

  const connect = options.connect ?? ((handle, handlers) => new CodexAppServerClient({
    clientInfo: { version: options.version }, transport: createCodexdAppServerStdioTransport(handle), clock, handlers,
  }));

  const client = connect(child, {
    ...options.handlers,
    onLine(text) {
      if (!announced) hear();
      return options.handlers.onLine?.(text) ?? false;
    },
    onNoise: (text) => output.noise(text),
    onClose(error) {
      streamClosed = true;
      options.onDeaf();
      if (error !== null) reason ??= errorMessage(error);
      if (exit !== undefined) return endWhenSilent();
      // Without its stdout a child is of no use, even if it lives on; one that is being stopped has its own graces.
      later(LIMITS.childStopGraceMs, () => {
        if (stopping) return;
        reason ??= "it closed its stdout and lived on";
        kill();
      });
    },
  });

  child.stderr.on("data", (chunk) => {
    // After its end only a descendant still speaks, and would be taken for the next child.
    if (!done) output.stderr(bytesOf(chunk));
  });
  child.stderr.on("error", () => undefined);
  for (const event of ["end", "close"] as const) {
    child.stderr.on(event, () => {
      isSilent = true;
      endWhenSilent();
    });
  }
  child.on("spawn", () => {
    born = true;
    announce();
  });
  // A spawner of the user's own may never say so; one that has a pid has something that runs. Node tells its own
  // children's failures before this.
  if (typeof child.pid === "number") setImmediate(announce);
  child.on("error", (error) => {
    // A signal that could not be sent tells itself here too.
    if (born || done) return;
    client.abort();
    end(spawnFailure(error));
  });
  child.on("exit", (code, signal) => {
    exit = { code, signal };
    // Reading may be on hold: what the child has said is read to its end.
    client.resume();
    endWhenSilent();
    // A descendant that inherited a pipe can hold it open: what the child itself said has come by then.
    later(LIMITS.childPipeDrainMs, () => {
      client.abort();
      end();
    });
  });

  /** What outlives even this, or a foreign child that never tells its exit, is not waited for. */
  const kill = (): void => {
    child.kill("SIGKILL");
    later(LIMITS.childStopGraceMs, () => {
      reason ??= "it was killed and has not told its exit";
      client.abort();
      end();
    });
  };

  return {
    get pid() {
      return child.pid ?? null;
    },
    client,
    spawned: spawned.promise,
    async stop() {
      if (done) return;
      stopping = true;
      client.resume();
      client.close();
      later(LIMITS.childStopGraceMs, () => child.kill("SIGTERM"));
      later(2 * LIMITS.childStopGraceMs, kill);
      await ended.promise;
    },
    abandon(why) {
      reason ??= why;
      child.kill("SIGTERM");
      later(LIMITS.childStopGraceMs, kill);
    },
  };
}
