// An app-server without a process: a test says what each method answers, and sees what was asked.
// Answers come a tick after the call, as on a wire, and settle before the caller goes on.

import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import type { CallOptions } from "../../src/child/rpc-client.ts";
import { CodexdError } from "../../src/core/errors.ts";
import type { ChildState } from "../../src/core/records.ts";
import type { AppServerCalls, AppServerGate, RunningAppServer } from "../../src/service/app-server/app-server.ts";

type Method = "threadStart" | "threadResume" | "turnStart" | "turnSteer" | "turnInterrupt" | "call";
type Answer = (params: Record<string, unknown>) => unknown;

export interface FakeAppServer extends AppServerGate {
  readonly asked: Array<{ method: Method; params: Record<string, unknown> }>;
  readonly answered: Array<{ id: number | string; result?: unknown; code?: number }>;
  readonly flow: string[];
  /** What a method answers from now on; it may throw, or give a promise. */
  on(method: Method, answer: Answer): void;
  /** A new life of the child, which has no thread loaded. */
  restart(): void;
  /** No child, until the next `restart`; calls fail with `error`. */
  goDown(error?: CodexdError): void;
}

/** What Codex answers to thread/start and thread/resume. */
export function threadAnswer(threadId: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    thread: { id: threadId }, model: "mock-model", modelProvider: "mock", serviceTier: null, cwd: "/work",
    approvalPolicy: "on-request", sandbox: { type: "workspaceWrite" }, reasoningEffort: null, ...more,
  };
}

/** A refusal of Codex's, as the rpc client gives it on. */
export function codexRefusal(message: string, code = -32600): CodexdError {
  return new CodexdError("app_server_error", `Codex refused: ${message}`, { method: "x", code, message });
}

export function createFakeAppServer(): FakeAppServer {
  const asked: FakeAppServer["asked"] = [];
  const answered: FakeAppServer["answered"] = [];
  const flow: string[] = [];
  let threads = 0;
  let turns = 0;
  let generation = 1;
  let down: CodexdError | undefined;
  const up: Deferred<void> = createDeferred<void>();
  up.resolve();

  const answers: Record<Method, Answer> = {
    threadStart: () => threadAnswer(`thread-${++threads}`),
    threadResume: ({ threadId }) => threadAnswer(String(threadId)),
    turnStart: () => ({ turn: { id: `turn-${++turns}`, status: "inProgress" } }),
    turnSteer: ({ expectedTurnId }) => ({ turnId: expectedTurnId }),
    turnInterrupt: () => ({}),
    // Any other method; its name is the member `method`.
    call: () => ({}),
  };

  const call = (method: Method) => async (params: Record<string, unknown>, options?: CallOptions): Promise<unknown> => {
    asked.push({ method, params });
    if (down !== undefined) throw down;
    // The answer comes later than the call, as on a wire.
    await Promise.resolve();
    const result = await answers[method](params);
    options?.onResult?.(result);
    return result;
  };

  const client: AppServerCalls = {
    call: (method, params, options) => call("call")({ method, ...params }, options),
    threadStart: call("threadStart"),
    threadResume: call("threadResume"),
    turnStart: call("turnStart"),
    turnSteer: call("turnSteer"),
    turnInterrupt: call("turnInterrupt"),
    answer: (id, result) => void answered.push({ id, result }),
    refuse: (id, code) => void answered.push({ id, code }),
    pause: () => void flow.push("pause"),
    resume: () => void flow.push("resume"),
    underWay: 0,
  };

  const state = (): ChildState => ({
    status: down === undefined ? "running" : "restarting", pid: 4242, command: "codex", args: ["app-server"],
    cwd: "/work", endpoint: "stdio://", startedAt: null, exitedAt: null, exitCode: null, signal: null, restarts: 0,
    lastError: down?.message ?? null,
  });

  const running = (): RunningAppServer => ({ client, generation });

  return {
    asked,
    answered,
    flow,
    get state() {
      return state();
    },
    version: "0.169.0",
    get current() {
      return down === undefined ? running() : undefined;
    },
    async ready() {
      if (down !== undefined) throw down;
      return running();
    },
    on(method, answer) {
      answers[method] = answer;
    },
    restart() {
      down = undefined;
      generation += 1;
    },
    goDown(error = new CodexdError("not_ready", "the app-server is restarting")) {
      down = error;
    },
  };
}
