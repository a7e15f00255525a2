// What a reply looks like: the envelope, the headers that every reply carries, and errors as JSON.
//
// Deliberately without `Access-Control-*` and redirects: no other origin has business here.
// Invariant: no stack, path or cause of an unexpected error reaches a client; that goes to the log.

import { STATUS_CODES } from "node:http";
import { DecodeError } from "../base/decode.ts";
import type { Logger } from "../base/log.ts";
import { CodexdError, ERROR_STATUS, type ErrorCode } from "../core/errors.ts";

export const SECURITY_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
} as const;

export const JSON_TYPE = "application/json; charset=utf-8";

/** Fields that belong to a code, whoever refuses with it. */
const CODE_HEADERS: { readonly [C in ErrorCode]?: Readonly<Record<string, string>> } = {
  unauthorized: { "WWW-Authenticate": 'Bearer realm="codexd"' },
  upgrade_required: { Upgrade: "websocket", "Sec-WebSocket-Version": "13" },
};

/** Why a request gets no answer of its own. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  /** A sentence for people: the field, what was wrong with it, and what it takes. */
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: Readonly<Record<string, unknown>> | undefined;
}

export function refusal(
  code: ErrorCode,
  message: string,
  headers: Record<string, string> = {},
  detail?: Record<string, unknown>,
): Refusal {
  return { status: ERROR_STATUS[code], code, message, headers: { ...CODE_HEADERS[code], ...headers }, detail };
}

/** Anything thrown as a refusal; what is neither a CodexdError nor a DecodeError is a bug and is logged. */
export function refusalOf(error: unknown, log: Logger): Refusal {
  if (error instanceof CodexdError) {
    if (error.code === "internal_error") logCause(error, log);
    return refusal(error.code, error.message, {}, error.detail);
  }
  if (error instanceof DecodeError) return refusal("bad_request", error.message, {}, { field: error.path });
  logCause(error, log);
  return refusal("internal_error", "codexd has met an error of its own; its log says more");
}

/** Two spaces and a newline at the end, so that a terminal shows it well. */
export function prettyJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export function successText(data: object): string {
  return prettyJson({ ok: true, data });
}

export function refusalText({ code, message, detail }: Refusal): string {
  return prettyJson({ ok: false, error: code, message, ...(detail === undefined ? {} : { detail }) });
}

/** A whole reply as bytes, for sockets that Node's `ServerResponse` does not serve; it closes the connection. */
export function rawRefusal(refused: Refusal, options: { body: boolean }): string {
  const text = refusalText(refused);
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    ...refused.headers,
    "Content-Type": JSON_TYPE,
    "Content-Length": String(Buffer.byteLength(text)),
    Connection: "close",
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const status = `HTTP/1.1 ${refused.status} ${STATUS_CODES[refused.status] ?? "Error"}\r\n`;
  return `${status}${head}\r\n${options.body ? text : ""}`;
}

function logCause(error: unknown, log: Logger): void {
  const cause = error instanceof Error ? error.stack ?? error.message : String(error);
  log.error("a request has met an unexpected error", { cause });
}
