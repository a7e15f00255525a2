// Keeps one app-server at hand: starts or connects to it, shakes hands, does so again when it goes, ends it in order.
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
import { spawnFailure } from "./child-life.ts";
import type { AppServerConnection } from "./connection.ts";
import { createGiveUp } from "./give-up.ts";
import type { Life, LifeCallbacks, LifeEnd } from "./life.ts";
import { ownedWords, peerName, remoteWords } from "./life-words.ts";
import { createReadyWait } from "./ready-wait.ts";

/** An app-server that has answered the handshake. */
export interface AppServer {
  readonly client: AppServerConnection;
  readonly generation: number;
}

export interface Supervisor {
  readonly state: ChildState;
  /** Codex's version as the running child has told it. */
  readonly version: string | null;
  /** What the newest child that was shaken hands with has answered. */
  readonly handshake: unknown;
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
  /**
   * Ends the present life in order and begins the next one at once, whatever went before: also out of `failed` and out
   * of a wait. Resolves as `start`; a second call joins the first.
   *
   * @param why ends the sentence of the event.
   * @throws (rejects) {CodexdError} `draining`.
   */
  restart(why: string): Promise<void>;
  /** From now on no life is begun; the present one goes on, for what is to be ended with its help. */
  drain(): void;
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  /** What the state says of it from the first moment on. */
  readonly target: Pick<ChildState, "command" | "args" | "cwd" | "endpoint">;
  /** The app-server runs elsewhere: a life is a connection to it, and its turns outlive it. */
  readonly remote?: boolean;
  /** @throws what the spawner throws. */
  startLife(callbacks: LifeCallbacks): Life;
  /** The last lines that the present life has written to its stderr. */
  lastStderrLines(): readonly string[];
  readonly clock: Clock;
  readonly random: () => number;
  report(draft: EventDraft): void;
  /** Called after each change of `state`. */
  onChange(): void;
  /** The handshake has been answered; nothing else has been asked of this life yet. */
  onConnected?(server: AppServer): void;
  /**
   * The running child has gone: whatever it had under way is lost. `reason` is one sentence; `replaced` where it was
   * ended to make room for the next one.
   */
  onDown(reason: string, replaced: boolean): void;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, remote = false } = options;
  const { command, args } = options.target;
  const words = remote ? remoteWords(options.target) : ownedWords(options.target);
  let state: ChildState = {
    status: "idle", pid: null, ...options.target, startedAt: null,
    exitedAt: null, exitCode: null, signal: null, restarts: 0, lastError: null,
  };
  let life: Life | undefined;
  let running: AppServer | undefined;
  let version: string | null = null;
  let handshake: unknown;
  let generation = 0;
  let failures = 0;
  /** This life has answered the handshake. */
  let worked = false;
  let bornAt = 0;
  let restartTimer: Timer | undefined;
  let stopping = false;
  const giveUp = createGiveUp(clock);
  /** Why the present life is being ended for the next one; null while it is not. */
  let replacing: string | null = null;
  let restart: Promise<void> | undefined;

  const change = (next: Partial<ChildState>): void => {
    state = { ...state, ...next };
    options.onChange();
    readiness.changed();
  };

  const tell = (level: EventLevel, type: EventType, message: string, detail: Record<string, unknown>): void => {
    options.report({ level, type, message, detail });
  };

  const begin = (): Life | undefined => {
    const attempt = failures + 1;
    generation += 1;
    worked = false;
    bornAt = clock.monotonic();
    change({ status: "starting", pid: null });
    tell("info", "child.starting", words.starting, { ...words.target, attempt });
    try {
      life = options.startLife({
        onSpawn(pid) {
          change({ pid, startedAt: isoTime(clock.now()) });
          tell("info", "child.started", `the app-server runs as process ${pid}`, { pid, command, args });
        },
        onDeaf() {
          // Who asks now waits for the next life instead of talking to a closed pipe.
          running = undefined;
          if (state.status === words.up && !stopping) change({ status: "restarting" });
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

  const shakeHands = async (current: Life, ofGeneration: number): Promise<void> => {
    try {
      const outcome = await current.client.initialize();
      if (generation !== ofGeneration || life !== current || replacing !== null) return;
      version = outcome.version;
      handshake = outcome.result;
      running = { client: current.client, generation };
      worked = true;
      change({ status: words.up, lastError: null, ...(remote ? { startedAt: isoTime(clock.now()) } : {}) });
      const detail = { ...(remote ? words.target : { pid: current.pid }), version };
      tell("info", "app-server.connected", `connected to ${peerName(version)}`, detail);
      options.onConnected?.(running);
    } catch (error) {
      if (life !== current || stopping || replacing !== null) return;
      // A child that has closed its stdout is dying, and its exit tells the story; any other lives but is of no use.
      if (error instanceof CodexdError && error.code === "child_restarted") return;
      const reason = errorMessage(error);
      // The end of a connection that never was tells itself.
      if (!remote) tell("error", "app-server.connect.failed", reason, { pid: current.pid, reason });
      current.abandon(`the handshake failed: ${reason}`);
    }
  };

  const onEnd = (end: LifeEnd): void => {
    const stderr = options.lastStderrLines();
    if (replacing !== null) return onReplaced({ ...end, reason: end.reason ?? `restarted: ${replacing}` });
    const noUse = remote || stopping ? null : giveUp.after(end, worked, stderr);
    const canRetry = end.canRetry && noUse === null;
    const reason = `${words.ended(end, worked, stderr)}${noUse === null ? "" : `; ${noUse}`}`;
    if (clock.monotonic() - bornAt >= LIMITS.childHealthyMs) failures = 0;
    failures += 1;
    life = undefined;
    running = undefined;
    const expected = canRetry && end.retryAfterMs === undefined;
    const { pid } = state;
    change({
      status: stopping ? "stopped" : expected ? "restarting" : "failed",
      pid: null, exitedAt: isoTime(clock.now()), exitCode: end.exitCode, signal: end.signal,
      lastError: stopping ? state.lastError : reason,
    });
    tellEnd(end, pid, reason);
    options.onDown(reason, false);
    if (stopping) return;
    if (!expected) tell("error", "child.failed", reason, { ...words.target, reason });
    if (!canRetry) return;
    const delayMs = end.retryAfterMs ?? backoffDelayMs(failures, LIMITS.childRestart, options.random);
    const where = remote ? words.target : {};
    tell("warn", "child.restarting", `${words.again} in ${delayMs} ms`, {
      ...where, attempt: failures, delayMs, reason,
    });
    restartTimer = clock.after(delayMs, () => {
      change({ restarts: state.restarts + 1 });
      begin();
    });
  };

  /** The end of a life that was to end, and whose successor is on its way. */
  const onReplaced = (end: LifeEnd): void => {
    const reason = words.ended(end, worked, []);
    life = undefined;
    running = undefined;
    const { pid } = state;
    const { exitCode, signal } = end;
    change({ pid: null, exitedAt: isoTime(clock.now()), exitCode, signal });
    tellEnd(end, pid, reason);
    options.onDown(reason, true);
  };

  const replace = async (why: string): Promise<void> => {
    replacing = why;
    restartTimer?.cancel();
    failures = 0;
    giveUp.reset();
    running = undefined;
    change({ status: "restarting" });
    const detail = { ...(remote ? words.target : {}), attempt: 1, delayMs: 0, reason: why };
    tell("warn", "child.restarting", `${words.again}: ${why}`, detail);
    await life?.stop();
    replacing = null;
    if (stopping) throw stopped();
    change({ restarts: state.restarts + 1 });
    await begin()?.spawned;
  };

  const tellEnd = (end: LifeEnd, pid: number | null, reason: string): void => {
    const level = stopping || replacing !== null ? "info" : "error";
    const { exitCode, signal } = end;
    if (!remote) {
      const stderr = options.lastStderrLines();
      if (!end.spawnFailed) tell(level, "child.exited", reason, { pid, exitCode, signal, reason, stderr });
    } else if (worked) {
      tell(level, "child.exited", reason, { ...words.target, reason });
    } else if (!stopping && replacing === null) {
      tell(level, "app-server.connect.failed", reason, { ...words.target, reason });
    }
  };

  const refusal = (): CodexdError | undefined => {
    if (stopping || state.status === "stopped") return stopped();
    if (state.status === "failed") {
      return new CodexdError("child_failed", `${words.cannot}: ${state.lastError ?? "unknown"}`);
    }
    return undefined;
  };

  const drain = (): void => {
    stopping = true;
    restartTimer?.cancel();
    readiness.changed();
  };

  const readiness = createReadyWait({ clock, current: () => running, refusal, state: () => state });

  return {
    get state() {
      return state;
    },
    get version() {
      return version;
    },
    get handshake() {
      return handshake;
    },
    get current() {
      return running;
    },
    async start() {
      if (state.status !== "idle") return;
      await begin()?.spawned;
    },
    ready: () => readiness.wait(),
    async restart(why) {
      if (stopping) throw stopped();
      restart ??= replace(why).finally(() => {
        restart = undefined;
      });
      await restart;
    },
    drain,
    async stop() {
      drain();
      await life?.stop();
      change({ status: "stopped" });
    },
  };
}

function stopped(): CodexdError {
  return new CodexdError("draining", "codexd is stopping");
}
