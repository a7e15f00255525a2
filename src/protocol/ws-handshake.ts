// RFC 6455 §4.2: the server's half of the opening handshake, as a judgement on a request that has been parsed.
//
// Deliberately not the guard: Host, Origin and the token are judged before this, for every request alike.
//
// Invariants: no extension and no subprotocol is ever agreed on, but what is offered must be well-formed; header lists
// are read in time linear in their length; a header that is not there is never taken for one that is.

import { createHash } from "node:crypto";
import { assert } from "../base/assert.ts";

/** RFC 6455 §1.3. */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION = "13";
const ONE_LINE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Sixteen bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const SUBPROTOCOL = new RegExp(`^${TOKEN}$`);
/** §9.1: what a quoted value says must be a token too, so no comma is ever quoted. */
const EXTENSION = new RegExp(
  `^${TOKEN}(?:[ \\t]*;[ \\t]*${TOKEN}(?:[ \\t]*=[ \\t]*(?:${TOKEN}|"(?:\\\\?${TOKEN.slice(0, -1)})+"))?)*$`,
);

/** What the judgement needs of a request; Node's IncomingMessage is one. */
export interface UpgradeRequest {
  readonly method?: string | undefined;
  /** `1.1`, as Node gives it. */
  readonly httpVersion: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

export type UpgradeJudgement =
  | { readonly ok: true; readonly accept: string }
  | {
    readonly ok: false;
    readonly status: 400 | 405 | 426;
    readonly message: string;
    /** Fields that the refusal must carry. */
    readonly headers: Readonly<Record<string, string>>;
  };

/** The `Sec-WebSocket-Accept` that belongs to a `Sec-WebSocket-Key`. */
export function acceptValue(key: string): string {
  return createHash("sha1").update(key + ACCEPT_SUFFIX).digest("base64");
}

/** Whether the request may become a WebSocket, and with which accept value. */
export function judgeUpgrade({ method, httpVersion, rawHeaders }: UpgradeRequest): UpgradeJudgement {
  if (method !== "GET") return refuse(405, "a WebSocket is opened with GET", { Allow: "GET" });
  if (httpVersion !== "1.1") return refuse(400, "a WebSocket is opened with HTTP/1.1");
  if (!hasToken(headerValues(rawHeaders, "connection"), "upgrade")) {
    return refuse(400, "the Connection header must name upgrade");
  }
  if (!hasToken(headerValues(rawHeaders, "upgrade"), "websocket")) {
    return refuse(400, "the Upgrade header must name websocket");
  }
  const versions = headerValues(rawHeaders, "sec-websocket-version");
  if (versions.length !== 1 || versions[0] !== VERSION) {
    return refuse(426, `Sec-WebSocket-Version must be ${VERSION}`, { "Sec-WebSocket-Version": VERSION });
  }
  const keys = headerValues(rawHeaders, "sec-websocket-key");
  const key = keys[0];
  if (keys.length !== 1 || key === undefined || !KEY.test(key)) {
    return refuse(400, "there must be exactly one Sec-WebSocket-Key, of 16 bytes in base64");
  }
  if (hasBody(rawHeaders)) return refuse(400, "a request that opens a WebSocket has no body");
  if (!offersAreWellFormed(rawHeaders)) {
    return refuse(400, "Sec-WebSocket-Protocol and Sec-WebSocket-Extensions must be lists as RFC 6455 has them");
  }
  return { ok: true, accept: acceptValue(key) };
}

/** The whole 101 answer, with fields of the caller's own; frames follow it at once. @throws like `encodeHead`. */
export function upgradeResponse(accept: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return encodeHead(lines);
}

/**
 * The first line and the fields of a message, and the empty line behind them. @throws where a value would break out of
 * its line: a sign above U+00FF too, as its low byte may be a line feed.
 */
export function encodeHead(lines: readonly string[]): Buffer {
  for (const line of lines) assert(ONE_LINE.test(line), "a header of an upgrade must be one line");
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/**
 * The values of every field of that name (lower case), in order and without the blanks around them: spaces and tabs
 * alone, so that nothing passes for a value that another reader of the same field would not take for it.
 */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(trimBlanks(rawHeaders[i + 1] ?? ""));
  }
  return values;
}

/** Whether one of the comma lists has the token (lower case); tokens are compared in any case. */
export function hasToken(values: readonly string[], token: string): boolean {
  return itemsOf(values).some((item) => item.toLowerCase() === token);
}

/** Node hands over what follows the head as the first frames; who stands before codexd would take it for a body. */
function hasBody(rawHeaders: readonly string[]): boolean {
  return headerValues(rawHeaders, "transfer-encoding").length > 0
    || headerValues(rawHeaders, "content-length").some((length) => length !== "0");
}

/** §4.2.1, §9.1: what is not agreed on must be well-formed all the same, or the handshake fails. */
function offersAreWellFormed(rawHeaders: readonly string[]): boolean {
  const protocols = headerValues(rawHeaders, "sec-websocket-protocol");
  const extensions = headerValues(rawHeaders, "sec-websocket-extensions");
  const names = itemsOf(protocols);
  return isListOf(protocols, SUBPROTOCOL) && isListOf(extensions, EXTENSION) && new Set(names).size === names.length;
}

/** Items may be empty, as in every list of HTTP, but a field of no other items is no list. */
function isListOf(values: readonly string[], form: RegExp): boolean {
  const items = itemsOf(values);
  return values.length === 0 || (items.length > 0 && items.every((item) => form.test(item)));
}

/** The items of comma lists, without the empty ones. */
function itemsOf(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(",").map(trimBlanks)).filter((item) => item !== "");
}

/** Not a regular expression: one for the end of a string takes quadratic time. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start += 1;
  while (start < end && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(sign: string | undefined): boolean {
  return sign === " " || sign === "\t";
}

function refuse(
  status: 400 | 405 | 426, message: string, headers: Readonly<Record<string, string>> = {},
): UpgradeJudgement {
  return { ok: false, status, message, headers };
}
