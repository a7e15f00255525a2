// JSON-RPC as an app-server speaks it: one line to one value, one value to one line.
//
// Deliberately not: methods, pending calls, time limits (child/rpc-client.ts). Invariant: nothing that a peer sends
// throws here, or where it is written as JSON again; what is no message is `noise` with its text. The dialect has no
// "jsonrpc" member, its ids start at 0, and a request of the server's differs from a notification only by having an id.

import { isObject } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { isDeeper } from "./json-depth.ts";

export type RpcId = number | string;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  /** Undefined where the peer sent none. */
  readonly data: unknown;
}

export type RpcIncoming =
  | { readonly kind: "response"; readonly id: RpcId; readonly result: unknown }
  | { readonly kind: "error"; readonly id: RpcId; readonly error: RpcError }
  | { readonly kind: "request"; readonly id: RpcId; readonly method: string; readonly params: RpcParams }
  | {
    readonly kind: "notification";
    readonly method: string;
    readonly params: RpcParams;
    /** The peer's wall time in milliseconds; null from versions that do not send it. */
    readonly emittedAtMs: number | null;
  }
  | { readonly kind: "noise"; readonly text: string };

/** Parameters by name; `{}` where the message has none. */
export type RpcParams = Record<string, unknown>;

/** What one line says; never throws. */
export function parseRpcLine(text: string): RpcIncoming {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: "noise", text };
    throw error;
  }
  const noise = { kind: "noise", text } as const;
  return isObject(message) && !isDeeper(text, LIMITS.childJsonDepthMax) ? classify(message) ?? noise : noise;
}

/** One line with its newline; `params` is always there, because the app-server refuses a request without. */
export function encodeRequest(id: RpcId, method: string, params: RpcParams): string {
  return encodeLine({ id, method, params });
}

export function encodeNotification(method: string, params?: RpcParams): string {
  return encodeLine(params === undefined ? { method } : { method, params });
}

/** An undefined `result` goes out as null: an answer without a result would be none. */
export function encodeResult(id: RpcId, result: unknown): string {
  return encodeLine({ id, result: result ?? null });
}

export function encodeError(id: RpcId, code: number, message: string): string {
  return encodeLine({ id, error: { code, message } });
}

/** A backslash that stands for itself, or half of a character: JSON.stringify escapes a surrogate that stands alone. */
const HALF_CHARACTER = /\\\\|\\ud[89a-f][0-9a-f]{2}/g;

/**
 * Codex drops a line in which half of a character is escaped, and never answers it (measured): such a half, which is
 * what a text has that was cut within an emoji, goes out as U+FFFD.
 */
function encodeLine(message: Record<string, unknown>): string {
  const text = JSON.stringify(message);
  const whole = text.includes("\\ud") ? text.replace(HALF_CHARACTER, (it) => (it === "\\\\" ? it : "\ufffd")) : text;
  return `${whole}\n`;
}

function classify(message: Record<string, unknown>): RpcIncoming | undefined {
  const { id, method } = message;
  if (method === undefined) return classifyAnswer(message, id);
  const params = message["params"] ?? {};
  if (typeof method !== "string" || !isObject(params)) return undefined;
  if (id === undefined) {
    const emittedAtMs = message["emittedAtMs"];
    return { kind: "notification", method, params, emittedAtMs: typeof emittedAtMs === "number" ? emittedAtMs : null };
  }
  return isId(id) ? { kind: "request", id, method, params } : undefined;
}

function classifyAnswer(message: Record<string, unknown>, id: unknown): RpcIncoming | undefined {
  if (!isId(id)) return undefined;
  const { error, result } = message;
  if (isObject(error)) {
    const { code, message: sentence, data } = error;
    if (typeof code !== "number" || typeof sentence !== "string") return undefined;
    return { kind: "error", id, error: { code, message: sentence, data } };
  }
  return result === undefined ? undefined : { kind: "response", id, result };
}

function isId(id: unknown): id is RpcId {
  return typeof id === "number" || typeof id === "string";
}
