// RFC 6455 §4.1: the client's half of the opening handshake, over bytes.
//
// Invariants: an answer is read in time linear in its length and never beyond `LIMITS.headerBytesMax`; the connection
// is open only if the peer has proved, by the accept value, that it speaks WebSocket, and has agreed on nothing that
// was not asked for.

import { LIMITS } from "../core/limits.ts";
import { createByteStore } from "./byte-store.ts";
import { acceptValue, encodeHead, hasToken, headerValues } from "./ws-handshake.ts";

const END_OF_HEAD = "\r\n\r\n";
const STATUS_LINE = /^HTTP\/1\.1 ([1-5][0-9]{2})(?: |$)/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What another reader might take for the end of a line, and what may stand in none. */
const NOT_IN_A_LINE = /[\0\r\n]/;

export interface UpgradeRequestOptions {
  /** The Host field: with the port, unless it is the scheme's own. */
  readonly host: string;
  /** In origin form, with its query. */
  readonly path: string;
  /** Sixteen random bytes in base64, new for each connection. */
  readonly key: string;
  readonly bearer?: string | undefined;
  /** Further fields. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The whole request. @throws where a value would break out of its line. */
export function upgradeRequest({ host, path, key, bearer, headers = {} }: UpgradeRequestOptions): Buffer {
  const fields: Record<string, string> = {
    Host: host,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Version": "13",
    ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
    ...headers,
  };
  const lines = [`GET ${path} HTTP/1.1`, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`)];
  return encodeHead(lines);
}

export type UpgradeAnswer =
  | { readonly ok: true }
  /** `status` is null where the answer is no HTTP/1.1. */
  | { readonly ok: false; readonly status: number | null; readonly message: string };

/** Whether `head` (an HTTP answer up to, and without, its empty line) opens the connection asked for with `key`. */
export function judgeUpgradeResponse(head: string, key: string): UpgradeAnswer {
  const [statusLine = "", ...lines] = head.split("\r\n");
  const status = STATUS_LINE.exec(statusLine)?.[1];
  if (status === undefined) return { ok: false, status: null, message: "the answer is not HTTP/1.1" };
  const refuse = (message: string): UpgradeAnswer => ({ ok: false, status: Number(status), message });
  if (status !== "101") return refuse(`the upgrade was answered with ${statusLine.slice("HTTP/1.1 ".length)}`);

  const rawHeaders: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!FIELD_NAME.test(name) || NOT_IN_A_LINE.test(line)) return refuse("the answer has a malformed header");
    rawHeaders.push(name, line.slice(colon + 1));
  }
  if (!hasToken(headerValues(rawHeaders, "upgrade"), "websocket")) return refuse("the answer is no WebSocket");
  if (!hasToken(headerValues(rawHeaders, "connection"), "upgrade")) return refuse("the answer does not upgrade");
  const accepts = headerValues(rawHeaders, "sec-websocket-accept");
  if (accepts.length !== 1 || accepts[0] !== acceptValue(key)) return refuse("the answer has a wrong accept value");
  if (headerValues(rawHeaders, "sec-websocket-extensions").length > 0) return refuse("an extension was not asked for");
  if (headerValues(rawHeaders, "sec-websocket-protocol").length > 0) return refuse("a subprotocol was not asked for");
  return { ok: true };
}

export interface UpgradeReader {
  /**
   * Takes the next bytes of the answer; null until its head is complete. `rest` is what came after the head: frames
   * after a 101, else the beginning of the refusal's body. Push nothing after an outcome.
   */
  push(bytes: Buffer): (UpgradeAnswer & { readonly rest: Buffer }) | null;
}

/** @param key the one of the request. */
export function createUpgradeReader(key: string): UpgradeReader {
  const held = createByteStore(LIMITS.headerBytesMax);
  return {
    push(bytes) {
      const known = held.length;
      const taken = Math.min(bytes.length, LIMITS.headerBytesMax - known);
      held.append(bytes.subarray(0, taken));
      // The end may lie across the border; what came earlier has been searched.
      const headBytes = held.bytes().indexOf(END_OF_HEAD, Math.max(0, known - END_OF_HEAD.length + 1), "latin1");
      if (headBytes >= 0) {
        const head = held.bytes().toString("latin1", 0, headBytes);
        const rest = bytes.subarray(headBytes + END_OF_HEAD.length - known);
        return { ...judgeUpgradeResponse(head, key), rest };
      }
      if (held.length < LIMITS.headerBytesMax) return null;
      const message = `the answer's head is longer than ${LIMITS.headerBytesMax} bytes`;
      return { ok: false, status: null, message, rest: Buffer.alloc(0) };
    },
  };
}
