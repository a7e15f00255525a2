// JSON-RPC calls to an app-server: ids, a window of calls under way, time limits, and one outcome for each call.
//
// Deliberately not: methods, restarts, retries. Invariants: a call settles exactly once, at the latest when the
// transport closes; a request is never sent twice; answers settle in the read loop, before the next message is read,
// so that what follows an answer on the wire is never handled before it.

import { assertNever } from "../base/assert.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import { CodexdError, errorMessage } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import {
  encodeError, encodeNotification, encodeRequest, encodeResult, parseRpcLine, type RpcId,
} from "../protocol/json-rpc.ts";
import { readRawAnswer, readRawResult } from "../protocol/raw-result.ts";
import type { Transport } from "./transport.ts";

/** What the peer sends of its own accord. */
export interface RpcHandlers {
  /** Is shown each line before it is parsed; true means that it has been taken, and nothing else sees it. */
  onLine?(text: string): boolean;
  onNotification(method: string, params: Record<string, unknown>, emittedAtMs: number | null): void;
  onRequest(id: RpcId, method: string, params: Record<string, unknown>): void;
  /** A line that is no JSON-RPC message. */
  onNoise(text: string): void;
  /** A call that the peer has answered with an error, before its caller hears of it. */
  onRefused?(method: string, message: string): void;
  /** Calls under way have been settled when this is called. */
  onClose(reason: Error | null): void;
}

export interface CallOptions {
  /**
   * The result is wanted as JSON text: as the very characters that came, where the peer writes answers as app-servers
   * do, else written anew. Such calls leave `callsMax - rawCallsMax` places to the others.
   */
  readonly raw?: boolean;
  /** Milliseconds until the call fails with `timeout`; a late answer is dropped. */
  readonly timeoutMs?: number;
  /** Called with the result in the read loop, before anything else that the peer sent after it is handled. */
  readonly onResult?: (result: unknown) => void;
}

export interface RpcClient {
  /**
   * @throws (rejects) {CodexdError} `app_server_error` with Codex's `code` and `message` in `detail`, or with `limit`
   *   where its answer is longer than the transport takes; `timeout`;
   *   `child_restarted` when the transport closes first; `not_ready` when too many calls wait; what the transport's
   *   `send` throws.
   */
  call(method: string, params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  notify(method: string): void;
  answer(id: RpcId, result: unknown): void;
  refuse(id: RpcId, code: number, message: string): void;
  /** Calls that have been sent and not answered. */
  readonly underWay: number;
  /** Every call under way settles with `child_restarted`, and nothing more is told; for a transport without an end. */
  giveUp(): void;
  /** Settles as the transport's own `connect` does; null where that gave nothing to wait for. */
  readonly connected: Promise<unknown> | null;
}

interface Call {
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly options: CallOptions;
  readonly outcome: Deferred<unknown>;
  timer: Timer | undefined;
  /** Monotonic. */
  readonly deadlineMs: number;
  /** Undefined while it waits for a place. */
  id: number | undefined;
}

export interface RpcClientOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly handlers: RpcHandlers;
  readonly callsMax?: number;
  readonly rawCallsMax?: number;
  readonly waitingMax?: number;
}

/** JSON-RPC's word for an error without a code of its own. */
const INTERNAL_ERROR = -32603;

