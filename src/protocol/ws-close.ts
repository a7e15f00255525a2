// RFC 6455 §7: close codes, the payload of a close frame, and the error that ends a connection.
//
// Invariant: only codes that §7.4 allows on the wire pass, in either direction; 1005 and 1006 exist only as what a
// program says of a connection that ended without a code.

import { isUtf8 } from "node:buffer";
import { assert } from "../base/assert.ts";
import { LIMITS } from "../core/limits.ts";

/** RFC 6455 §7.4.1 and the registry; 4000 and above are codexd's own. */
export const WS_CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupported: 1003,
  /** Never on the wire: the close frame had no code. */
  noCode: 1005,
  /** Never on the wire: there was no close frame. */
  abnormal: 1006,
  badText: 1007,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
  /** A client's message is not a JSON object. */
  badMessage: 4002,
  /** The token has been replaced. */
  unauthorized: 4401,
} as const;

/** The peer broke the protocol: the connection is closed with `closeCode`, and nothing more is read from it. */
export class WsProtocolError extends Error {
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.name = "WsProtocolError";
    this.closeCode = closeCode;
  }
}

/** Whether a close frame may carry `code`: 1004, 1005, 1006, 1015 and what is not assigned may not. */
export function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

export interface WsClose {
  /** Null where the frame has no payload. */
  readonly code: number | null;
  readonly reason: string;
}

/** @throws {WsProtocolError} 1002 for half a code or a code that is not allowed, 1007 for a reason not in UTF-8. */
export function decodeClosePayload(payload: Buffer): WsClose {
  if (payload.length === 0) return { code: null, reason: "" };
  if (payload.length === 1) throw halfCode();
  const code = payload.readUInt16BE(0);
  if (!isCloseCode(code)) throw new WsProtocolError(WS_CLOSE.protocolError, `close code ${code} is not allowed`);
  const reason = payload.subarray(2);
  if (!isUtf8(reason)) throw new WsProtocolError(WS_CLOSE.badText, "a close reason must be UTF-8");
  return { code, reason: reason.toString("utf8") };
}

/** The error of a close frame with one byte of payload. */
export function halfCode(): WsProtocolError {
  return new WsProtocolError(WS_CLOSE.protocolError, "a close code is two bytes");
}

/** A null `code` gives an empty payload; a long reason is cut between characters, to fit a control frame. */
export function encodeClosePayload(code: number | null, reason: string): Buffer {
  if (code === null) return Buffer.alloc(0);
  assert(isCloseCode(code), `close code ${code} must not be sent`);
  const payload = Buffer.alloc(LIMITS.wsControlPayloadBytesMax);
  payload.writeUInt16BE(code, 0);
  // write() puts no part of a character that does not fit.
  return payload.subarray(0, 2 + payload.write(reason, 2, "utf8"));
}
