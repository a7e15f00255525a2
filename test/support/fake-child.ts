// A child process in memory, and a spawner of such: the test plays the process.
//
// Deliberately not an app-server: what it answers is the test's to say. As with a real one, nothing is told before
// the test says so, and output that comes while reading is on hold waits.

import { EventEmitter } from "node:events";
import type { ChildHandle, ChildReadable, Spawner, SpawnOptions } from "../../src/child/spawner.ts";

export interface FakeReadable extends ChildReadable {
  /** One chunk, as the pipe would cut it. */
  say(chunk: Buffer | string): void;
  end(): void;
  /** The pipe is torn down without an end. */
  destroy(): void;
  fail(error: Error): void;
  readonly paused: boolean;
}

/** A message as the child has read it. */
export interface SentMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface FakeChild extends ChildHandle {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: SpawnOptions;
  readonly stdout: FakeReadable;
  readonly stderr: FakeReadable;
  /** What came on stdin, a message a line. */
  readonly received: SentMessage[];
  readonly stdinEnded: boolean;
  readonly signals: NodeJS.Signals[];
  emitSpawn(): void;
  emitError(error: Error): void;
  /** With the end of stderr, which only a descendant could hold open. */
  emitExit(code: number | null, signal?: string | null): void;
  failStdin(error: Error): void;
  /** One message on stdout. */
  send(message: Record<string, unknown>): void;
  /** Answers the newest request for `method`. */
  answer(method: string, result: unknown): void;
  /** stdout ends, then the process. */
  die(code: number | null, signal?: string | null): void;
}

export interface FakeSpawner extends Spawner {
  readonly children: FakeChild[];
  /** The newest child. */
  readonly child: FakeChild;
  /** While set, `spawn` throws it. */
  failure: Error | undefined;
}

export function createFakeSpawner(): FakeSpawner {
  const children: FakeChild[] = [];
  let failure: Error | undefined;
  return {
    children,
    get child() {
      const newest = children.at(-1);
      if (newest === undefined) throw new Error("nothing has been spawned");
      return newest;
    },
    get failure() {
      return failure;
    },
    set failure(error) {
      failure = error;
    },
    spawn(command, args, options) {
      if (failure !== undefined) throw failure;
      const child = createFakeChild({ pid: 1001 + children.length, command, args, options });
      children.push(child);
      return child;
    },
  };
}

export interface FakeChildOptions {
  /** Undefined for a process that never comes to be. */
  readonly pid?: number | undefined;
  readonly command?: string;
  readonly args?: readonly string[];
  readonly options?: SpawnOptions;
}

export function createFakeChild(given: FakeChildOptions = {}): FakeChild {
  const { command = "codex", args = ["app-server"], options = { cwd: "/", env: {} } } = given;
  const events = new EventEmitter();
  const stdinEvents = new EventEmitter();
  const received: SentMessage[] = [];
  const signals: NodeJS.Signals[] = [];
  const [stdout, stderr] = [createReadable(), createReadable()];
  let stdinEnded = false;

  const send = (message: Record<string, unknown>): void => stdout.say(`${JSON.stringify(message)}\n`);

  return {
    pid: "pid" in given ? given.pid : 1001,
    command, args, options, received, signals, stdout, stderr,
    stdin: {
      write: (text) => received.push(...text.trimEnd().split("\n").map((line) => JSON.parse(line) as SentMessage)),
      end() {
        stdinEnded = true;
      },
      on: (event, listener) => stdinEvents.on(event, listener),
    },
    get stdinEnded() {
      return stdinEnded;
    },
    kill: (signal = "SIGTERM") => signals.push(signal),
    on: (event: string, listener: (...values: never[]) => void) => events.on(event, listener as () => void),
    emitSpawn: () => void events.emit("spawn"),
    emitError: (error) => void events.emit("error", error),
    emitExit(code, signal = null) {
      stderr.destroy();
      events.emit("exit", code, signal);
    },
    failStdin: (error) => void stdinEvents.emit("error", error),
    send,
    answer(method, result) {
      const request = received.findLast((message) => message.method === method && message.id !== undefined);
      if (request === undefined) throw new Error(`${method} has not been asked`);
      send({ id: request.id, result });
    },
    die(code, signal = null) {
      stdout.end();
      this.emitExit(code, signal);
    },
  };
}

function createReadable(): FakeReadable {
  const events = new EventEmitter();
  let paused = false;
  let waiting: Array<() => void> = [];

  const whenRead = (emit: () => void): void => {
    if (paused) waiting.push(emit);
    else emit();
  };

  return {
    on: (event: string, listener: (...values: never[]) => void) => events.on(event, listener as () => void),
    say: (chunk) => whenRead(() => void events.emit("data", typeof chunk === "string" ? Buffer.from(chunk) : chunk)),
    end: () => whenRead(() => void events.emit("end")),
    destroy: () => void events.emit("close"),
    fail: (error) => void events.emit("error", error),
    get paused() {
      return paused;
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      const due = waiting;
      waiting = [];
      for (const emit of due) emit();
    },
  };
}
