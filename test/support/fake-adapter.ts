// An adapter of an app-server in memory, as bare as one can be, and the factory that gives it.
//
// Deliberately with a plan a test can change: what each call does is the test's to say.

import { EventEmitter } from "node:events";
import type { AppServerClientAdapter, AppServerClientFactory } from "../../src/child/adapter.ts";
import type { ChildHandle, Spawner } from "../../src/child/spawner.ts";
import type { AppServerAdapterEvent } from "../../src/codex/adapter-events.ts";

export interface FakeAdapter extends AppServerClientAdapter {
  /** Method and parameters of each call, in order. */
  readonly calls: Array<readonly [string, Record<string, unknown>]>;
  readonly listening: boolean;
  emit(event: AppServerAdapterEvent): void;
  /** The events of a whole turn with one message. */
  emitTurn(threadId: string, turnId: string, text: string): void;
}

/** Each turn that is started ends at once, before its `turnStart` has given its result. */
export function createFakeAdapter(members: Partial<AppServerClientAdapter> = {}): FakeAdapter {
  const listeners = new Set<(event: AppServerAdapterEvent) => void>();
  const calls: Array<readonly [string, Record<string, unknown>]> = [];
  let threads = 0;
  let turns = 0;
  const noted = (name: string, answer: (params: Record<string, unknown>) => unknown) => {
    return async (params: Record<string, unknown>): Promise<unknown> => {
      calls.push([name, params]);
      return answer(params);
    };
  };
  const adapter: FakeAdapter = {
    calls,
    get listening() {
      return listeners.size > 0;
    },
    emit(event) {
      for (const listener of listeners) listener(event);
    },
    emitTurn(threadId, turnId, text) {
      const item = { type: "agentMessage", id: "m", text };
      const turn = { id: turnId, status: "inProgress" };
      adapter.emit({ type: "turn.started", threadId, turn, notificationMethod: "turn/started" });
      adapter.emit({ type: "turn.message.delta", threadId, turnId, itemId: "m", delta: text });
      adapter.emit({ type: "item.completed", threadId, turnId, item });
      adapter.emit({ type: "turn.completed", threadId, turn: { ...turn, status: "completed", error: null } });
    },
    events: {
      subscribe(listener) {
        listeners.add(listener);
        return { unsubscribe: () => void listeners.delete(listener) };
      },
    },
    initialize: () => ({ userAgent: "fake/0.169.0 (memory)" }),
    threadStart: noted("threadStart", () => ({ thread: { id: `thread-${++threads}` } })),
    threadResume: noted("threadResume", ({ threadId }) => ({ thread: { id: threadId } })),
    turnStart: noted("turnStart", ({ threadId }) => {
      const turnId = `turn-${++turns}`;
      adapter.emitTurn(String(threadId), turnId, "done");
      return { turn: { id: turnId } };
    }),
    turnSteer: noted("turnSteer", () => ({})),
    turnInterrupt: noted("turnInterrupt", () => ({})),
    close: () => undefined,
    ...members,
  };
  return adapter;
}

export function factoryOf(adapter: AppServerClientAdapter): AppServerClientFactory {
  return { create: () => adapter };
}

export interface BareChild extends ChildHandle {
  readonly signals: string[];
  emit(event: string, ...values: unknown[]): void;
}

/** A child that has a pid and never says that it was spawned; `onKill` is what a signal does. */
export function createBareChild(onKill = (child: BareChild): void => child.emit("exit", 0, null)): BareChild {
  const events = new EventEmitter();
  const signals: string[] = [];
  const child: BareChild = {
    pid: 4711,
    signals,
    stdin: { write: () => true, end: () => undefined },
    stdout: new EventEmitter(),
    stderr: new EventEmitter(),
    kill(signal) {
      signals.push(signal ?? "SIGTERM");
      onKill(child);
      return true;
    },
    on: (event: string, listener: (...values: never[]) => void) => events.on(event, listener as () => void),
    emit: (event, ...values) => void events.emit(event, ...values),
  };
  return child;
}

export function spawnerOf(child: ChildHandle): Spawner {
  return { spawn: () => child };
}
