// One process of `codex exec`, from spawn until it and all that it has started are gone.
//
// Deliberately not what its end means (exec-process.ts). Invariants: it ends once, with everything that the process
// itself has printed; a descendant that holds a pipe open, or will not die, does not keep it open; nothing is signalled
// but the process, its group while that is known to be its own, and what carries its mark.

import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { LIMITS } from "../core/limits.ts";
import { NOTHING_STOPPED, type StoppedProcess, type StopReport } from "../core/processes.ts";
import { endProcesses, keyOf } from "./end-processes.ts";
import type { ExecOutput } from "./exec-output.ts";
import { createPortions, type Portions } from "./portions.ts";
import type { ProcessEntry, ProcessTree } from "./process-tree.ts";
import { bytesOf, type ChildHandle, type Spawner, type SpawnOptions } from "./spawner.ts";
import { threadMarks } from "./thread-marks.ts";

export type ExecStopReason = "timeout" | "cancelled" | "callback_failed";

export interface ExecLifeOptions {
  readonly spawner: Spawner;
  readonly command: string;
  readonly args: readonly string[];
  readonly spawnOptions: SpawnOptions;
  readonly prompt: string;
  readonly clock: Clock;
  /** Null for a spawner of somebody else's, whose processes are signalled through their own `kill` only. */
  readonly processes: ProcessTree | null;
  /** `NAME=value`: in the environment of everything that the process starts. */
  readonly mark: string;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onStarted: ((pid: number | null) => void) | undefined;
  readonly holdBack: (() => Promise<void> | null) | undefined;
  readonly output: ExecOutput;
}

export interface ExecEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why codexd has asked it to end; null where it ended by itself. */
  readonly stopReason: ExecStopReason | null;
  /** What the spawner's child told instead of starting. */
  readonly spawnError: Error | null;
  /** What a callback has thrown; null where none has. */
  readonly callbackError: { readonly error: unknown } | null;
  readonly stop: StopReport;
}

/** @throws what the spawner throws. */
export function startExecLife(options: ExecLifeOptions): Promise<ExecEnd> {
  const child = options.spawner.spawn(options.command, options.args, options.spawnOptions);
  return new ExecLife(child, options).ended;
}

class ExecLife {
  readonly #child: ChildHandle;
  readonly #options: ExecLifeOptions;
  /** Who the process is; undefined where nothing can be known of it. */
  readonly #root: ProcessEntry | undefined;
  readonly #timers: Timer[] = [];
  readonly #exited = createDeferred<void>();
  readonly #closed = createDeferred<void>();
  readonly #done = createDeferred<ExecEnd>();
  /** The timers of a clock keep no program alive; one that waits for a run must not end while leftovers are ended. */
  readonly #hold = setInterval(() => undefined, LIMITS.timerMsMax);
  readonly #openPipes = new Set(["stdout", "stderr"]);
  #exit: { code: number | null; signal: string | null } | undefined;
  #spawnError: Error | null = null;
  #callbackError: { readonly error: unknown } | null = null;
  #stopReason: ExecStopReason | null = null;
  /** The last signal that the process was sent; null where it was sent none. */
  #sent: NodeJS.Signals | null = null;
  #commandLine = "";
  /** What the process had started when it was asked to end: some of it may lose the mark or its parent. */
  #below: ReadonlyArray<{ readonly entry: ProcessEntry; readonly command: string }> = [];
  readonly #portions: Readonly<Record<"stdout" | "stderr", Portions>>;
  #reading = true;
  #held = false;

  constructor(child: ChildHandle, options: ExecLifeOptions) {
    this.#child = child;
    this.#options = options;
    this.#portions = { stdout: createPortions(child.stdout), stderr: createPortions(child.stderr) };
    this.#root = child.pid === undefined ? undefined : options.processes?.identify(child.pid);
    this.#listen();
    this.#begin();
    void this.#finish();
  }

  get ended(): Promise<ExecEnd> {
    return this.#done.promise;
  }

