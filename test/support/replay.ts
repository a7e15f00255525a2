// A transcript of the real Codex, played through the services: what it said comes in its order, and what its client
// asked and answered is asked and answered of codexd.
//
// Deliberately without what the client did wrong or only looked at: a call that Codex refused is not made. A client
// that had lost its thread took it up again by its id, and so does this.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import type { TurnRecord } from "../../src/core/records.ts";
import { createFakeClock, settle } from "./fake-clock.ts";
import { createServiceRig, type ServiceRig } from "./service-rig.ts";

interface Line {
  readonly dir: "in" | "out";
  readonly msg: Message;
}

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: unknown;
  readonly emittedAtMs?: number;
}

export interface Replay {
  readonly rig: ServiceRig;
  /** In the order in which they began. */
  readonly turns: TurnRecord[];
  /** What each of them was when its end was told. */
  readonly atTheirEnds: TurnRecord[];
}

export interface ReplayOptions {
  /** Called after each line. */
  readonly onLine?: (rig: ServiceRig) => void;
  /** @see ServiceRigOptions.markBytes */
  readonly markBytes?: number;
  /** Given with each turn that is started. */
  readonly outputSchema?: Record<string, unknown>;
}

export async function replayCapture(name: string, options: ReplayOptions = {}): Promise<Replay> {
  const { markBytes } = options;
  const rig = createServiceRig({ clock: createFakeClock(), ...(markBytes === undefined ? {} : { markBytes }) });
  const player = new Player(rig, readLines(name), options);
  await player.play();
  const turns = [...rig.store.tables.turn.newestFirst()].reverse();
  return { rig, turns, atTheirEnds: player.atTheirEnds };
}

/** All that was said both ways, in order. */
export function readLines(name: string): Line[] {
  const path = fileURLToPath(new URL(`../fixtures/captures/${name}.jsonl`, import.meta.url));
  const lines = readFileSync(path, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as Line);
  return lines.filter(({ dir, msg }) => (dir === "in" || dir === "out") && typeof msg === "object");
}

class Player {
  readonly atTheirEnds: TurnRecord[] = [];
  readonly #rig: ServiceRig;
  readonly #lines: readonly Line[];
  readonly #options: ReplayOptions;
  readonly #sessions = new Map<string, string>();
  readonly #answers = new Map<unknown, Deferred<unknown>>();
  /** What Codex answers to a call, by the call's id; undefined where it refused. */
  readonly #results: ReadonlyMap<unknown, unknown>;

  constructor(rig: ServiceRig, lines: readonly Line[], options: ReplayOptions) {
    this.#rig = rig;
    this.#lines = lines;
    this.#options = options;
    this.#results = new Map(lines
      .filter(({ dir, msg }) => dir === "in" && msg.method === undefined && msg.result !== undefined)
      .map(({ msg }) => [msg.id, msg.result]));
  }

  async play(): Promise<void> {
    for (const { dir, msg } of this.#lines) {
      if (dir === "out") await this.#ask(msg);
      else this.#hear(msg);
      await settle();
      this.#options.onLine?.(this.#rig);
    }
  }

  #hear(msg: Message): void {
    const { id, method, params = {}, emittedAtMs = null } = msg;
    const { ingest, open, store } = this.#rig;
    if (method === undefined) return this.#answers.get(id)?.resolve(msg.result);
    if (id !== undefined) return ingest.request(id, method, params);
    const turn = method === "turn/completed" ? open.onThread(String(params["threadId"])) : undefined;
    if (!ingest.line(JSON.stringify(msg))) ingest.notification(method, params, emittedAtMs);
    if (turn?.phase !== "ended") return;
    const record = store.tables.turn.get(turn.record.submissionId ?? "");
    if (record !== undefined) this.atTheirEnds.push(record);
  }

  async #ask({ id, method, params = {}, result }: Message): Promise<void> {
    if (method === undefined) return this.#decide(id, result);
    const answer = this.#results.get(id);
    if (answer === undefined) return;
    const threadId = String(params["threadId"]);
    if (method === "thread/start" || method === "thread/resume") await this.#openSession(method, answer);
    if (method === "turn/start") this.#startTurn(id, threadId, params["input"]);
    if (method === "turn/steer") this.#steer(threadId, params["input"]);
  }

  async #openSession(method: string, answer: unknown): Promise<void> {
    const { thread } = answer as { thread: { id: string } };
    const { codex, sessions } = this.#rig;
    if (this.#sessions.has(thread.id)) return;
    codex.on("threadStart", () => answer);
    codex.on("threadResume", () => answer);
    const { session } = await sessions.create(method === "thread/start" ? {} : { threadId: thread.id });
    this.#sessions.set(thread.id, session.sessionId);
  }

  /** A second one while a turn runs is one more input, as Codex takes it. */
  #startTurn(id: unknown, threadId: string, input: unknown): void {
    const sessionId = this.#sessions.get(threadId);
    if (sessionId === undefined) return;
    if (this.#rig.open.onThread(threadId) !== undefined) return this.#steer(threadId, input);
    const answer = createDeferred<unknown>();
    this.#answers.set(id, answer);
    this.#rig.codex.on("turnStart", () => answer.promise);
    const { outputSchema } = this.#options;
    void this.#rig.turns.start({ sessionId, input: input as never, outputSchema });
  }

  #steer(threadId: string, input: unknown): void {
    const turn = this.#rig.open.onThread(threadId);
    if (turn === undefined) throw new Error(`nothing runs on ${threadId}`);
    const { sessionId, turnId } = turn.record;
    void this.#rig.turns.start({ sessionId, input: input as never, expectedTurnId: turnId ?? undefined });
  }

  /** An error is an answer that codexd cannot give: to it, somebody else has answered. */
  async #decide(requestId: unknown, result: unknown): Promise<void> {
    if (result === undefined) return;
    const { store, approvals } = this.#rig;
    const asked = [...store.tables.approval.newestFirst()].find((approval) => approval.requestId === requestId);
    if (asked?.status !== "pending") return;
    await approvals.decide(asked.approvalId, { result: result as Record<string, unknown> });
  }
}