export function createRpcClient({
  transport, clock, handlers, callsMax = LIMITS.childCallsMax, rawCallsMax = LIMITS.childRawCallsMax,
  waitingMax = LIMITS.childCallsWaitingMax,
}: RpcClientOptions): RpcClient {
  const underWay = new Map<number, Call>();
  const waiting: Call[] = [];
  let rawUnderWay = 0;
  let lastId = 0;
  let closed = false;

  const send = (call: Call): void => {
    const id = ++lastId;
    call.id = id;
    underWay.set(id, call);
    if (call.options.raw === true) rawUnderWay += 1;
    try {
      transport.send(encodeRequest(id, call.method, call.params));
    } catch (error) {
      // A transport of the user's own may throw: the call has not gone out, and only the call is told.
      const told = { code: INTERNAL_ERROR, message: errorMessage(error) };
      take(id)?.outcome.reject(error instanceof CodexdError ? error : appServerError(call.method, told));
    }
  };

  /** The time limit is the caller's, so it runs while the call waits for a place too. */
  const expire = (call: Call, timeoutMs: number): void => {
    if (call.id !== undefined) leave(call.id, call);
    else if (waiting.includes(call)) waiting.splice(waiting.indexOf(call), 1);
    call.outcome.reject(new CodexdError("timeout", `Codex did not answer ${call.method} within ${timeoutMs} ms`));
    sendWaiting();
  };

  const leave = (id: number, { options }: Call): void => {
    if (underWay.delete(id) && options.raw === true) rawUnderWay -= 1;
  };

  const hasPlace = ({ options }: Pick<Call, "options">): boolean =>
    underWay.size < callsMax && (options.raw !== true || rawUnderWay < rawCallsMax);

  const sendWaiting = (): void => {
    for (;;) {
      const at = waiting.findIndex(hasPlace);
      const [next] = at === -1 ? [] : waiting.splice(at, 1);
      if (next === undefined) return;
      // Its time is over in this same moment: what nobody waits for any more must not be begun.
      if (clock.monotonic() < next.deadlineMs) send(next);
    }
  };

  /** Takes the call that an answer is for; an answer to nothing (a late or second one) is dropped. */
  const take = (id: RpcId): Call | undefined => {
    const call = typeof id === "number" ? underWay.get(id) : undefined;
    if (call === undefined) return undefined;
    leave(id as number, call);
    call.timer?.cancel();
    return call;
  };

  const settle = (call: Call, result: unknown): void => {
    try {
      call.options.onResult?.(result);
      call.outcome.resolve(result);
    } catch (error) {
      // The caller's own failure is the caller's to have: the read loop goes on.
      call.outcome.reject(error);
    }
  };

  /** Takes the answer of a raw call unparsed; false leaves the line to be parsed. */
  const takeRaw = (text: string): boolean => {
    const answer = readRawAnswer(text);
    if (answer === undefined || underWay.get(answer.id)?.options.raw !== true) return false;
    const result = readRawResult(text, answer.at);
    if (result === undefined) return false;
    const call = take(answer.id);
    if (call !== undefined) settle(call, result);
    sendWaiting();
    return true;
  };

  const onMessage = (text: string): void => {
    if (handlers.onLine?.(text) === true || (rawUnderWay > 0 && takeRaw(text))) return;
    const message = parseRpcLine(text);
    switch (message.kind) {
      case "notification":
        return handlers.onNotification(message.method, message.params, message.emittedAtMs);
      case "request":
        return handlers.onRequest(message.id, message.method, message.params);
      case "noise":
        return handlers.onNoise(message.text);
      case "response": {
        const call = take(message.id);
        const result = call?.options.raw === true ? JSON.stringify(message.result) : message.result;
        if (call !== undefined) settle(call, result);
        return sendWaiting();
      }
      case "error": {
        const call = take(message.id);
        if (call !== undefined) {
          handlers.onRefused?.(call.method, message.error.message);
          call.outcome.reject(appServerError(call.method, message.error));
        }
        return sendWaiting();
      }
      default:
        return assertNever(message);
    }
  };

  const onClose = (reason: Error | null = null): void => {
    if (closed) return;
    closed = true;
    const owed = [...underWay.values(), ...waiting];
    underWay.clear();
    rawUnderWay = 0;
    waiting.length = 0;
    for (const call of owed) {
      call.timer?.cancel();
      call.outcome.reject(childGone(call.method));
    }
    handlers.onClose(reason);
  };

  /** An answer is its caller's loss alone; of anything else nobody would know what is missing. */
  const onTooLong = (head: string): boolean => {
    const answer = readRawAnswer(head);
    if (answer === undefined || answer.id > lastId) return false;
    const call = take(answer.id);
    if (call !== undefined) call.outcome.reject(tooLongError(call.method));
    sendWaiting();
    return true;
  };

  const connecting = transport.connect({ onMessage, onTooLong, onClose });
  const connected = connecting === undefined ? null : Promise.resolve(connecting);
  // Who waits for it is told; nobody need wait.
  connected?.catch(() => undefined);

  return {
    call(method, params, options = {}) {
      if (closed) return Promise.reject(childGone(method));
      const timeoutMs = options.timeoutMs ?? LIMITS.childCallMs;
      const deadlineMs = clock.monotonic() + timeoutMs;
      const call: Call = {
        method, params, options, deadlineMs, outcome: createDeferred(), timer: undefined, id: undefined,
      };
      // One that is made in `onResult`, when a place has just become free, does not overtake those that wait.
      const mustWait = !hasPlace(call) || waiting.some(hasPlace);
      if (mustWait && waiting.length >= waitingMax) {
        return Promise.reject(new CodexdError("not_ready", `${waitingMax} calls wait for Codex already`));
      }
      // Before it is sent: in memory the answer can come before `send` returns.
      call.timer = clock.after(timeoutMs, () => expire(call, timeoutMs));
      if (mustWait) waiting.push(call);
      else send(call);
      return call.outcome.promise;
    },
    connected,
    giveUp: () => onClose(),
    notify: (method) => transport.send(encodeNotification(method)),
    answer: (id, result) => transport.send(encodeResult(id, result)),
    refuse: (id, code, message) => transport.send(encodeError(id, code, message)),
    get underWay() {
      return underWay.size;
    },
  };
}

function appServerError(method: string, error: { code: number; message: string; data?: unknown }): CodexdError {
  return new CodexdError("app_server_error", `Codex refused ${method}: ${error.message}`, {
    method,
    code: error.code,
    message: error.message,
    ...(error.data === undefined ? {} : { data: error.data }),
  });
}

function tooLongError(method: string): CodexdError {
  const limit = LIMITS.childLineBytesMax;
  const message = `Codex answered ${method} with more than ${limit} bytes, which is the most that codexd takes`;
  return new CodexdError("app_server_error", message, { method, limit });
}

function childGone(method: string): CodexdError {
  return new CodexdError("child_restarted", `the app-server ended before it answered ${method}`);
}
