// Keeps one owned app-server alive: starts it, shakes hands, starts it again when it dies, ends it in order.
//
// Deliberately not: what a death means for sessions and turns (the `down` handler knows). Invariants: at most one life
// at a time; every transition is told as one event; `generation` grows with each life, so that nobody mistakes a
// thread that an earlier child had loaded for one that this child has.

import type { Clock, Timer } from "../base/clock.ts";
import { isoTime } from "../base/clock.ts";
import { backoffDelayMs } from "../core/backoff.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import type { EventDraft, EventLevel, EventType } from "../core/event.ts";
import { LIMITS } from "../core/limits.ts";
import type { ChildState } from "../core/records.ts";
import type { CodexAppServerClient } from "./app-server-client.ts";
import { spawnFailure, startChildLife, type ChildLife, type LifeEnd } from "./child-life.ts";
import type { ChildOutput } from "./child-output.ts";
import type { RpcHandlers } from "./rpc-client.ts";
import type { Spawner, SpawnOptions } from "./spawner.ts";

/** An app-server that has answered the handshake. */
export interface AppServer {
  readonly client: CodexAppServerClient;
  readonly generation: number;
}

export interface Supervisor {
  readonly state: ChildState;
  /** Codex's version as the running child has told it. */
  readonly version: string | null;
  /** Resolves when the process has been spawned (or could not be); the handshake goes on by itself. */
  start(): Promise<void>;
  /**
   * The running app-server; waits for one that starts or restarts.
   *
   * @throws (rejects) {CodexdError} `not_ready` after `LIMITS.childReadyWaitMs`, `child_failed`, `draining`.
   */
  ready(): Promise<AppServer>;
  /** The running one, or undefined. */
  readonly current: AppServer | undefined;
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  readonly spawner: Spawner;
  readonly command: string;
  readonly args: readonly string[];
  readonly endpoint: string;
  readonly spawnOptions: SpawnOptions;
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly output: ChildOutput;
  readonly handlers: Omit<RpcHandlers, "onClose" | "onNoise">;
  report(draft: EventDraft): void;
  /** Called after each change of `state`. */
  onChange(): void;
  /** The running child has gone: whatever it had under way is lost. `reason` is one sentence. */
  onDown(reason: string): void;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, command, args, spawnOptions } = options;
  let state: ChildState = {
    status: "idle", pid: null, command, args, cwd: spawnOptions.cwd, endpoint: options.endpoint, startedAt: null,
    exitedAt: null, exitCode: null, signal: null, restarts: 0, lastError: null,
  };
  let life: ChildLife | undefined;
  let running: AppServer | undefined;
  let version: string | null = null;
  let generation = 0;
  let failures = 0;
  /** This life has answered the handshake. */
  let worked = false;
  let bornAt = 0;
  let restartTimer: Timer | undefined;
  let stopping = false;
  const waiters = new Set<() => void>();

  const change = (next: Partial<ChildState>): void => {
    state = { ...state, ...next };
    options.onChange();
    wakeWaiters();
  };

  const wakeWaiters = (): void => {
    for (const wake of [...waiters]) wake();
  };

  const tell = (level: EventLevel, type: EventType, message: string, detail: Record<string, unknown>): void => {
    options.report({ level, type, message, detail });
  };

  const begin = (): ChildLife | undefined => {
    const attempt = failures + 1;
    generation += 1;
    worked = false;
    bornAt = clock.monotonic();
    change({ status: "starting", pid: null });
    tell("info", "child.starting", `starting ${command}`, { command, args, attempt });
    try {
      life = startChildLife({
        ...options,
        onSpawn(pid) {
          change({ pid, startedAt: isoTime(clock.now()) });
          tell("info", "child.started", `the app-server runs as process ${pid}`, { pid, command, args });
        },
        onDeaf() {
          // Who asks now waits for the next life instead of talking to a closed pipe.
          running = undefined;
          if (state.status === "running" && !stopping) change({ status: "restarting" });
        },
        onEnd,
      });
    } catch (error) {
      onEnd(spawnFailure(error));
      return undefined;
    }
    void shakeHands(life, generation);
    return life;
  };

  const shakeHands = async (current: ChildLife, ofGeneration: number): Promise<void> => {
    try {
      const outcome = await current.client.initialize();
      if (generation !== ofGeneration || life !== current) return;
      version = outcome.version;
      running = { client: current.client, generation };
      worked = true;
      change({ status: "running", lastError: null });
      tell("info", "app-server.connected", `connected to Codex ${version ?? "of unknown version"}`, {
        pid: current.pid, version,
      });
    } catch (error) {
      if (life !== current || stopping) return;
      // A child that has closed its stdout is dying, and its exit tells the story; any other lives but is of no use.
      if (error instanceof CodexdError && error.code === "child_restarted") return;
      const reason = errorMessage(error);
      tell("error", "app-server.connect.failed", reason, { pid: current.pid, reason });
      current.abandon(`the handshake failed: ${reason}`);
    }
  };

  const onEnd = (end: LifeEnd): void => {
    const pid = state.pid;
    const stderr = options.output.lastStderrLines();
    const reason = describeEnd(command, end, worked ? [] : stderr);
    if (clock.monotonic() - bornAt >= LIMITS.childHealthyMs) failures = 0;
    failures += 1;
    life = undefined;
    running = undefined;
    change({
      status: stopping ? "stopped" : end.canRetry ? "restarting" : "failed",
      pid: null, exitedAt: isoTime(clock.now()), exitCode: end.exitCode, signal: end.signal,
      lastError: stopping ? state.lastError : reason,
    });
    if (!end.spawnFailed) {
      const { exitCode, signal } = end;
      tell(stopping ? "info" : "error", "child.exited", reason, { pid, exitCode, signal, reason, stderr });
    }
    options.onDown(reason);
    if (stopping) return;
    if (!end.canRetry) return tell("error", "child.failed", reason, { command, args, reason });
    const delayMs = backoffDelayMs(failures, LIMITS.childRestart, options.random);
    tell("warn", "child.restarting", `starting again in ${delayMs} ms`, { attempt: failures, delayMs, reason });
    restartTimer = clock.after(delayMs, () => {
      change({ restarts: state.restarts + 1 });
      begin();
    });
  };

  const refusal = (): CodexdError | undefined => {
    if (stopping || state.status === "stopped") return new CodexdError("draining", "codexd is stopping");
    if (state.status === "failed") {
      return new CodexdError("child_failed", `the app-server cannot be started: ${state.lastError ?? "unknown"}`);
    }
    return undefined;
  };

  return {
    get state() {
      return state;
    },
    get version() {
      return version;
    },
    get current() {
      return running;
    },
    async start() {
      if (state.status !== "idle") return;
      await begin()?.spawned;
    },
    ready() {
      return new Promise((resolve, reject) => {
        const timer = clock.after(LIMITS.childReadyWaitMs, () => {
          waiters.delete(look);
          const why = state.lastError === null ? "" : `: ${state.lastError}`;
          reject(new CodexdError("not_ready", `the app-server is ${state.status}${why}`, { child: state.status }));
        });
        const look = (): void => {
          const error = refusal();
          if (running === undefined && error === undefined) return;
          timer.cancel();
          waiters.delete(look);
          if (error !== undefined) reject(error);
          else if (running !== undefined) resolve(running);
        };
        waiters.add(look);
        look();
      });
    },
    async stop() {
      stopping = true;
      wakeWaiters();
      restartTimer?.cancel();
      await life?.stop();
      change({ status: "stopped" });
    },
  };
}

/** One sentence that says how a child ended, with its last words where it never got to work. */
function describeEnd(command: string, end: LifeEnd, stderr: readonly string[]): string {
  if (end.spawnFailed) return `${command} could not be started: ${end.reason ?? "unknown"}`;
  const how = end.signal === null ? `exited with code ${end.exitCode}` : `was ended by ${end.signal}`;
  const why = end.reason === null ? "" : ` (${end.reason})`;
  const words = stderr.length === 0 ? "" : `; it said: ${stderr.slice(-3).join(" | ")}`;
  return `the app-server ${how}${why}${words}`;
}
