// An app-server as codexd talks to it: the handshake, the methods that codexd calls by name, and any other.
//
// Deliberately not: sessions or state. It passes on what Codex answers, and what Codex says in between.

import { systemClock, type Clock } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import { eventOfNotification, type AppServerAdapterEvent } from "../codex/adapter-events.ts";
import { initializeParams, versionFromUserAgent } from "../codex/methods.ts";
import { LIMITS } from "../core/limits.ts";
import type { RpcId } from "../protocol/json-rpc.ts";
import type { AdapterRequest } from "./adapter.ts";
import { createRpcClient, type CallOptions, type RpcClient, type RpcHandlers } from "./rpc-client.ts";
import type { Transport } from "./transport.ts";

export interface InitializeOutcome {
  readonly result: unknown;
  /** Codex's version; null where its answer has none. */
  readonly version: string | null;
}

export interface CodexAppServerClientOptions {
  /** Who Codex is told that asks; codexd's own name and title where they are left out. */
  readonly clientInfo: {
    readonly version: string; readonly name?: string | undefined; readonly title?: string | undefined;
  };
  readonly transport: Transport;
  readonly handlers?: Partial<RpcHandlers>;
  readonly clock?: Clock;
}

interface Channel<T> {
  /** Each listener gets each value; an error of its own is its own. */
  subscribe(listener: (value: T) => void): { unsubscribe(): void };
}

/**
 * Also an adapter as `CodexdDaemon` takes one, so that a program can wrap it.
 *
 * @see RpcClient.call for what each call throws.
 */
export class CodexAppServerClient {
  readonly #rpc: RpcClient;
  readonly #transport: Transport;
  readonly #clientInfo: CodexAppServerClientOptions["clientInfo"];
  readonly #eventListeners = new Set<(event: AppServerAdapterEvent) => void>();
  readonly #requestListeners = new Set<(request: AdapterRequest) => void>();

  /** What Codex tells, as typed events. */
  readonly events: Channel<AppServerAdapterEvent> = channelOf(this.#eventListeners);
  /** What Codex asks; whoever listens must `answer` or `refuse`. Without a listener it is refused. */
  readonly requests: Channel<AdapterRequest> = channelOf(this.#requestListeners);
  /** Resolves when nothing can come or go any more. */
  readonly closed: Promise<void>;

  /** Connects the transport at once; nothing is sent before `initialize`. */
  constructor({ clientInfo, transport, handlers = {}, clock = systemClock }: CodexAppServerClientOptions) {
    const closed = createDeferred<void>();
    this.closed = closed.promise;
    this.#clientInfo = clientInfo;
    this.#transport = transport;
    this.#rpc = createRpcClient({
      transport,
      clock,
      handlers: {
        ...(handlers.onLine === undefined ? {} : { onLine: handlers.onLine }),
        ...(handlers.onRefused === undefined ? {} : { onRefused: handlers.onRefused }),
        onNotification: (method, params, emittedAtMs) => {
          if (this.#eventListeners.size > 0) {
            const event = eventOfNotification({ method, params, emittedAtMs });
            tellAll(this.#eventListeners, event);
          }
          handlers.onNotification?.(method, params, emittedAtMs);
        },
        onRequest: (id, method, params) => {
          tellAll(this.#requestListeners, { id, method, params });
          if (handlers.onRequest !== undefined) handlers.onRequest(id, method, params);
          // A question left open would hang its turn for ever.
          else if (this.#requestListeners.size === 0) this.refuse(id, -32601, "unsupported");
        },
        onNoise: handlers.onNoise ?? (() => undefined),
        onClose: (reason) => {
          handlers.onClose?.(reason);
          closed.resolve();
        },
      },
    });
  }

  /** The handshake; must be awaited before any other call. */
  async initialize(): Promise<InitializeOutcome> {
    if (this.#rpc.connected !== null) await this.#rpc.connected;
    const { version, name, title } = this.#clientInfo;
    const result = await this.#rpc.call("initialize", initializeParams(version, name, title), {
      timeoutMs: LIMITS.childInitializeMs,
    });
    this.#rpc.notify("initialized");
    return { result, version: versionFromUserAgent(result) };
  }

  /** Any method of the app-server. */
  call(method: string, params: Record<string, unknown>, options?: CallOptions): Promise<unknown> {
    return this.#rpc.call(method, params, options);
  }

  threadStart(params: Record<string, unknown>, options?: CallOptions): Promise<unknown> {
    return this.call("thread/start", params, options);
  }

  threadResume(params: Record<string, unknown>, options?: CallOptions): Promise<unknown> {
    return this.call("thread/resume", params, options);
  }

  turnStart(params: Record<string, unknown>, options?: CallOptions): Promise<unknown> {
    return this.call("turn/start", params, options);
  }

  turnSteer(params: Record<string, unknown>, options?: CallOptions): Promise<unknown> {
    return this.call("turn/steer", params, options);
  }

  turnInterrupt(params: Record<string, unknown>, options?: CallOptions): Promise<unknown> {
    return this.call("turn/interrupt", params, options);
  }

  /** Answers a server request. */
  answer(id: RpcId, result: unknown): void {
    this.#rpc.answer(id, result);
  }

  refuse(id: RpcId, code: number, message: string): void {
    this.#rpc.refuse(id, code, message);
  }

  pause(): void {
    this.#transport.pause?.();
  }

  resume(): void {
    this.#transport.resume?.();
  }

  /** Ends the sending side; an owned child exits on it. */
  close(): void {
    this.#transport.close();
  }

  /** Gives the peer up at once; every call under way settles with `child_restarted`. */
  abort(): void {
    if (this.#transport.abort === undefined) this.#transport.close();
    else this.#transport.abort();
    this.#rpc.giveUp();
  }

  /** Calls that wait for an answer. */
  get underWay(): number {
    return this.#rpc.underWay;
  }
}

function channelOf<T>(listeners: Set<(value: T) => void>): Channel<T> {
  return {
    subscribe(listener) {
      listeners.add(listener);
      return { unsubscribe: () => void listeners.delete(listener) };
    },
  };
}

function tellAll<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
  for (const listener of listeners) {
    try {
      listener(value);
    } catch {
      // A stranger's bug must not end the read loop, nor keep the value from the others.
    }
  }
}
