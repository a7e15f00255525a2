// An adapter of an embedding program as a transport: what codexd asks becomes a call of it, what it tells a message.
//
// Deliberately by way of JSON-RPC, so that ids, time limits, order and ingest are those of a real app-server, and no
// object of the program's is ever shared. Invariants: nothing that the adapter throws leaves here; `onClose` is the
// last call; a turn has its id before the first of its events is told, whenever `turnStart` gives its result.

import { isObject } from "../base/decode.ts";
import { notificationOfEvent } from "../codex/adapter-events.ts";
import { createAdapterMessages } from "../codex/adapter-messages.ts";
import { threadIdOf, turnIdOf } from "../codex/notifications.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { encodeError, encodeRequest, encodeResult, parseRpcLine, type RpcId } from "../protocol/json-rpc.ts";
import type { AdapterRequest, AppServerClientAdapter, Subscription } from "./adapter.ts";
import type { ChildHandle } from "./spawner.ts";
import type { Transport, TransportHandlers } from "./transport.ts";

export interface AdapterTransportOptions {
  /** May throw or reject: the handshake then fails with its error. Called once, in `connect`. */
  readonly create: () => AppServerClientAdapter | Promise<AppServerClientAdapter>;
  /** Null where there is no process. */
  readonly child: ChildHandle | null;
  /** The adapter's own `close` has failed. */
  readonly onCloseFailed: (error: unknown) => void;
}

export function createAdapterTransport(options: AdapterTransportOptions): Transport {
  return new AdapterTransport(options);
}

/** JSON-RPC's words for a method that is not there, and for an error without a code of its own. */
const METHOD_NOT_FOUND = -32601;
const INTERNAL_ERROR = -32603;

const MEMBER_OF: ReadonlyMap<string, "threadStart" | "threadResume" | "turnStart" | "turnSteer" | "turnInterrupt"> =
  new Map([
    ["thread/start", "threadStart"],
    ["thread/resume", "threadResume"],
    ["turn/start", "turnStart"],
    ["turn/steer", "turnSteer"],
    ["turn/interrupt", "turnInterrupt"],
  ]);

/** What a result must hold; an adapter may give the bare id in its place. */
const RESULT_OF: ReadonlyMap<string, "thread" | "turn"> = new Map([
  ["thread/start", "thread"], ["thread/resume", "thread"], ["turn/start", "turn"],
]);

class MissingMember extends Error {}

class AdapterTransport implements Transport {
  readonly #options: AdapterTransportOptions;
  #handlers: TransportHandlers | undefined;
  #creating: Promise<AppServerClientAdapter> | undefined;
  #adapter: AppServerClientAdapter | undefined;
  #subscriptions: Subscription[] = [];
  #closing = false;
  #closed = false;
  /** Thread -> the `turnStart` that has not given its result. */
  readonly #starts = new Map<string, RpcId>();
  readonly #messages = createAdapterMessages();
  /** Turns that have been told of, the oldest first. */
  readonly #turns = new Set<string>();

  constructor(options: AdapterTransportOptions) {
    this.#options = options;
  }

  connect(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    this.#creating = this.#create();
    // The handshake tells it.
    this.#creating.catch(() => undefined);
  }

  send(text: string): void {
    if (this.#closed) return;
    const message = parseRpcLine(text);
    if (message.kind === "request") void this.#perform(message.id, message.method, message.params);
    else if (message.kind === "response") this.#tell((adapter) => adapter.answer?.(message.id, message.result));
    else if (message.kind === "error") {
      this.#tell((adapter) => adapter.refuse?.(message.id, message.error.code, message.error.message));
    }
  }

  close(): void {
    void this.#close();
  }

  abort(): void {
    this.close();
    this.#finish(null);
  }

  pause(): void {
    this.#options.child?.stdout.pause?.();
  }

  resume(): void {
    this.#options.child?.stdout.resume?.();
  }

  async #create(): Promise<AppServerClientAdapter> {
    const adapter: unknown = await this.#options.create();
    if (!isObject(adapter)) throw new Error("appServerClientFactory.create() gave no adapter");
    this.#adapter = adapter as AppServerClientAdapter;
    if (this.#closing) await this.#closeAdapter();
    else this.#listen(this.#adapter);
    return this.#adapter;
  }

  #listen(adapter: AppServerClientAdapter): void {
    const { events, requests, closed } = adapter;
    this.#subscriptions.push(events?.subscribe((event) => this.#takeEvent(event)));
    this.#subscriptions.push(requests?.subscribe((request) => this.#takeRequest(request)));
    closed?.then(() => this.#finish(null), (error: unknown) => this.#finish(asError(error)));
  }

  async #perform(id: RpcId, method: string, params: Record<string, unknown>): Promise<void> {
    const threadId = method === "turn/start" ? threadIdOf(params) : null;
    if (threadId !== null) this.#starts.set(threadId, id);
    let answer: string;
    try {
      const result = await this.#ask(method, params);
      answer = encodeResult(id, resultOf(method, result));
    } catch (error) {
      answer = encodeError(id, codeOf(error), messageOf(error));
    }
    if (threadId !== null && this.#starts.get(threadId) === id) this.#starts.delete(threadId);
    this.#say(answer);
  }

  /** Called at once where the adapter is there: what it tells while it is called comes before its result. */
  #ask(method: string, params: Record<string, unknown>): unknown {
    if (method === "initialize") return this.#creating?.then((adapter) => adapter.initialize?.());
    const adapter = this.#adapter;
    if (adapter === undefined) throw new Error("the adapter is not there yet");
    const member = MEMBER_OF.get(method);
    const call = member === undefined ? undefined : adapter[member];
    if (typeof call === "function") return call.call(adapter, params);
    if (typeof adapter.call === "function") return adapter.call(method, params);
    throw new MissingMember(`the app-server adapter has no ${member ?? "call"}()`);
  }

