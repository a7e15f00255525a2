// The embedded agent's app-server: Codex's methods, lines in and lines out.
//
// Only the methods that codexd needs; any other is refused as Codex refuses it, with the list of those there are.
// Invariants: nothing that comes in ends it; every request that has an id is answered once, before anything that it
// brings about is told.

import type { Clock } from "../base/clock.ts";
import { isObject } from "../base/decode.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import { EMBEDDED_AGENT } from "../core/embedded-agent.ts";
import { errorMessage } from "../core/errors.ts";
import type { UuidSource } from "../core/ids.ts";
import { encodeError, encodeRequest, encodeResult, parseRpcLine, type RpcId } from "../protocol/json-rpc.ts";
import type { CommandLine } from "./command.ts";
import type { Notify } from "./notices.ts";
import { METHOD_NOT_FOUND, optionalText, Refusal, requiredText, wrongType, type Params } from "./refusal.ts";
import { openThreads, type Thread, type Threads } from "./threads.ts";
import { createTurns, type Outcome } from "./turns.ts";

export interface AppServerOptions {
  readonly version: string;
  /** The directory for threads and scratch files; made with mode 0700. */
  readonly home: string;
  readonly clock: Clock;
  readonly uuid: UuidSource;
  /** What `run` and `ask` run. */
  readonly line: CommandLine;
  /** Writes whole lines to the client. */
  readonly send: (text: string) => void;
  /** One line for people. */
  readonly log: (text: string) => void;
}

export interface AppServer {
  /** One line of the client's. */
  line(text: string): void;
  /** Ends what its turns have started. */
  close(): void;
}

type Method = (params: Params) => Outcome;

const INTERNAL_ERROR = -32603;
const PLATFORM = { platformFamily: "unix", platformOs: process.platform };
const PAGE = { limit: 25, limitMax: 100 };

/** @throws when `home` can be neither read nor made. */
export function createAppServer(options: AppServerOptions): AppServer {
  const { version, home, clock, uuid, send, log } = options;
  const threads = openThreads({ home, version, clock, uuid });
  const waiting = new Map<number, Deferred<unknown>>();
  let nextRequestId = 0;
  let initialized = false;

  const notify = (method: string, params: Record<string, unknown>): void =>
    send(`${JSON.stringify({ method, params, emittedAtMs: clock.now() })}\n`);
  const turns = createTurns({
    threads, notify, log, home, clock, uuid, line: options.line,
    ask(method, params) {
      const id = nextRequestId++;
      const answer = createDeferred<unknown>();
      waiting.set(id, answer);
      send(encodeRequest(id, method, params));
      return { id, answer: answer.promise };
    },
  });

  const methods: Readonly<Record<string, Method>> = {
    initialize(params) {
      if (initialized) throw new Refusal("Already initialized");
      const result = { userAgent: userAgent(params, version), codexHome: home, ...PLATFORM };
      initialized = true;
      return { result };
    },
    ...threadMethods(threads, notify),
    "thread/backgroundTerminals/clean"(params) {
      const id = requiredText(params, "threadId");
      return { result: {}, then: () => turns.endCommands(id) };
    },
    "turn/start": (params) => turns.start(params),
    "turn/steer": (params) => turns.steer(params),
    "turn/interrupt": (params) => turns.interrupt(params),
  };

  const call = (method: string, params: Params): Outcome => {
    if (!initialized && method !== "initialize") throw new Refusal("Not initialized");
    const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (run !== undefined) return run(params);
    const names = Object.keys(methods).map((name) => `\`${name}\``).join(", ");
    throw new Refusal(`Invalid request: unknown variant \`${method}\`, expected one of ${names}`);
  };

  const answer = (id: RpcId, method: string, params: Params): void => {
    let outcome: Outcome;
    try {
      outcome = call(method, params);
    } catch (error) {
      if (!(error instanceof Refusal)) log(`${method} has failed: ${errorMessage(error)}`);
      return send(encodeError(id, error instanceof Refusal ? error.code : INTERNAL_ERROR, errorMessage(error)));
    }
    send(encodeResult(id, outcome.result));
    outcome.then?.();
  };

  const settle = (id: RpcId, value: unknown): void => {
    // Ids are numbers here: the text "0" is nobody's.
    const asked = typeof id === "number" ? waiting.get(id) : undefined;
    if (typeof id === "number") waiting.delete(id);
    asked?.resolve(value);
  };

  return {
    line(text) {
      const message = parseRpcLine(text);
      switch (message.kind) {
        case "request": return answer(message.id, message.method, message.params);
        case "response": return settle(message.id, message.result);
        case "error": return settle(message.id, undefined);
        // `initialized`, or what a later client may tell.
        case "notification": return;
        case "noise": return log("Failed to deserialize JSONRPCMessage");
      }
    },
    close: () => turns.endCommands(),
  };
}

function userAgent({ clientInfo }: Params, version: string): string {
  if (!isObject(clientInfo)) throw new Refusal("Invalid request: missing field `clientInfo`");
  const client = `${requiredText(clientInfo, "name")}; ${requiredText(clientInfo, "version")}`;
  return `${EMBEDDED_AGENT}/${version} (${process.platform}; ${process.arch}; no model) (${client})`;
}

function threadMethods(threads: Threads, notify: Notify): Record<string, Method> {
  const known = (params: Params, refusal: string): Thread => {
    const id = requiredText(params, "threadId");
    const thread = threads.find(id);
    if (thread === undefined) throw new Refusal(`${refusal}${id}`);
    return thread;
  };
  const noTurns = new Refusal("list_turns is not supported yet", METHOD_NOT_FOUND);
  return {
    "thread/start"(params) {
      const thread = threads.create(params);
      const then = (): void => notify("thread/started", { thread: threads.describe(thread) });
      return { result: threads.answer(thread), then };
    },
    "thread/resume"(params) {
      const thread = known(params, "no rollout found for thread id ");
      if (thread.turns.length === 0) throw noTurns;
      if (!thread.loaded) threads.load(thread, params);
      return { result: threads.answer(thread, params["excludeTurns"] === true ? [] : thread.turns) };
    },
    "thread/read"(params) {
      const thread = known(params, "thread not loaded: ");
      const withTurns = params["includeTurns"] === true;
      if (withTurns && thread.turns.length === 0) throw noTurns;
      return { result: { thread: threads.describe(thread, withTurns ? thread.turns : []) } };
    },
    "thread/list": (params) => ({ result: page(threads.list(), params, (thread) => threads.describe(thread)) }),
  };
}

/** A page as Codex gives it; the cursor is the place in the list. @throws {Refusal} for what is no limit or cursor. */
function page<T>(all: readonly T[], params: Params, describe: (one: T) => unknown): Record<string, unknown> {
  const asked = params["limit"] ?? PAGE.limit;
  if (typeof asked !== "number" || !Number.isInteger(asked) || asked < 1) throw wrongType("limit", "u32");
  const cursor = optionalText(params, "cursor") ?? "0";
  if (!/^\d{1,9}$/.test(cursor)) throw new Refusal(`invalid cursor: ${cursor.slice(0, 100)}`);
  const from = Number(cursor);
  const to = from + Math.min(asked, PAGE.limitMax);
  const nextCursor = to < all.length ? String(to) : null;
  return { data: all.slice(from, to).map(describe), nextCursor, backwardsCursor: null };
}