  #listen(): void {
    const child = this.#child;
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (chunk) => {
        this.#take(() => this.#options.output[name](bytesOf(chunk)));
        this.#portions[name].took(chunk.length);
      });
      const close = (): void => {
        this.#openPipes.delete(name);
        if (this.#openPipes.size === 0) this.#closed.resolve();
      };
      child[name].on("end", close);
      child[name].on("close", close);
      child[name].on("error", close);
    }
    // EPIPE: it ended without reading its prompt, and its exit says more.
    child.stdin.on?.("error", () => undefined);
    child.on("exit", (code, signal) => {
      this.#exit ??= { code, signal };
      // Where nothing can be found, its group is all that can be ended, and now its number is not yet another's.
      if (this.#root === undefined) this.#killGroup();
      this.#exited.resolve();
    });
    child.on("error", (error) => {
      // A signal that could not be sent tells itself here too; a process that is there has its exit to come.
      if (child.pid !== undefined || this.#exit !== undefined) return;
      this.#spawnError = error;
      this.#exited.resolve();
      this.#closed.resolve();
    });
  }

  #begin(): void {
    const { onStarted, prompt, timeoutMs, signal } = this.#options;
    const { pid, stdin } = this.#child;
    if (pid !== undefined) this.#call(() => onStarted?.(pid));
    else this.#child.on("spawn", () => this.#call(() => onStarted?.(null)));
    this.#call(() => {
      stdin.write(prompt);
      stdin.end();
    });
    if (timeoutMs !== undefined) this.#later(timeoutMs, () => void this.#stop("timeout"));
    const abort = (): void => void this.#stop("cancelled");
    signal?.addEventListener("abort", abort, { once: true });
    void this.#exited.promise.then(() => signal?.removeEventListener("abort", abort));
  }

  /** After its end only descendants still print, and that is not the run's. */
  #take(read: () => void): void {
    if (!this.#reading || this.#callbackError !== null) return;
    this.#call(read);
    this.#call(() => this.#holdBack());
  }

  /** Who takes the output is behind: the process waits in its writes. What it has left when it exits is little. */
  #holdBack(): void {
    if (this.#held || this.#exit !== undefined) return;
    const ready = this.#options.holdBack?.() ?? null;
    if (ready === null) return;
    const pipes = Object.values(this.#portions);
    this.#held = true;
    for (const pipe of pipes) pipe.pause();
    const readOn = (): void => {
      this.#held = false;
      for (const pipe of pipes) pipe.resume();
    };
    void Promise.race([ready, this.#exited.promise]).then(readOn, readOn);
  }

  /** What a callback throws ends the run: nobody would know what it has missed. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#callbackError ??= { error };
      void this.#stop("callback_failed");
    }
  }

  async #stop(reason: ExecStopReason): Promise<void> {
    if (this.#stopReason !== null || this.#exit !== undefined) return;
    this.#stopReason = reason;
    await this.#recordBelow();
    if (this.#exit !== undefined) return;
    // The one signal on which `codex exec` ends its command too.
    this.#signal("SIGINT");
    this.#later(LIMITS.runStopGraceMs, () => this.#kill());
  }

  #kill(): void {
    if (this.#exit !== undefined) return;
    this.#signal("SIGKILL");
    this.#killGroup();
    // A process that even this does not end (or a handle without one) is given up, and reported.
    this.#later(LIMITS.runSweepMs, () => this.#exited.resolve());
  }

  #signal(signal: NodeJS.Signals): void {
    this.#sent = signal;
    try {
      this.#child.kill(signal);
    } catch {
      // A handle of somebody else's that cannot: its exit comes, or it is given up.
    }
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid !== undefined) this.#options.processes?.signalGroup(pid, "SIGKILL");
  }

  async #recordBelow(): Promise<void> {
    const { processes } = this.#options;
    if (processes === null || this.#root === undefined) return;
    this.#commandLine = processes.describe(this.#root);
    const found = await processes.find({ marks: this.#marks(), root: this.#root });
    this.#below = found
      .filter(({ pid }) => pid !== this.#root?.pid)
      .map((entry) => ({ entry, command: processes.describe(entry) }));
  }

  async #finish(): Promise<void> {
    await this.#exited.promise;
    for (const timer of this.#timers) timer.cancel();
    // What it has left running also holds its pipes open, so that is ended first.
    const swept = await this.#sweep();
    const drain = this.#options.clock.after(LIMITS.childPipeDrainMs, () => this.#closed.resolve());
    await this.#closed.promise;
    drain.cancel();
    this.#take(() => this.#options.output.end());
    this.#reading = false;
    this.#child.stdout.destroy?.();
    this.#child.stderr.destroy?.();
    clearInterval(this.#hold);
    this.#done.resolve({
      exitCode: this.#exit?.code ?? null,
      signal: this.#exit?.signal ?? null,
      stopReason: this.#stopReason,
      spawnError: this.#spawnError,
      callbackError: this.#callbackError,
      stop: this.#reportOf(swept),
    });
  }

  /** Codex's own mark as well: it stays where a policy keeps the rest of the environment from commands. */
  #marks(): string[] {
    const { mark, output } = this.#options;
    return [mark, ...threadMarks(output.progress.threadId)];
  }

  async #sweep(): Promise<StopReport> {
    const { processes, clock } = this.#options;
    const root = this.#root;
    if (processes === null || this.#spawnError !== null) return NOTHING_STOPPED;
    return endProcesses(async () => {
      const found = await processes.find({ marks: this.#marks(), root });
      const keys = new Set(found.map(keyOf));
      const missed = this.#below.filter(({ entry }) => !keys.has(keyOf(entry)) && processes.isAlive(entry));
      return [...found, ...missed.map(({ entry }) => entry)];
    }, { processes, clock });
  }

  /** The process itself and what has ended with it come before what had to be ended after it. */
  #reportOf(swept: StopReport): StopReport {
    const signal = this.#sent;
    if (signal === null) return swept;
    const named = new Set([...swept.stopped, ...swept.survived].map(({ pid }) => pid));
    const pid = this.#child.pid ?? 0;
    const own: StoppedProcess = { pid, command: this.#commandLine || this.#options.command, signal };
    const gone = this.#below.map(({ entry, command }) => ({ pid: entry.pid, command, signal }));
    const ended = this.#exit === undefined ? gone : [own, ...gone];
    return {
      stopped: [...ended.filter((one) => !named.has(one.pid)), ...swept.stopped],
      survived: this.#exit === undefined && !named.has(pid) ? [own, ...swept.survived] : swept.survived,
    };
  }

  #later(ms: number, fn: () => void): void {
    this.#timers.push(this.#options.clock.after(ms, fn));
  }
}
