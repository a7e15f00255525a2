// One turn of the embedded agent, from its start to its end; what it does in between is performance.ts's.
//
// The order is Codex's: active, turn/started, the user's item, what is done, usage, idle, turn/completed. Invariants: a
// turn ends once; when the client hears of its end it is on disk and its thread takes the next one.

import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../core/errors.ts";
import type { UuidSource } from "../core/ids.ts";
import type { CommandLine, RunningCommand } from "./command.ts";
import {
  activeStatus, endedTurn, NO_USAGE, openTurn, turnFailure, userMessage,
  type Item, type Notify, type TurnEnd, type TurnIdentity,
} from "./notices.ts";
import { perform, type Stage } from "./performance.ts";
import { readRequest } from "./prompts.ts";
import { textOf } from "./refusal.ts";
import type { Thread, Threads } from "./threads.ts";

/** What every turn of a program shares. */
export interface TurnPlace {
  readonly threads: Threads;
  readonly notify: Notify;
  readonly ask: (method: string, params: Record<string, unknown>) => Asked;
  /** One line for people. */
  readonly log: (text: string) => void;
  readonly home: string;
  readonly clock: Clock;
  readonly uuid: UuidSource;
  readonly line: CommandLine;
}

export interface Asked {
  readonly id: number;
  /** Undefined when the client refuses. */
  readonly answer: Promise<unknown>;
}

export type Input = ReadonlyArray<Record<string, unknown>>;

export interface TurnOptions {
  readonly place: TurnPlace;
  readonly thread: Thread;
  readonly input: Input;
  readonly outputSchema: Record<string, unknown> | null;
  /** Makes a command known to what ends it. */
  readonly track: (command: RunningCommand) => void;
  /** The turn has ended; nothing has been said of it yet. */
  readonly onEnd: () => void;
}

export class Turn implements TurnIdentity {
  readonly id: string;
  readonly thread: Thread;
  readonly #options: TurnOptions;
  readonly #place: TurnPlace;
  /** Inputs that came while it ran. */
  #steered: Input[] = [];
  /** Aborts when the answer under way is no longer wanted. */
  #wanted = new AbortController();
  readonly #ended = new AbortController();
  readonly #items: Item[] = [];
  #lastMessage: Item | null = null;
  #startedAtMs: number | null = null;
  /** The server request that waits for the client. */
  #requestId: number | null = null;

  constructor(options: TurnOptions) {
    this.#options = options;
    this.#place = options.place;
    this.thread = options.thread;
    this.id = options.place.uuid();
  }

  /** Null until it has started: before that it can be neither steered nor interrupted by its id. */
  get startedAtMs(): number | null {
    return this.#startedAtMs;
  }

  /** Starts it and brings it to its end; never rejects. */
  async run(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#startedAtMs = this.#place.clock.now();
    this.#keep(null);
    this.#status(activeStatus());
    this.#place.notify("turn/started", { threadId: this.thread.id, turn: openTurn(this) });
    const end = await this.#performAll().catch((error: unknown): TurnEnd => {
      return { status: "failed", error: turnFailure(`the embedded agent could not: ${errorMessage(error)}`) };
    });
    this.#finish(end);
  }

  /** Takes one more input: the answer under way is dropped, a command or a question is first brought to its end. */
  steer(input: Input): void {
    this.#steered.push(input);
    this.#wanted.abort();
  }

  interrupt(): void {
    this.#finish({ status: "interrupted", error: null });
  }

  async #performAll(): Promise<TurnEnd> {
    for (let inputs: Input[] = [this.#options.input]; ; inputs = this.#steered.splice(0)) {
      for (const input of inputs) this.#tellInput(input);
      this.#wanted = new AbortController();
      const end = await perform(readRequest(textOf(inputs.at(-1) ?? [])), this.#stage());
      const over = this.#ended.signal.aborted || this.#steered.length === 0;
      if (over || end.status !== "completed") return end;
    }
  }

  #finish(end: TurnEnd): void {
    if (this.#ended.signal.aborted) return;
    const { clock, notify } = this.#place;
    const threadId = this.thread.id;
    if (end.status === "completed") {
      const tokenUsage = { total: NO_USAGE, last: NO_USAGE, modelContextWindow: null };
      this.#note("thread/tokenUsage/updated", { tokenUsage });
    }
    const requestId = this.#requestId;
    this.#options.onEnd();
    this.#ended.abort();
    this.#wanted.abort();
    this.#keep(end);
    this.#status({ type: end.status === "failed" ? "systemError" : "idle" });
    if (end.error !== null) this.#note("error", { error: end.error, willRetry: false });
    const turn = endedTurn(this, end, { nowMs: clock.now(), lastMessage: this.#lastMessage });
    notify("turn/completed", { threadId, turn });
    if (requestId !== null) notify("serverRequest/resolved", { threadId, requestId });
  }

  #stage(): Stage {
    const { clock, home, line, uuid } = this.#place;
    const ended = this.#ended.signal;
    return {
      thread: this.thread,
      outputSchema: this.#options.outputSchema,
      clock, home, line, ended,
      signal: this.#wanted.signal,
      newItemId: (kind) => `${kind}_${uuid()}`,
      say: (method, params) => {
        if (!ended.aborted) this.#note(method, params);
      },
      sayLate: (method, params) => this.#note(method, params),
      status: (value) => {
        if (!ended.aborted) this.#status(value);
      },
      completed: (item, late) => {
        if (!ended.aborted || late !== undefined) this.#complete(item);
      },
      ask: (method, params) => this.#ask(method, params),
      track: this.#options.track,
    };
  }

  async #ask(method: string, params: Record<string, unknown>): Promise<unknown> {
    const { ask, notify } = this.#place;
    const ended = this.#ended.signal;
    const asked = ask(method, { threadId: this.thread.id, turnId: this.id, ...params });
    this.#requestId = asked.id;
    const over = new Promise<undefined>((resolve) => {
      ended.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const answer = await Promise.race([asked.answer, over]);
    this.#requestId = null;
    if (ended.aborted) return undefined;
    notify("serverRequest/resolved", { threadId: this.thread.id, requestId: asked.id });
    return answer;
  }

  #tellInput(input: Input): void {
    const { clock, uuid } = this.#place;
    const item = userMessage(uuid(), input, clock.now());
    this.#note("item/started", { item: { ...item, completedAtMs: null }, startedAtMs: item["startedAtMs"] });
    this.#complete(item);
  }

  #complete(item: Item): void {
    this.#items.push(item);
    if (item["type"] === "agentMessage") this.#lastMessage = item;
    this.#note("item/completed", { item, completedAtMs: this.#place.clock.now() });
  }

  #keep(end: TurnEnd | null): void {
    const { clock, log, threads } = this.#place;
    const startedAtMs = this.#startedAtMs ?? clock.now();
    const [completedAt, durationMs] = end === null ? [null, null]
      : [Math.floor(clock.now() / 1000), clock.now() - startedAtMs];
    try {
      threads.keep(this.thread, {
        id: this.id, status: end?.status ?? "inProgress", items: this.#items, error: end?.error ?? null,
        startedAt: Math.floor(startedAtMs / 1000), completedAt, durationMs,
      });
    } catch (error) {
      // The turn goes on; a restart will not know of it.
      log(`the thread cannot be kept: ${errorMessage(error)}`);
    }
  }

  #note(method: string, params: Record<string, unknown>): void {
    this.#place.notify(method, { threadId: this.thread.id, turnId: this.id, ...params });
  }

  #status(status: Record<string, unknown>): void {
    this.#place.notify("thread/status/changed", { threadId: this.thread.id, status });
  }
}
