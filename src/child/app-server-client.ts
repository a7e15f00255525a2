// An app-server as codexd talks to it: the handshake, the methods that codexd calls by name, and any other.
//
// Deliberately not: sessions or state. It passes on what Codex answers, and what Codex says in between.

import { systemClock, type Clock } from "../base/clock.ts";
import { initializeParams, versionFromUserAgent } from "../codex/methods.ts";
import { LIMITS } from "../core/limits.ts";
import type { RpcId } from "../protocol/json-rpc.ts";
import { createRpcClient, type CallOptions, type RpcClient, type RpcHandlers } from "./rpc-client.ts";
import type { Transport } from "./transport.ts";

export interface InitializeOutcome {
  readonly result: unknown;
  /** Codex's version; null where its answer has none. */
  readonly version: string | null;
}

export interface CodexAppServerClientOptions {
  /** `version` is codexd's own, as Codex shows it. */
  readonly clientInfo: { readonly version: string };
  readonly transport: Transport;
  readonly handlers?: Partial<RpcHandlers>;
  readonly clock?: Clock;
}

/** @see RpcClient.call for what each call throws. */
export class CodexAppServerClient {
  readonly #rpc: RpcClient;
  readonly #transport: Transport;
  readonly #version: string;

  /** Connects the transport at once; nothing is sent before `initialize`. */
  constructor({ clientInfo, transport, handlers = {}, clock = systemClock }: CodexAppServerClientOptions) {
    this.#version = clientInfo.version;
    this.#transport = transport;
    this.#rpc = createRpcClient({
      transport,
      clock,
      handlers: {
        ...(handlers.onLine === undefined ? {} : { onLine: handlers.onLine }),
        onNotification: handlers.onNotification ?? (() => undefined),
        // A question left open would hang its turn for ever.
        onRequest: handlers.onRequest ?? ((id) => this.refuse(id, -32601, "unsupported")),
        onNoise: handlers.onNoise ?? (() => undefined),
        onClose: handlers.onClose ?? (() => undefined),
      },
    });
  }

  /** The handshake; must be awaited before any other call. */
  async initialize(): Promise<InitializeOutcome> {
    const result = await this.#rpc.call("initialize", initializeParams(this.#version), {
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
    this.#transport.abort();
  }

  /** Calls that wait for an answer. */
  get underWay(): number {
    return this.#rpc.underWay;
  }
}