  #takeEvent(event: unknown): void {
    try {
      const told = notificationOfEvent(event);
      if (told === undefined) return this.#say(`an event of the adapter without a type: ${JSON.stringify(event)}`);
      const { method, emittedAtMs } = told;
      const params = this.#messages.complete(method, told.params);
      const text = JSON.stringify({ method, params, ...(emittedAtMs === null ? {} : { emittedAtMs }) });
      this.#nameTurn(threadIdOf(params), turnIdOf(params));
      this.#say(text);
    } catch (error) {
      // A stranger's object that JSON cannot hold: told as a line that is no message.
      this.#say(`an event of the adapter that could not be taken: ${errorMessage(error)}`);
    }
  }

  /** The first event of a new turn on a thread where one is being started says which turn that is. */
  #nameTurn(threadId: string | null, turnId: string | null): void {
    if (threadId === null || turnId === null || this.#turns.has(turnId)) return;
    this.#turns.add(turnId);
    for (const oldest of this.#turns) {
      if (this.#turns.size <= LIMITS.adapterTurnsKept) break;
      this.#turns.delete(oldest);
    }
    const id = this.#starts.get(threadId);
    this.#starts.delete(threadId);
    if (id !== undefined) this.#say(encodeResult(id, { turn: { id: turnId } }));
  }

  #takeRequest({ id, method, params }: AdapterRequest): void {
    try {
      this.#say(encodeRequest(id, method, params).trimEnd());
    } catch (error) {
      this.#tell((adapter) => adapter.refuse?.(id, INTERNAL_ERROR, errorMessage(error)));
    }
  }

  #say(text: string): void {
    if (!this.#closed) this.#handlers?.onMessage(text);
  }

  /** For what has no answer: its failure is one that the adapter keeps to itself. */
  #tell(call: (adapter: AppServerClientAdapter) => unknown): void {
    const adapter = this.#adapter;
    if (adapter === undefined) return;
    void (async () => call(adapter))().catch((error: unknown) => {
      this.#say(`the adapter could not pass an answer on: ${errorMessage(error)}`);
    });
  }

  async #close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.#closeAdapter();
    const { child } = this.#options;
    if (child === null) this.#finish(null);
    else child.stdin.end();
  }

  async #closeAdapter(): Promise<void> {
    try {
      await this.#adapter?.close?.();
    } catch (error) {
      this.#options.onCloseFailed(error);
    }
  }

  #finish(reason: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.#subscriptions) this.#unsubscribe(subscription);
    this.#subscriptions = [];
    this.#handlers?.onClose(reason);
  }

  #unsubscribe(subscription: Subscription): void {
    try {
      if (typeof subscription === "function") subscription();
      else subscription?.unsubscribe?.();
    } catch (error) {
      this.#options.onCloseFailed(error);
    }
  }
}

function resultOf(method: string, result: unknown): unknown {
  // codexd's own client gives Codex's answer with what it has read of it.
  if (method === "initialize") return isObject(result) && isObject(result["result"]) ? result["result"] : result;
  const name = RESULT_OF.get(method);
  if (name === undefined || !isObject(result) || isObject(result[name])) return result;
  const id = result[`${name}Id`];
  return typeof id === "string" ? { ...result, [name]: { id } } : result;
}

function codeOf(error: unknown): number {
  if (error instanceof MissingMember) return METHOD_NOT_FOUND;
  const code = error instanceof CodexdError ? error.detail?.["code"] : isObject(error) ? error["code"] : undefined;
  return typeof code === "number" ? code : INTERNAL_ERROR;
}

/** Of codexd's own client what Codex has said, by which its meaning is known. */
function messageOf(error: unknown): string {
  const said = error instanceof CodexdError ? error.detail?.["message"] : undefined;
  return typeof said === "string" ? said : errorMessage(error);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
